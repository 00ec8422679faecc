"""Warnings that point at the line of the user."""

import sys
import warnings

__all__ = ["warn_user"]

BETWEEN = {"skmimic", "sklearn", "torch", "contextlib", "joblib"}  # packages between a user and what warns


def warn_user(message, category):
    """Warn, and name the innermost line of code that belongs to no package of ours or between.

    Parameters
    ----------
    message : str
    category : type
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
