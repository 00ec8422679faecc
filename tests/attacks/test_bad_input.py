"""What cannot be attacked is refused, with the subject, what was expected, what came and what to do."""

import numpy as np
import pytest
import torch
from torch import nn

from skmimic.attacks import Budget, bpda_attack, exact_gradient_attack, poison_batch, straight_through
from skmimic.exceptions import AttackError, NotFiniteError, SkmimicError
from tests.attacks.helpers import Linear, direction, grey, squeeze

BUDGET = Budget(0.1, 2)
X, Y = grey(6).float(), torch.tensor([0, 1] * 3)


def attack(clean=squeeze, classifier=None, X=X, y=Y, budget=BUDGET, **options):
    classifier = Linear(direction().float()) if classifier is None else classifier
    return exact_gradient_attack(clean, classifier, X, y, budget, **options)


def with_value(value):
    broken = X.clone()
    broken[2, 0, 0, 0] = value
    return broken


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": with_value(torch.nan)}, "1 of 6 rows of X hold NaN or infinity"),
        ({"X": with_value(-torch.inf)}, "1 of 6 rows of X hold NaN or infinity"),
        ({"X": with_value(1.5)}, r"1 of 6 rows of X leave the bounds \(0.0, 1.0\); values go from .* to 1.5"),
        ({"X": X.flatten(1)}, r"images of shape \(n, channels, height, width\), got shape \(6, 16\)"),
        ({"X": X[:0], "y": Y[:0]}, r"got shape \(0, 1, 4, 4\)"),
        ({"X": (X * 255).to(torch.uint8)}, "must be of floating point, got torch.uint8. Divide bytes by 255"),
        ({"X": np.array([["a"]])}, "X must be an array or tensor of numbers"),
        ({"y": Y[:5]}, r"one label for each of the 6 images, got shape \(5,\)"),
        ({"y": Y.float()}, "must be whole numbers, the index of the right logit, got torch.float32"),
        ({"y": Y * 2}, "0 to 1, got labels from 0 to 2"),
        ({"y": Y - 1}, "0 to 1, got labels from -1 to 0"),
        ({"budget": 0.1}, "budget must be a Budget, such as"),
        ({"bounds": (1, 0)}, r"bounds must be \(low, high\)"),
        ({"loss": "hinge"}, "loss must be 'cross_entropy', 'margin' or a function"),
        ({"loss": lambda logits, y: nn.functional.cross_entropy(logits, y)}, "one number for each row"),
        ({"n_draws": 0}, "n_draws must be a whole number above zero, got 0"),
        ({"group_size": 2.5}, "group_size must be a whole number above zero, got 2.5"),
        ({"clean": "mimic"}, "clean must be callable"),
        ({"classifier": 3}, "classifier must be callable"),
        ({"clean": lambda x: x[:, :, :3]}, r"shape \(6, 1, 4, 4\) that it gets, got shape \(6, 1, 3, 4\)"),
        ({"clean": lambda x: x.detach().numpy()}, "that it gets, got ndarray"),
        ({"clean": lambda x: x.detach()}, r"clean is not differentiable.*no_grad.*Use bpda_attack"),
        ({"classifier": lambda x: x.detach().flatten(1)}, "classifier is not differentiable"),
        ({"classifier": lambda x: x.flatten(1).sum(dim=1)}, r"logits \(6, n_classes\).*got shape \(6,\)"),
        ({"classifier": lambda x: x.flatten(1)[:, :1]}, r"of two classes or more.*got shape \(6, 1\)"),
        ({"classifier": nn.Linear(9, 2)}, r"classifier failed on images of shape \(6, 1, 4, 4\), torch.float32"),
    ],
)
def test_it_is_refused(changes, message):
    with pytest.raises(AttackError, match=message) as caught:
        attack(**changes)
    assert isinstance(caught.value, (SkmimicError, ValueError))


def test_messages_begin_with_the_name_of_the_attack():
    classifier = Linear(direction().float())
    with pytest.raises(AttackError, match=r"^bpda_attack: 1 of 6 rows"):
        bpda_attack(squeeze, classifier, with_value(2.0), Y, BUDGET)
    with pytest.raises(AttackError, match=r"^poison_batch: y must be"):
        poison_batch(squeeze, classifier, X, Y[:2], 2)


def test_an_image_that_is_cut_off_is_told():
    weight = torch.ones(1, requires_grad=True)
    with pytest.raises(AttackError, match="no gradient in the images; they are cut off"):
        attack(clean=lambda images: images.detach() * weight)


def test_rounding_beyond_the_bounds_is_clipped():
    assert float(attack(X=with_value(1 + 1e-6)).images.max()) <= 1.0


def test_gradients_that_are_not_finite_are_an_error():
    def root(images):
        return images + (images - images).abs().sqrt()

    with pytest.raises(
        NotFiniteError, match="exact_gradient_attack: the gradient held NaN or infinity for 6 of 6 rows"
    ):
        attack(clean=root)


def test_logits_that_are_not_finite_are_an_error():
    def classifier(images):
        flat = images.flatten(1)
        return torch.cat([flat[:, :1], flat[:, 1:2] / 0], dim=1)

    with pytest.raises(NotFiniteError, match="NaN or infinity for 6 of 6 rows"):
        attack(classifier=classifier)


def test_an_identity_backwards_needs_the_shape_of_the_images():
    with pytest.raises(AttackError, match=r"straight_through: clean must give images of the shape \(6, 1, 4, 4\)"):
        straight_through(lambda images: images[:1])(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"eps": 0}, "Budget: eps must be a finite number above zero, in units of pixels, got 0"),
        ({"eps": float("inf")}, "Budget: eps"),
        ({"eps": True}, "Budget: eps"),
        ({"n_steps": 0}, "Budget: n_steps must be a whole number above zero, got 0"),
        ({"n_steps": 1.5}, "Budget: n_steps"),
        ({"step_size": -1.0}, "Budget: step_size"),
        ({"n_restarts": 0}, "Budget: n_restarts"),
        ({"norm": "l1"}, "norm must be one of 'linf', 'l2', 'rms', got 'l1'"),
    ],
)
def test_a_budget_is_checked(parameters, message):
    with pytest.raises(AttackError, match=message):
        Budget(**{"eps": 0.1, "n_steps": 5, **parameters})


def test_a_step_crosses_the_ball_and_turns():
    assert Budget(0.1, 50).step_length == pytest.approx(0.005)
    assert Budget(0.1, 50, step_size=0.02).step_length == 0.02
