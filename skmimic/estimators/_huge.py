"""Infinities and values too large to compute with are refused by name, before they come back as NaN."""

import numpy as np

from ..exceptions import DataRangeError

__all__ = ["refuse_far", "refuse_huge"]

LARGEST = 1e15  # of any value: its square, summed over 3e8 pixels, is still finite in single precision, 3.4e38
FARTHEST = 2.0**20  # half-ranges from the middle: single precision has 24 bits, so beyond it one pixel's loss
# swallows a twentieth of a half-range in all others


def refuse_huge(subject, rows):
    """Refuse infinities, and values too large to be squared and summed in single precision.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    rows : ndarray (n, n_features)
        NaN is no value.

    Raises
    ------
    DataRangeError
    """
    _refuse(subject, rows, 0.0, LARGEST, f"more than {LARGEST:g}, which single precision cannot square and sum")


def refuse_far(subject, rows, bounds):
    """Raise DataRangeError where a value is so far outside the range of the data that the others would not count.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    rows : ndarray (n, n_features)
        NaN is no value.
    bounds : Bounds
        Range of the data.
    """
    middle, half = (bounds.low + bounds.high) / 2, (bounds.high - bounds.low) / 2
    reason = f"a million times farther out than the data range {tuple(bounds)}, so that the other pixels do not count"
    _refuse(subject, rows, middle, FARTHEST * half, reason)


def _refuse(subject, rows, middle, farthest, reason):
    if rows.dtype.kind != "f" or not rows.size:
        return
    low, high = float(np.fmin.reduce(rows, axis=None)), float(np.fmax.reduce(rows, axis=None))
    if np.isinf([low, high]).any():
        _refuse_infinities(subject, rows)
    if max(high - middle, middle - low) <= farthest:
        return
    worst = low if middle - low > high - middle else high
    row = int((rows == worst).any(axis=1).argmax())
    raise DataRangeError(
        f"{subject}: X holds {worst:g} in row {row}; that is {reason}. Correct it, or put NaN for a pixel that was not "
        "seen; if all values are so large, divide X and the data_range by a power of ten."
    )


def _refuse_infinities(subject, rows):
    is_infinite = np.isinf(rows).any(axis=1)
    raise DataRangeError(
        f"{subject}: X contains infinity in {int(is_infinite.sum())} of {len(rows)} rows; the first is row "
        f"{is_infinite.argmax()}. Correct them, or put NaN for a pixel that was not seen."
    )
