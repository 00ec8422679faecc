"""Attacks by gradient against worst cases that are known."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmimic.attacks import Budget, bpda_attack, exact_gradient_attack, margin_attack
from tests.attacks.helpers import Linear, balanced, direction, grey, mean_defence, rounding, squeeze

ATTACKS = [exact_gradient_attack, bpda_attack, margin_attack]


def signed_margins(classifier, X, y):
    side = X.flatten(1) @ classifier.w.detach() - classifier.threshold
    return torch.where(y == 1, side, -side)


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
def test_a_linear_classifier_behind_a_linear_defence_loses_the_dual_norm(norm, dual):
    X = grey()
    matrix = torch.eye(16, dtype=X.dtype) + 0.3 * torch.randn(16, 16, generator=torch.Generator().manual_seed(2)).to(X)
    classifier, y = balanced((X.flatten(1) @ matrix).reshape(X.shape))

    def clean(images):
        return (images.flatten(1) @ matrix).reshape(images.shape)

    budget = Budget(0.02, 20, norm=norm)
    result = exact_gradient_attack(clean, classifier, X, y, budget, group_size=7)
    lost = budget.eps * torch.linalg.vector_norm(matrix @ classifier.w.detach(), ord=dual)
    torch.testing.assert_close(result.margins, signed_margins(classifier, clean(X), y) - lost)
    torch.testing.assert_close(result.distances, torch.full_like(result.distances, budget.eps))
    assert result.accuracy == pytest.approx(float((result.margins > 0).double().mean()))


def test_rms_is_the_euclidean_length_over_the_root_of_the_number_of_pixels():
    X = grey()
    classifier, y = balanced(X)
    rms = exact_gradient_attack(None, classifier, X, y, Budget(0.01, 10, norm="rms"))
    l2 = exact_gradient_attack(None, classifier, X, y, Budget(0.04, 10, norm="l2"))
    torch.testing.assert_close(rms.images, l2.images)


def test_coupled_rows_are_attacked_together():
    """Behind x - mean, a row also gains by what it does to the others: the sum of losses is what rises."""
    X = grey(20)
    classifier, y = balanced(X)
    budget = Budget(0.02, 20)
    result = exact_gradient_attack(mean_defence, classifier, X, y, budget, loss="margin")
    toward = torch.where(y == 1, -1.0, 1.0).to(X)
    others = toward - toward.mean()  # what a push along w is worth after the mean is taken off
    push = budget.eps * others.sign()[:, None] * classifier.w.detach().sign()
    worst = X + push.reshape(X.shape)
    expected = signed_margins(classifier, mean_defence(worst), y)
    assert float(result.margins.sum()) <= float(expected.sum()) + 1e-9


def test_what_is_returned_is_what_was_judged():
    X = grey(30)
    classifier, y = balanced(X)
    result = exact_gradient_attack(mean_defence, classifier, X, y, Budget(0.01, 5), group_size=13)
    for rows in torch.arange(30).split(13):
        answers = classifier(mean_defence(result.images[rows])).argmax(dim=1)
        assert ((answers != y[rows]) == result.is_fooled[rows]).all()


@settings(max_examples=25)
@given(
    eps=st.floats(1e-3, 2.0),
    norm=st.sampled_from(["linf", "l2", "rms"]),
    n_restarts=st.integers(1, 3),
    attack=st.sampled_from(ATTACKS),
    bounds=st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]),
)
def test_images_stay_within_the_budget_and_the_bounds(eps, norm, n_restarts, attack, bounds):
    low, high = bounds
    X = low + (high - low) * torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    classifier, y = Linear(direction().float()), torch.tensor([0, 1] * 3)
    budget = Budget(eps * (high - low), 3, n_restarts=n_restarts, norm=norm)
    result = attack(squeeze, classifier, X, y, budget, bounds=bounds, random_state=0)
    rounding_of_values = 3e-7 * (high - low) * (4 if norm == "l2" else 1)
    assert float(result.distances.max()) <= budget.eps * (1 + 1e-5) + rounding_of_values
    assert float(result.images.min()) >= low
    assert float(result.images.max()) <= high
    assert result.loss_curve.shape == (n_restarts, 4)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("clean", [squeeze, mean_defence])
def test_an_attack_never_helps(attack, clean):
    X = grey(24)
    classifier, y = balanced(clean(X))
    y[::5] = 1 - y[::5]
    before = float((classifier(clean(X)).argmax(dim=1) == y).double().mean())
    assert attack(clean, classifier, X, y, Budget(0.005, 3), group_size=24).accuracy <= before


def test_the_exact_gradient_is_at_least_as_strong_as_the_identity_where_the_defence_turns_images():
    X = grey(60)
    turn = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(3)).to(X)).Q

    def clean(images):
        return 0.5 + torch.tanh((images.flatten(1) - 0.5) @ turn).reshape(images.shape)

    classifier, y = balanced(clean(X))
    exact, identity = (attack(clean, classifier, X, y, Budget(0.02, 20)) for attack in ATTACKS[:2])
    assert exact.accuracy < identity.accuracy
    assert (exact.margins <= identity.margins + 1e-9).all()


def test_the_identity_helps_where_the_gradient_is_zero():
    X = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    classifier, y = balanced(rounding(X).double())
    classifier = classifier.float()
    budget = Budget(0.2, 20)
    exact = exact_gradient_attack(rounding, classifier, X, y, budget)
    assert torch.equal(exact.images, X)
    assert bpda_attack(rounding, classifier, X, y, budget).accuracy < exact.accuracy - 0.3


def test_tiny_gradients_do_not_stop_the_attack():
    class Tiny(torch.autograd.Function):
        @staticmethod
        def forward(ctx, images):
            return images.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * 1e-30

    X = grey().float()
    classifier, y = balanced(X.double())
    classifier = classifier.float()
    for norm in ("linf", "l2", "rms"):
        budget = Budget(0.02, 10, norm=norm)
        usual = exact_gradient_attack(None, classifier, X, y, budget, loss="margin")
        tiny = exact_gradient_attack(Tiny.apply, classifier, X, y, budget, loss="margin")
        torch.testing.assert_close(tiny.margins, usual.margins, atol=1e-4, rtol=0)


def test_the_margin_attack_is_the_exact_attack_with_the_margin_as_loss():
    X = grey()
    classifier, y = balanced(X)
    budget = Budget(0.01, 5, n_restarts=3)
    margin = margin_attack(squeeze, classifier, X, y, budget, random_state=3)
    exact = exact_gradient_attack(squeeze, classifier, X, y, budget, loss="margin", random_state=3)
    assert torch.equal(margin.images, exact.images)


def test_restarts_leave_a_local_maximum():
    """The loss is flat at X and falls towards the nearer end; only a random start comes across."""
    X, y = torch.full((50, 1, 1, 1), 0.5), torch.zeros(50, dtype=torch.long)

    def classifier(images):
        x = images.flatten(1) - 0.5
        return torch.cat([0.01 - x.relu().square(), torch.zeros_like(x)], dim=1)

    once = exact_gradient_attack(None, classifier, X, y, Budget(0.3, 10))
    again = exact_gradient_attack(None, classifier, X, y, Budget(0.3, 10, n_restarts=5), random_state=0)
    assert once.accuracy == 1.0
    assert again.accuracy < 0.2


def test_the_expectation_over_draws_finds_what_one_draw_does_not():
    """Two gradients in five point the wrong way; their mean over many draws seldom does."""
    X = grey(60).float()
    classifier, y = balanced(X.double())
    classifier = classifier.float()

    def clean(images):
        return images + 4.0 * torch.randn(len(images), 1, 1, 1) * (images - 0.5)

    def accuracy(n_draws):
        result = exact_gradient_attack(clean, classifier, X, y, Budget(0.03, 5), n_draws=n_draws, random_state=0)
        return float((classifier(result.images).argmax(dim=1) == y).double().mean())  # the mean image is the image

    assert accuracy(30) < accuracy(1) - 0.1


def test_a_loss_of_ones_own():
    X = grey()
    classifier, y = balanced(X)

    def loss(logits, labels):
        return -logits.gather(1, labels[:, None]).squeeze(1)

    budget = Budget(0.02, 10)
    own = exact_gradient_attack(None, classifier, X, y, budget, loss=loss)
    torch.testing.assert_close(own.margins, margin_attack(None, classifier, X, y, budget).margins)


def test_the_loss_curve_is_the_mean_loss_on_the_way():
    X = grey(30)
    classifier, y = balanced(X)
    curve = margin_attack(None, classifier, X, y, Budget(0.02, 8), group_size=11).loss_curve[0]
    assert float(curve[0]) == pytest.approx(-float(signed_margins(classifier, X, y).mean()))
    assert (curve.diff() >= -1e-12).all()


def test_a_group_of_one_row_and_rows_in_groups_do_as_alone_where_nothing_couples_them():
    X = grey(9)
    classifier, y = balanced(X)
    whole = exact_gradient_attack(squeeze, classifier, X, y, Budget(0.01, 4))
    parts = exact_gradient_attack(squeeze, classifier, X, y, Budget(0.01, 4), group_size=1)
    torch.testing.assert_close(whole.images, parts.images)
