"""Checks of the arguments of corruptions."""

import math
from numbers import Integral, Real

__all__ = ["check_number", "check_seed"]


def check_number(subject, name, value, low=-math.inf, high=math.inf, *, strict=False):
    """Raise TypeError or ValueError unless `value` is a finite number in [low, high], or above `low` if strict."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{subject}: {name} must be a number, got {value!r}.")
    if not math.isfinite(value) or not low <= value <= high or (strict and value == low):
        interval = f"{'(' if strict or low == -math.inf else '['}{low:g}, {high:g}{')' if high == math.inf else ']'}"
        raise ValueError(f"{subject}: {name} must be a finite number in {interval}, got {value!r}.")


def check_seed(subject, value):
    """Raise TypeError unless `value` is an integer: any other random state would give a new corruption at each call."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{subject}: random_state must be an integer, so that f stays one function, got {value!r}.")
