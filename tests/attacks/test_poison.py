"""Poisoned rows: a mean gives way to few of them, a median below a half does not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmimic.attacks import Budget, poison_batch, straight_through
from tests.attacks.helpers import balanced, grey, mean_defence, median_defence, squeeze


def untouched_accuracy(clean, classifier, X, y, result):
    answers = classifier(clean(X)).argmax(dim=1)
    return float((answers == y)[result.is_judged].double().mean())


def test_few_rows_move_a_mean_and_not_a_median():
    X = grey(100)
    classifier, y = balanced(X)
    mean, median = (
        poison_batch(clean, classifier, X, y, 10, random_state=0) for clean in (mean_defence, median_defence)
    )
    assert mean.accuracy < 0.6  # a shift fools one class of two
    assert median.accuracy > mean.accuracy + 0.15


def test_more_than_half_of_the_rows_move_a_median():
    X = grey(100)
    classifier, y = balanced(X)
    assert poison_batch(median_defence, classifier, X, y, 60, random_state=0).accuracy < 0.6


def test_the_worst_rows_against_a_mean_and_a_linear_classifier_are_the_corners_of_the_pattern():
    X = grey(50)
    classifier, y = balanced(X)
    y = torch.ones_like(y)  # one class, so that a shift along -w is the worst
    result = poison_batch(mean_defence, classifier, X, y, 5, loss="margin", random_state=0)
    corner = (classifier.w.detach() > 0).to(X).reshape(1, *X.shape[1:])
    rows = result.images[~result.is_judged]
    assert torch.equal(rows, corner.expand_as(rows))


@pytest.mark.parametrize("clean", [mean_defence, median_defence, straight_through(mean_defence)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_direction_of_the_push_is_found(clean, sign):
    """A defence that adds what rows share is pushed the other way."""
    X = grey(60)
    classifier, y = balanced(X)

    def signed(images):
        shared = images - clean(images)
        return images - sign * shared

    result = poison_batch(signed, classifier, X, y, 32, random_state=0)
    assert result.accuracy < min(0.75, untouched_accuracy(signed, classifier, X, y, result))


@settings(max_examples=15)
@given(n_poisoned=st.integers(1, 9), group_size=st.integers(10, 40), seed=st.integers(0, 100))
def test_clean_rows_stay_and_each_group_has_its_poison(n_poisoned, group_size, seed):
    X = grey(group_size * 2, spread=0.5)
    classifier, y = balanced(X)
    budget = Budget(0.2, 2, n_restarts=2)
    result = poison_batch(mean_defence, classifier, X, y, n_poisoned, budget, group_size=group_size, random_state=seed)
    assert torch.equal(result.images[result.is_judged], X[result.is_judged])
    assert [int((~part).sum()) for part in result.is_judged.split(group_size)] == [n_poisoned] * 2
    assert float(result.distances.max()) <= 0.2 + 1e-12
    before = torch.cat([classifier(mean_defence(part)) for part in X.split(group_size)]).argmax(dim=1) == y
    assert result.accuracy <= float(before[result.is_judged].double().mean())


def test_rows_that_share_nothing_cannot_be_poisoned():
    X = grey(30)
    classifier, y = balanced(squeeze(X))
    result = poison_batch(squeeze, classifier, X, y, 10, random_state=0)
    assert result.accuracy == untouched_accuracy(squeeze, classifier, X, y, result)


def test_a_group_without_clean_rows_is_refused():
    X = grey(25)
    classifier, y = balanced(X)
    with pytest.raises(ValueError, match="smallest group of 25 rows by 10 has 5, so with n_poisoned=5 no clean row"):
        poison_batch(mean_defence, classifier, X, y, 5, group_size=10)
    with pytest.raises(ValueError, match="n_poisoned must be a whole number above zero, got 0"):
        poison_batch(mean_defence, classifier, X, y, 0)
