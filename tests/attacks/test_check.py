"""Masked gradients are told of, sound ones are not."""

import pytest
import torch

from skmimic.attacks import Budget, MaskingSign, check_gradients
from skmimic.exceptions import AttackError, MaskedGradientWarning
from tests.attacks.helpers import balanced, grey, mean_defence, rounding, squeeze

BUDGET = Budget(0.02, 10)


def checked(clean, X=None, budget=BUDGET, **options):
    X = grey(40).float() if X is None else X
    classifier, y = balanced(clean(X).detach().double())
    return check_gradients(clean, classifier.float(), X, y, budget, random_state=0, **options)


@pytest.mark.parametrize("clean", [squeeze, mean_defence])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_smooth_defences_are_sound(clean, norm):
    report = checked(clean, budget=Budget(0.02 if norm == "linf" else 0.08, 10, norm=norm))
    assert not report.is_masked
    assert report.accuracies[0] == 1.0
    assert report.accuracies[-1] == 0.0
    assert report.eps[0] == 0.0
    assert list(report.eps) == sorted(report.eps)
    assert report.loss_end > report.loss_start
    assert report.sentence.startswith("The gradients look sound. Accuracy: 100% at eps 0")


def test_rounding_is_masked():
    X = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    with pytest.warns(MaskedGradientWarning, match=r"look masked.*zero for many rows.*bpda_attack"):
        report = checked(rounding, X, Budget(0.2, 20))
    assert report.n_zero == report.n_rows == 40
    expected = {MaskingSign.ZERO, MaskingSign.LOSS_STAYS, MaskingSign.STRAIGHT_THROUGH_WINS, MaskingSign.NEVER_BROKEN}
    assert expected <= set(report.signs)


def test_a_gradient_that_points_the_wrong_way_is_masked():
    class Backwards(torch.autograd.Function):
        @staticmethod
        def forward(ctx, images):
            return images.clone()

        @staticmethod
        def backward(ctx, gradient):
            return -gradient

    with pytest.warns(MaskedGradientWarning):
        report = checked(Backwards.apply)
    assert report.n_zero == 0
    assert {MaskingSign.LOSS_STAYS, MaskingSign.RANDOM_WINS, MaskingSign.NEVER_BROKEN} <= set(report.signs)


def test_gradients_that_are_not_finite_are_counted_and_no_attack_is_run():
    def root(images):
        return images + (images - images).abs().sqrt()

    with pytest.warns(MaskedGradientWarning, match="NaN or infinity"):
        report = checked(root)
    assert report.signs == (MaskingSign.NOT_FINITE,)
    assert report.n_not_finite == report.n_rows == 40
    assert report.accuracies == ()


def test_a_classifier_without_a_defence_can_be_checked():
    X = grey(30)
    classifier, y = balanced(X)
    assert not check_gradients(None, classifier, X.numpy(), y.tolist(), BUDGET, random_state=0).is_masked


def test_a_defence_without_any_gradient_is_refused():
    with pytest.raises(AttackError, match="check_gradients: clean is not differentiable"):
        checked(lambda images: images.detach().round())
