"""Universal perturbations walk towards the attack."""

import numpy as np
import pytest
import torch

from skmimic.attacks import Budget, apply_universal, exact_gradient_attack, universal_perturbation
from skmimic.exceptions import AttackError
from tests.attacks.helpers import balanced, grey


def test_the_pattern_is_the_mean_change_and_it_harms_while_its_opposite_does_not():
    X = grey(60)
    classifier, y = balanced(X)
    rows = y == 1
    X, y = X[rows], y[rows]
    attacked = exact_gradient_attack(None, classifier, X, y, Budget(0.005, 10)).images
    pattern = universal_perturbation(X, attacked)
    torch.testing.assert_close(pattern, (attacked - X).mean(dim=0))

    def accuracy(strength):
        return float((classifier(apply_universal(X, pattern, strength)).argmax(dim=1) == y).double().mean())

    assert accuracy(4) < accuracy(1) < accuracy(0) == accuracy(-4) == 1.0


def test_the_result_is_clipped_and_of_the_kind_that_came():
    X = np.linspace(0, 1, 32, dtype=np.float32).reshape(2, 1, 4, 4)
    attacked = apply_universal(X, np.full((1, 4, 4), 0.5), 1.0)
    assert attacked.dtype == np.float32
    np.testing.assert_allclose(attacked, np.minimum(X + 0.5, 1))
    assert isinstance(universal_perturbation(torch.tensor(X), torch.tensor(attacked)), torch.Tensor)
    assert universal_perturbation(X, attacked).shape == (1, 4, 4)
    assert apply_universal(X * 255, np.full((1, 4, 4), 9.0), bounds=(0, 255)).max() == 255


def test_what_does_not_fit_is_refused():
    X = np.zeros((2, 1, 4, 4))
    with pytest.raises(AttackError, match="must be the same rows"):
        universal_perturbation(X, X[:1])
    with pytest.raises(AttackError, match=r"pattern must have the shape \(1, 4, 4\)"):
        apply_universal(X, np.zeros((1, 4, 5)))
    with pytest.raises(AttackError, match="1 of 2 rows of X_attacked hold NaN"):
        universal_perturbation(X, np.where(np.arange(2).reshape(2, 1, 1, 1) == 1, np.nan, X))
    with pytest.raises(AttackError, match="leave the bounds"):
        apply_universal(X - 1, np.zeros((1, 4, 4)))
