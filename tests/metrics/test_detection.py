"""Conformal p-values and what they detect."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skmimic.metrics import detection_rate, p_values

vectors = arrays(np.float64, st.integers(1, 30), elements=st.integers(-5, 5).map(float))


@given(vectors, vectors)
def test_p_values_count_the_normals_at_or_below(scores, normals):
    expected = [(1 + np.sum(normals <= s)) / (len(normals) + 1) for s in scores]
    np.testing.assert_array_equal(p_values(scores, normals), expected)


@given(vectors, vectors)
def test_p_values_rise_with_the_score_and_ignore_the_scale(scores, normals):
    scores = np.sort(scores)
    p = p_values(scores, normals)
    assert np.all(np.diff(p) >= 0)
    assert np.all((p > 0) & (p <= 1))
    np.testing.assert_array_equal(p, p_values(np.exp(scores), np.exp(normals)))


@given(arrays(np.float64, st.integers(2, 40), elements=st.integers(-5, 5).map(float)), st.floats(0.01, 1))
def test_exchangeable_normals_raise_at_most_alpha_false_alarms(scores, alpha):
    """Leave each out in turn: the exact form of the conformal guarantee."""
    p = np.array([p_values(scores[[i]], np.delete(scores, i))[0] for i in range(len(scores))])
    assert np.mean(p <= alpha) <= alpha


def test_detection_rate_is_one_for_far_and_small_for_equal_scores():
    normals = np.random.default_rng(0).normal(size=1000)
    assert detection_rate(normals - 100, normals) == 1
    assert detection_rate(normals + 100, normals) == 0
    assert detection_rate(normals, normals, alpha=0.1) == pytest.approx(0.1, abs=0.002)


def test_too_few_normals_find_nothing():
    assert detection_rate([-100.0], np.zeros(18), alpha=0.05) == 0
    assert detection_rate([-100.0], np.zeros(19), alpha=0.05) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: p_values([1.0], []), "normal_scores is empty"),
        (lambda: p_values([np.nan], [1.0]), "scores must be a vector of numbers without NaN"),
        (lambda: p_values([1.0], [[1.0]]), r"normal_scores must be a vector.*shape \(1, 1\)"),
        (lambda: detection_rate([1.0], [1.0], alpha=0), r"alpha must be a rate in \(0, 1\), got 0"),
        (lambda: detection_rate([], [1.0]), "anomaly_scores is empty"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
