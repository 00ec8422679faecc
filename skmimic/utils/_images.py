"""Rows of X to images and back, and the value range of pixels. The only reshape of the package."""

import math
from typing import NamedTuple

__all__ = ["BYTES", "CANONICAL", "Bounds", "as_images", "as_rows", "infer_image_shape", "n_values"]


class Bounds(NamedTuple):
    """Range of pixel values.

    Parameters
    ----------
    low, high : float
        Value of the darkest and of the brightest pixel, ``low < high``.
    """

    low: float
    high: float

    @classmethod
    def of(cls, value):
        """Read a pair of numbers as a range.

        Parameters
        ----------
        value : pair of numbers
            ``(low, high)``.

        Returns
        -------
        Bounds

        Raises
        ------
        ValueError
            If `value` is not a pair of finite numbers with ``low < high``.
        """
        try:
            low, high = (float(v) for v in value)
        except (TypeError, ValueError):
            raise ValueError(f"data_range must be a pair (low, high) of numbers, got {value!r}.") from None
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"data_range must be (low, high) with low < high, both finite, got {value!r}.")
        return cls(low, high)

    def convert(self, values, to):
        """Map values (array or tensor) affinely from this range to another.

        Parameters
        ----------
        values : array or tensor of floats
        to : Bounds

        Returns
        -------
        array or tensor
            Same type and shape; `values` itself when the ranges are equal.
        """
        if self == to:
            return values
        scale = (to.high - to.low) / (self.high - self.low)
        return (values - self.low) * scale + to.low


BYTES = Bounds(0.0, 255.0)
CANONICAL = Bounds(-1.0, 1.0)  # what the engine computes in


def n_values(image_shape):
    """Return the number of pixel values C*H*W of an image shape."""
    return math.prod(image_shape)


def as_images(rows, image_shape):
    """View rows (n, C*H*W) as images (n, C, H, W)."""
    return rows.reshape(len(rows), *image_shape)


def as_rows(images):
    """View images (n, C, H, W) as rows (n, C*H*W)."""
    return images.reshape(len(images), -1)


def infer_image_shape(n_features):
    """Guess (C, H, W) of a row: a grey square, an RGB square, or a plain vector (1, 1, n_features)."""
    for channels in (1, 3):
        side = math.isqrt(n_features // channels)
        if side >= 8 and channels * side * side == n_features:
            return (channels, side, side)
    return (1, 1, n_features)
