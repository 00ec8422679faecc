"""Rows, images, and the value range."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from skmimic.exceptions import DataRangeError, DataRangeWarning
from skmimic.utils import BYTES, CANONICAL, UNIT, Bounds, as_images, as_rows, background_of, infer_image_shape, n_values

numbers = st.floats(-1e4, 1e4)
ranges = st.tuples(numbers, st.floats(1e-2, 1e4)).map(lambda pair: Bounds(pair[0], pair[0] + pair[1]))


@given(ranges, ranges, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_converting_there_and_back_changes_nothing(first, second, parts):
    values = first.low + np.array(parts) * (first.high - first.low)
    back = second.convert(first.convert(values, second), first)
    size = max(abs(first.low), abs(first.high), (first.high - first.low) / (second.high - second.low) * 1e4)
    np.testing.assert_allclose(back, values, atol=1e-12 * size)


@given(ranges, ranges)
def test_ends_go_to_ends_and_the_middle_to_the_middle(first, second):
    values = np.array([first.low, (first.low + first.high) / 2, first.high])
    middle = (second.low + second.high) / 2
    np.testing.assert_allclose(
        first.convert(values, second), [second.low, middle, second.high], rtol=1e-9, atol=1e-6 * (abs(middle) + 1)
    )


@given(ranges, st.lists(numbers, min_size=2, max_size=6))
def test_conversion_keeps_the_order(bounds, values):
    converted = bounds.convert(np.sort(values), CANONICAL)
    assert np.all(np.diff(converted) >= 0)


def test_the_same_range_gives_the_very_values():
    values = torch.rand(3)
    assert CANONICAL.convert(values, Bounds(-1, 1)) is values


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_conversion_keeps_tensors_and_their_dtype(dtype):
    converted = Bounds(0, 255).convert(torch.tensor([0, 255], dtype=dtype), CANONICAL)
    assert torch.equal(converted, torch.tensor([-1, 1], dtype=dtype))


@pytest.mark.parametrize("value", [(0, 255), [0, 255], np.array([0, 255]), Bounds(0.0, 255.0)])
def test_a_range_is_read_from_any_pair(value):
    assert Bounds.of(value) == (0.0, 255.0)
    assert isinstance(Bounds.of(value), Bounds)


@pytest.mark.parametrize("value", [None, 3, (1,), (1, 2, 3), ("a", "b"), (1, 1), (1, 0), (0, math.inf), (math.nan, 1)])
def test_what_is_no_range_is_named(value):
    with pytest.raises(ValueError, match=r"data_range must be .*low.*high.*got"):
        Bounds.of(value)


# -- reading a range off values ---------------------------------------------------------------------------------------

shares = st.lists(st.floats(0, 1), min_size=1, max_size=5).map(lambda parts: np.array([0.0, 1.0, *parts]))


@pytest.mark.parametrize("usual", [UNIT, CANONICAL, BYTES])
@given(parts=shares)
def test_images_from_black_to_white_are_read_in_the_usual_ranges(usual, parts):
    assert Bounds.read(UNIT.convert(parts, usual), "test") == usual


@given(shares, st.floats(0.01, 0.99), st.floats(0.05, 1.0))
def test_normalised_images_are_refused_with_the_range_to_give(parts, mean, deviation):
    values = (parts - mean) / deviation
    assume(values.max() > 1.3 or values.min() < -1.3)
    with pytest.raises(DataRangeError, match=r"\(\(0 - mean\) / std, \(1 - mean\) / std\)"):
        Bounds.read(values, "test")
    told = Bounds.of(((0 - mean) / deviation, (1 - mean) / deviation))
    np.testing.assert_allclose(told.convert(values, UNIT), parts, atol=1e-9)


@given(shares, st.floats(1.2, 120))
def test_other_scales_are_refused_and_never_taken_for_bytes(parts, white):
    with pytest.raises(DataRangeError, match=r"data_range=\(0, \d"):
        Bounds.read(parts * white, "test")


@pytest.mark.parametrize(("white", "told"), [(15.75, 16), (9.6, 10), (63, 63), (4000, 4095), (70_000, 70000)])
def test_the_refusal_names_the_likely_scale(white, told):
    with pytest.raises(DataRangeError, match=rf"test: X goes from 0 to .*data_range=\(0, {told}\)"):
        Bounds.read(np.array([0.0, white]), "test")


@given(shares, numbers, st.floats(2.5, 1e4))
def test_a_range_that_is_expected_is_taken_where_values_fill_it(parts, low, width):
    own = Bounds(low, low + width)
    values = UNIT.convert(parts, own)
    assume(not any(usual.holds(values.min(), values.max()) for usual in (UNIT, CANONICAL, BYTES)))
    assert Bounds.read(values, "test", own=own) == own
    with pytest.raises(DataRangeError):
        Bounds.read(values, "test")


@given(numbers, st.floats(1e-3, 1e4), numbers, st.floats(1e-3, 1e3))
def test_the_span_of_values_follows_their_units(low, width, offset, scale):
    values = low + width * np.array([[0.3, 0.0], [1.0, 0.2]])
    span, moved = Bounds.spanning(values), Bounds.spanning(scale * values + offset)
    size = abs(offset) + scale * (abs(low) + width)
    assert span == (low, low + width)
    np.testing.assert_allclose(moved, scale * np.array(span) + offset, atol=1e-12 * size)


def test_the_span_leaves_hot_pixels_out():
    rows = np.tile([0.0, 0.3, 1.0], (9, 1))
    rows[0, 1] = 4000.0
    assert Bounds.spanning(rows) == (0, 2)


def test_the_span_of_one_value_is_a_range_around_it():
    assert Bounds.spanning(np.full(3, 7.0)) == (6, 8)


def test_pixels_that_are_not_seen_have_no_say():
    assert Bounds.read(np.array([0.0, np.nan, 1.0]), "test") == UNIT
    assert Bounds.spanning(np.array([5.0, np.nan, 3.0])) == (3, 5)


@pytest.mark.parametrize("values", [[0, 1], [0, 1, 16], [3, 9], [7, 7]])
def test_bytes_that_fill_next_to_nothing_are_refused(values):
    with pytest.raises(DataRangeError, match=r"X is uint8.*data_range=\(0, \d+\), or data_range=\(0, 255\)"):
        Bounds.read(np.array(values, dtype=np.uint8), "test")


@pytest.mark.parametrize("values", [[0, 255], [0, 80], [200, 210]])
def test_other_bytes_are_bytes(values):
    assert Bounds.read(np.array(values, dtype=np.uint8), "test", own=CANONICAL) == BYTES


@pytest.mark.parametrize("values", [[True, False], [True, True], [False]])
def test_booleans_are_black_and_white(values):
    assert Bounds.read(np.array(values), "test", own=CANONICAL) == UNIT


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.2, 0.9], [-0.04, 1.03]])
def test_values_above_zero_are_in_0_to_1_but_a_generator_in_minus_1_to_1_leaves_a_doubt(values):
    assert Bounds.read(np.array(values), "test") == UNIT
    with pytest.warns(DataRangeWarning, match=r"could be in \(0, 1\) or in \(-1, 1\)"):
        assert Bounds.read(np.array(values), "test", own=CANONICAL) == UNIT


@pytest.mark.parametrize("values", [[-0.2, 1.0], [-0.06, 1.05], [-0.2, 0.8]])
def test_values_a_little_below_zero_could_be_noise_or_grey(values):
    values = np.array(values)
    for own in (None, CANONICAL):
        with pytest.raises(
            DataRangeError, match=r"Pass data_range=\(0, 1\) if black is 0|Pass data_range=\(-0\.5, 0\.5"
        ):
            Bounds.read(values, "test", own=own)
    with pytest.warns(DataRangeWarning, match=rf"test: X goes from {values[0]:g} to"):
        assert Bounds.read(values, "test", own=UNIT) == UNIT


@pytest.mark.parametrize("values", [[-0.9, 0.03], [-1.0, -1.0], [-1.0, 0.2]])
def test_few_values_around_zero_are_in_minus_1_to_1(values):
    assert Bounds.read(np.array(values), "test", own=CANONICAL) == CANONICAL


@pytest.mark.parametrize("values", [[-0.02, 0.03], [-0.5, 0.5], [-0.55, 0.6], [-0.7, 0.1]])
def test_values_that_keep_away_from_both_ends_are_in_doubt(values):
    """As images in [0, 1] less their mean, or less a half; a generator in [-1, 1] leaves the doubt of the half only."""
    values = np.array(values)
    for own in (None, BYTES):
        with pytest.raises(DataRangeError, match=r"Pass data_range=\(-0\.5, 0\.5\)"):
            Bounds.read(values, "test", own=own)
    if values[1] == 0.5:
        with pytest.warns(DataRangeWarning, match=r"could be in \(-1, 1\) or in"):
            assert Bounds.read(values, "test", own=CANONICAL) == CANONICAL
    else:
        assert Bounds.read(values, "test", own=CANONICAL) == CANONICAL


@pytest.mark.parametrize("factor", [0.1, 1 / 255])
def test_values_that_fill_next_to_nothing_of_0_to_1_are_in_doubt(factor):
    values = factor * np.linspace(0, 1, 9)
    for own in (None, BYTES):
        with pytest.raises(DataRangeError):
            Bounds.read(values, "test", own=own)
    with pytest.warns(DataRangeWarning, match=r"could be in \(0, 1\) or in"):
        assert Bounds.read(values, "test", own=UNIT) == UNIT


def test_a_range_that_is_expected_but_hardly_filled_is_not_taken():
    assert Bounds.read(np.array([0.0, 1.0]), "test", own=BYTES) == UNIT
    with pytest.raises(DataRangeError, match=r"The generator gives values in \(0, 255\)"):
        Bounds.read(np.array([0.0, 16.0]), "test", own=BYTES)


@given(st.integers(0, 5), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))
def test_rows_and_images_are_views_of_each_other(n, channels, height, width):
    rows = np.arange(n * channels * height * width).reshape(n, -1 if n else channels * height * width)
    images = as_images(rows, (channels, height, width))
    assert images.shape == (n, channels, height, width)
    assert n_values(images.shape[1:]) == rows.shape[1]
    if n:
        np.testing.assert_array_equal(as_rows(images), rows)
        assert np.shares_memory(as_rows(images), rows)


@pytest.mark.parametrize(
    ("n_features", "shape"),
    [(784, (1, 28, 28)), (256, (1, 16, 16)), (64, (1, 8, 8)), (3 * 64 * 64, (3, 64, 64)), (7, (1, 1, 7))],
)
def test_usual_shapes_are_inferred(n_features, shape):
    assert infer_image_shape(n_features) == shape


@given(st.integers(1, 50_000))
def test_an_inferred_shape_has_the_right_number_of_values(n_features):
    channels, height, width = infer_image_shape(n_features)
    assert channels * height * width == n_features


@given(st.sampled_from([1, 3]), st.integers(8, 256))
def test_square_images_are_recognised(channels, side):
    inferred = infer_image_shape(channels * side * side)
    assert inferred == (channels, side, side)


# -- background -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "seen"), [(-1.0, -1), (-0.97, -1), (0.96, 1), (0.3, 0.3), (-0.6, -0.6)])
def test_the_background_is_what_dominates_the_border(value, seen):
    images = torch.rand(20, 3, 8, 8) * 2 - 1
    images[..., [0, -1], :] = images[..., :, [0, -1]] = value
    assert background_of(images) == pytest.approx(seen)
    assert background_of(torch.rand(20, 3, 8, 8) * 2 - 1) == -1


def test_rows_that_saw_few_pixels_do_not_narrow_the_range():
    rows = np.random.default_rng(0).uniform(-3, 5, (10, 40))
    whole = Bounds.spanning(rows)
    rows[2:, 1:] = np.nan
    assert Bounds.spanning(rows) == pytest.approx(Bounds.spanning(rows[:2]), abs=1e-9)
    assert whole.low <= Bounds.spanning(rows).low
    lone = np.where(np.eye(6, dtype=bool), np.arange(6.0), np.nan)
    assert Bounds.spanning(lone) == (0.0, 5.0)
