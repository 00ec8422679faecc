"""Rows, images, and the value range."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.utils import CANONICAL, Bounds, as_images, as_rows, infer_image_shape, n_values

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
