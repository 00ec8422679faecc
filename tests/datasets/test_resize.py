"""Resizing against Pillow, and its laws."""

import numpy as np
import pytest
from PIL import Image

from skmimic.datasets import load_mnist_sample, resize_images

DIGITS = load_mnist_sample().images[:50]
rng = np.random.default_rng(0)


@pytest.mark.parametrize("size", [7, 16, 20, 28, 32, 56])
def test_agrees_with_pillow_to_one_grey_level(size):
    expected = np.stack([Image.fromarray(x).resize((size, size), Image.Resampling.BILINEAR) for x in DIGITS])
    difference = np.abs(resize_images(DIGITS, size).astype(int) - expected)
    assert difference.max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_keeps_dtype_range_and_constants(dtype):
    images = (rng.random((6, 3, 12, 10)) * 255).astype(dtype)
    resized = resize_images(images, (5, 8))
    assert resized.shape == (6, 3, 5, 8)
    assert resized.dtype == dtype
    assert images.min() <= resized.min() <= resized.max() <= images.max()
    np.testing.assert_allclose(resize_images(np.full((2, 9, 9), 77, dtype), 4), 77, rtol=1e-6)


def test_is_linear_on_floats():
    a, b = rng.random((2, 3, 12, 12))
    np.testing.assert_allclose(resize_images(2 * a - b, 7), 2 * resize_images(a, 7) - resize_images(b, 7), atol=1e-12)


def test_images_do_not_depend_on_their_neighbours_or_their_number(monkeypatch):
    whole = resize_images(DIGITS, 16)
    monkeypatch.setattr("skmimic.datasets._resize.CHUNK", 7)
    np.testing.assert_array_equal(resize_images(DIGITS, 16), whole)
    np.testing.assert_array_equal(resize_images(DIGITS[30:31], 16), whole[30:31])
    assert resize_images(DIGITS[:0], 16).shape == (0, 16, 16)


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_are_resized_as_the_images_that_they_hold(channels):
    images = (rng.random((5, channels, 12, 12)) * 255).astype(np.uint8)
    np.testing.assert_array_equal(
        resize_images(images.reshape(5, -1), (9, 20)), resize_images(images, (9, 20)).reshape(5, -1)
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_channels_may_be_last(channels, dtype):
    images = (rng.random((5, channels, 12, 9)) * 255).astype(dtype)
    found = resize_images(np.moveaxis(images, 1, -1), (7, 20))
    np.testing.assert_array_equal(found, np.moveaxis(resize_images(images, (7, 20)), 1, -1))
    assert found.flags.c_contiguous


def test_planes_of_channels_that_nobody_can_tell():
    images = rng.random((2, 8, 12, 9))
    with pytest.raises(ValueError, match=r"\(8, 12, 9\) may have their channels first or last. Pass planes"):
        resize_images(images, 6)
    assert resize_images(images[..., :8, :8], 6).shape == (2, 8, 6, 6)


def test_same_size_gives_an_equal_copy():
    same = resize_images(DIGITS, 28)
    np.testing.assert_array_equal(same, DIGITS)
    assert not np.shares_memory(same, DIGITS)


@pytest.mark.parametrize(
    ("images", "size", "error", "message"),
    [
        (DIGITS, 0, ValueError, "size must be a positive integer or a pair of them, got 0"),
        (DIGITS, 16.0, ValueError, "got 16.0"),
        (DIGITS, (16, 16, 3), ValueError, "size must be"),
        (DIGITS[0, 0], 16, ValueError, r"images must be .* rows \(n, n_features\), got shape \(28,\)"),
        (DIGITS[0], 16, ValueError, "28 rows of 28 values are no grey or RGB squares of at least 8x8 pixels. Reshape"),
        (rng.random((64, 64)), 16, ValueError, "64 rows of 64 values may be one image as well. Reshape"),
        (rng.random((28, 28, 3)), 16, ValueError, r"\(28, 28, 3\) looks like one image \(h, w, c\). Pass images\[None"),
        (DIGITS.astype(int), 16, TypeError, "uint8, float32 or float64, got int64"),
    ],
)
def test_bad_input_is_named(images, size, error, message):
    with pytest.raises(error, match=message):
        resize_images(images, size)
