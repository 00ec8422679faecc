"""Values in quite other units than those that were told."""

import numpy as np

__all__ = ["ends_of", "is_far_outside"]


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
