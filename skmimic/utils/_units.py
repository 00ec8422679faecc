"""Values in quite other units than those that were told."""

import numpy as np

__all__ = ["check_canonical", "ends_of", "is_far_outside", "steps_of"]

N_STEPS = 4096  # of a range; rounding of float32 is a thousandth of a step


def ends_of(values):
    """Find the least and the largest value of an array; NaN is no value, and where there is none both are NaN."""
    values = np.asarray(values)
    if not values.size:
        return np.nan, np.nan
    return float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))


def is_far_outside(values, low, high):
    """Whether values lie farther outside a range than it is wide, as noise and generators do not.

    Parameters
    ----------
    values : ndarray
        NaN is no value.
    low, high : float
        The range.

    Returns
    -------
    bool
    """
    least, largest = ends_of(values)
    return least < low - (high - low) or largest > high + (high - low)


def check_canonical(subject, images, white=1.0):
    """Refuse images in quite other units than [-1, 1].

    Parameters
    ----------
    subject : str
        Who asks, for messages.
    images : ndarray
    white : float, default=1.0
        How far the units go where the user told others.

    Raises
    ------
    ValueError
    """
    if is_far_outside(images, -white, white):
        low, high = ends_of(images)
        raise ValueError(
            f"{subject} expects values in [-1, 1], got {low:g} to {high:g}. Convert them: values in 0..255 are "
            "images / 127.5 - 1."
        )


def steps_of(values, bounds):
    """Number values in steps of their range, so that other units give the same numbers.

    Parameters
    ----------
    values : ndarray
    bounds : Bounds

    Returns
    -------
    ndarray, float32
    """
    values = np.asarray(values, dtype=np.float64)
    low, high = bounds
    return (np.round((values - low) * (N_STEPS / (high - low))) + 0.0).astype(np.float32)  # no zero has a sign
