"""Columns that are no pixels, such as labels, names and indices: which they are, and how to drop them."""

import numpy as np

from ..utils import first_line
from ._refusals import listed, n_axes

__all__ = ["cure_of_surplus", "error_of_words"]

MOST_SURPLUS = 2  # columns: a label and an index


def error_of_words(subject, X):
    """Make the error for rows of which some columns are no numbers.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    X : array-like (n, n_features)
        Which scikit-learn has refused.

    Returns
    -------
    ValueError, TypeError or None
        None where all columns are numbers, or X has none.
    """
    if getattr(getattr(X, "dtype", None), "kind", "O") in "biufc":
        return None
    try:
        values = np.asarray(X, dtype=object)
    except ValueError:  # of ragged lists
        return None
    if values.ndim != 2 or not values.size:
        return None
    columns = dict(zip(_names(X, values), values.T, strict=True))
    reasons = {name: _why_no_numbers(column) for name, column in columns.items()}
    bad = {name: reason for name, reason in reasons.items() if reason is not None}
    if not bad:
        return None
    pictured = next((name for name in bad if n_axes(columns[name][0]) >= 2), None)
    if pictured is not None:
        cure = f"Column {pictured!r} holds images: pass X[{pictured!r}].tolist()."
    else:
        cure = _dropping(list(bad), hasattr(X, "columns"), to_numbers=".astype(np.float32)")
    first = next(iter(bad.values()))
    kind = TypeError if isinstance(first, TypeError) else ValueError
    return kind(f"{subject}: X has columns that are no numbers: {listed(bad)} ({first_line(first)}). {cure}")


def _dropping(columns, is_frame, to_numbers=""):
    """Say how to drop columns; frames are read by name, in pandas and in polars."""
    if is_frame:
        return f"Drop what is no pixel: pass X[[name for name in X.columns if name not in {columns}]]."
    return f"Drop what is no pixel: pass np.delete(X, {columns}, axis=1){to_numbers}."


def _names(X, values):
    return list(X.columns) if hasattr(X, "columns") else list(range(values.shape[1]))


def _why_no_numbers(column):
    """The error that numpy has for a column, or None."""
    try:
        column.astype(np.float64)
    except (TypeError, ValueError) as error:
        return None if all(_is_number(value) for value in column) else error
    return None


def _is_number(value):
    """Whether a value is a number, or pandas' word for one that was not seen."""
    try:
        float(value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"
    return True


def cure_of_surplus(rows, n_wanted, names=None):
    """Say which columns may be a label or an index where there are one or two too many.

    Parameters
    ----------
    rows : array-like (n, n_features)
    n_wanted : int
        Number of features that were expected.
    names : sequence of str or None, default=None
        Of the columns.

    Returns
    -------
    str or None
        None where there are not one or two too many.
    """
    rows = np.asarray(rows)
    n_surplus = rows.shape[1] - n_wanted if rows.ndim == 2 else 0
    if not 1 <= n_surplus <= MOST_SURPLUS or not len(rows):
        return None
    one = n_surplus == 1
    what = "one column too many, perhaps a label or an index" if one else "two too many, perhaps a label and an index"
    found = _whole_columns(rows, n_surplus)
    if found is None:
        cure = "the first, X[:, 1:], or the last, X[:, :-1]" if one else "both: X[:, 2:], X[:, :-2] or X[:, 1:-1]"
        return f"It has {what}. Drop {cure}."
    where = [int(index) for index in found] if names is None else [str(names[index]) for index in found]
    which = f"column {listed(where)} holds" if one else f"columns {listed(where)} hold"
    return f"It has {what}: {which} whole numbers, unlike the others. {_dropping(where, names is not None)}"


def _whole_columns(rows, n_surplus):
    """Indices of as many columns as are too many, which alone count the rows or hold whole numbers; else None."""
    try:
        rows = rows.astype(np.float64)
    except (TypeError, ValueError):
        return None
    with np.errstate(invalid="ignore"):
        is_whole = (rows == np.round(rows)).all(axis=0) & (np.ptp(rows, axis=0) > 0)
        counts = is_whole & (np.diff(rows, axis=0) == 1).all(axis=0) & (len(rows) > 2)
    others = rows[:, ~is_whole]
    if others.size:
        low, high = np.nanmin(others), np.nanmax(others)
        leaves = is_whole & ((rows < low) | (rows > high)).any(axis=0)
    else:
        leaves = np.zeros_like(is_whole)
    for suspects in (counts, leaves, is_whole):
        if suspects.sum() == n_surplus:
            return np.flatnonzero(suspects)
    return None
