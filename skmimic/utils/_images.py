"""Rows of X to images and back, and the value range of pixels. The only reshape of the package."""

import math
from typing import NamedTuple

import numpy as np
import torch

from ..exceptions import DataRangeError, DataRangeWarning
from ._warnings import warn_user

__all__ = [
    "BYTES",
    "CANONICAL",
    "FAINT",
    "UNIT",
    "Bounds",
    "as_images",
    "as_rows",
    "background_of",
    "infer_image_shape",
    "is_centred",
    "n_values",
]

SLACK = 0.05  # of the range, for noise; of what the values span where that is less
FILLED = 0.5  # of 0..255 that floats must span to be taken for bytes: percentages and z-scores span less
TELLING = 0.5  # of a row that must be seen for it to tell what rows usually span; few pixels span next to nothing
FAINT = 0.125  # of a range, below which values look as if they were in other units: 0..16 of bytes fill 0.063
WIDE = 2.0  # width of [-1, 1]; nobody keeps images in a range narrower than the usual ones
NEARLY_FULL = 0.75  # of an end of [-1, 1] that values reach which are taken to be in it without a generator in it
NEARLY_HALF = 0.45  # where both ends of values in [-1, 1] lie between this and a half, they may be in [-0.5, 0.5]
NEAR = 0.1  # in [-1, 1]: values that differ by less look the same
DOMINATING = 0.5  # part of the border; of MNIST .99 and more are black, of faces hardly any tenth is of one value
SCALES = (1, 10, 16, 31, 63, 100, 255, 1023, 4095, 65535)  # usual values of white above a black of 0


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

    def holds(self, low, high, slack=SLACK):
        """Tell whether values from `low` to `high` lie inside, a twentieth aside.

        Parameters
        ----------
        low, high : float
        slack : float, default=0.05
            Part of the range, or of what the values span where that is less.

        Returns
        -------
        bool
        """
        slack = slack * min(self.high - self.low, high - low)
        return self.low - slack <= low and high <= self.high + slack

    def is_filled(self, low, high, part):
        """Tell whether values span at least a part of the range; they always do where it is narrow.

        Parameters
        ----------
        low, high : float
        part : float
            In (0, 1].

        Returns
        -------
        bool
        """
        width = self.high - self.low
        return width <= WIDE or high - low >= part * width

    @classmethod
    def spanning(cls, values):
        """Return the range from the least to the largest value of rows, whatever the units.

        A few values far beyond what rows usually span, such as hot pixels, are left outside.

        Parameters
        ----------
        values : array or tensor (n, ...)
            NaN is left out.

        Returns
        -------
        Bounds
            From one below to one above where there is but one value.
        """
        rows = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
        lows, highs = np.fmin.reduce(rows, axis=1), np.fmax.reduce(rows, axis=1)
        low, high = float(np.nanmin(lows)), float(np.nanmax(highs))
        telling = (~np.isnan(rows)).mean(axis=1) >= TELLING
        if telling.any():
            usual_low, usual_high = float(np.median(lows[telling])), float(np.median(highs[telling]))
            width = usual_high - usual_low
            if width > 0:
                low, high = max(low, usual_low - width), min(high, usual_high + width)
        return cls(low, high) if low < high else cls(low - 1.0, high + 1.0)

    @classmethod
    def read(cls, values, subject, name="X", own=None):
        """Find the range that pixel values are in, if they tell: the one rule of the package.

        Bytes are in 0..255 and booleans in 0..1. Other values are in the smallest of [0, 1], [-1, 1] and [0, 255] that
        holds them; bytes as floats must span half of theirs, an eighth of [0, 1] must be spanned, and an end of [-1, 1]
        be near. A range that is known for another reason, that of a generator, may hold them as well.

        Parameters
        ----------
        values : array or tensor on the CPU
            NaN is left out.
        subject : str
            Who asks, for messages.
        name : str, default="X"
            What the values are, for messages.
        own : Bounds or None, default=None
            Range that the values are expected in.

        Returns
        -------
        Bounds

        Raises
        ------
        DataRangeError
            If no range fits, or several do and none is expected. It says which `data_range` to give.

        Warns
        -----
        DataRangeWarning
            If two ranges could be meant, of which the more plausible one is taken.
        """
        low, high = _ends(values)
        kind = str(getattr(values, "dtype", ""))
        if kind.endswith("bool"):
            return UNIT
        if kind.endswith("uint8"):
            if not BYTES.is_filled(0, high, FAINT):
                raise DataRangeError(
                    f"{subject}: {name} is uint8, which means 0 to 255, but goes from {low:g} to {high:g} only. Pass "
                    f"data_range=(0, {_white(high)}), or data_range=(0, 255) if these are dark bytes."
                )
            return BYTES
        found = _plausible(low, high, own)
        if not found or (len(found) > 1 and own not in found):
            raise DataRangeError(_refusal(subject, name, low, high, own))
        if len(found) > 1:
            first, second = (f"({r.low:g}, {r.high:g})" for r in found)
            whose = " of the generator" if own is not None else ""
            warn_user(
                f"{subject}: {name} goes from {low:g} to {high:g}, which could be in {first} or in {second}; the range"
                f"{whose} is {tuple(own)}. {name} is taken to be in {tuple(found[0])}. Pass data_range=(low, high), "
                "the values of black and white.",
                DataRangeWarning,
            )
        return found[0]


BYTES = Bounds(0.0, 255.0)
CANONICAL = Bounds(-1.0, 1.0)  # what the engine computes in
UNIT = Bounds(0.0, 1.0)


def _ends(values):
    """The least and the largest value that is seen."""
    values = np.asarray(values)
    return float(np.nanmin(values)), float(np.nanmax(values))


def _plausible(low, high, own):
    """Ranges that the values may be in, the more plausible first; two at most."""
    usual = [each for each in (UNIT, CANONICAL) if each.holds(low, high)][:1]
    if not usual and BYTES.holds(low, high) and BYTES.is_filled(low, high, FILLED):
        usual = [BYTES]
    if usual == [UNIT] and 0 < high - low < FAINT:  # [0, 1] divided by 255 once more, or nearly black
        usual = [UNIT, Bounds(0.0, high)] if own == UNIT else []
    elif usual == [CANONICAL] and -low < high / 2:  # little below 0: noise on [0, 1], a z-score, or no black in sight
        usual = [UNIT, CANONICAL] if own == UNIT else []
    elif usual == [CANONICAL] and (is_centred(low, high) or (own != CANONICAL and max(-low, high) < NEARLY_FULL)):
        usual = [CANONICAL, Bounds(-0.5, 0.5)] if own == CANONICAL else []
    was_weighed = own is None or own in usual or (own == CANONICAL and not usual)
    if was_weighed or not (own.holds(low, high) and own.is_filled(low, high, FAINT)):
        return usual
    is_reached = low - own.low < (own.high - own.low) / 4
    return [own, *usual[:1]] if is_reached else [*usual[:1], own]


def is_centred(low, high):
    """Tell whether values fill (-0.5, 0.5), as images in [0, 1] less a half do.

    Parameters
    ----------
    low, high : float

    Returns
    -------
    bool
    """
    return all(NEARLY_HALF <= end <= 0.5 for end in (-low, high))


def _refusal(subject, name, low, high, own):
    """Say which data_range to give."""
    doubt = f"{subject}: {name} goes from {low:g} to {high:g}, which does not tell the values of black and white"
    expected = "" if own is None else f" The generator gives values in ({own.low:g}, {own.high:g})."
    normalised = "((0 - mean) / std, (1 - mean) / std) if images in [0, 1] were normalised or z-scored"
    if low < 0 and max(-low, high) < NEARLY_FULL:
        cure = (
            "data_range=(-0.5, 0.5) if images in [0, 1] were centred so, (-1, 1) if they lack contrast, or whatever "
            "black and white are"
        )
    elif low < 0 and CANONICAL.holds(low, high):
        cure = f"data_range=(0, 1) if black is 0 and the rest is noise, (-1, 1) if nothing is black, or {normalised}"
    else:
        doubt = f"{doubt}: (0, 1), (-1, 1) and (0, 255) are the usual ones"
        scaled = f"for instance data_range=(0, {_white(high)})"
        cure = "data_range=(low, high), " + (f"data_range={normalised}" if low < 0 else scaled)
    return f"{doubt}.{expected} Pass {cure}."


def _white(high):
    """The usual value of white that is not below a value."""
    return next((f"{scale}" for scale in SCALES if scale >= high), f"{high:g}")


def background_of(images):
    """Find the value that dominates the borders of images, as paper does on written pages.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        In [-1, 1].

    Returns
    -------
    float
        In [-1, 1]; black, -1, where no value dominates.
    """
    edges = (images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1])
    border = torch.cat([edge.flatten() for edge in edges])
    value = border.median()
    if (border - value).abs().lt(NEAR).float().mean() < DOMINATING:
        return CANONICAL.low
    value = value.item()
    ends = [end for end in CANONICAL if abs(value - end) < NEAR]  # a network hardly reaches them
    return ends[0] if ends else value


def n_values(image_shape):
    """Return the number of pixel values C*H*W of an image shape."""
    return math.prod(image_shape)


def as_images(rows, image_shape):
    """View rows (n, C*H*W) as images (n, C, H, W)."""
    return rows.reshape(len(rows), *image_shape)


def as_rows(images):
    """View images (n, C, H, W) as rows (n, C*H*W)."""
    return images.reshape(len(images), math.prod(images.shape[1:]))  # -1 fails where there are none


def infer_image_shape(n_features):
    """Guess (C, H, W) of a row: a grey square, an RGB square, or a plain vector (1, 1, n_features)."""
    for channels in (1, 3):
        side = math.isqrt(n_features // channels)
        if side >= 8 and channels * side * side == n_features:
            return (channels, side, side)
    return (1, 1, n_features)
