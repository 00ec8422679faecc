"""Columns that are no pixels, such as labels, names and indices: which they are, and how to drop them."""

import re

import numpy as np

from ..utils import first_line
from ._refusals import listed, n_axes

__all__ = ["cure_of_surplus", "error_of_words"]

MOST_SURPLUS = 2  # columns that are explained, a label and an index: with more, the images are of another size
FAR = 0.5  # of the range of the pixels, by which a constant column must leave it: a black one does by a tenth at most
MOST_LISTED = 10  # columns that an advice lists, and at most half of all: more are no labels that were left in
FEWEST_PIXELS = 3  # numbers in a text that is an image: two may be a number with a decimal comma
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+(e[+-]?\d+)?\s*", re.IGNORECASE)


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
    cure = _cure(X, columns, list(bad))
    first = next(iter(bad.values()))
    kind = TypeError if isinstance(first, TypeError) else ValueError
    return kind(f"{subject}: X has columns that are no numbers: {listed(bad)} ({_shortened(first)}). {cure}")


def _shortened(error, most=100):
    line = first_line(error)
    return line if len(line) <= most else f"{line[:most]}..."


def _cure(X, columns, bad):
    """Say what to do with columns that are no numbers: images in one column, names in row 0, or what is no pixel."""
    is_frame = hasattr(X, "columns")
    for name in bad:
        one = f"X[{name!r}]" if is_frame else f"X[:, {name}]"
        axes, text = n_axes(columns[name][0]), _split(columns[name][0])
        if axes >= 2:
            return f"Column {name!r} holds images: pass {one}.{'to_list' if is_frame else 'tolist'}()."
        if axes == 1:
            return f"Column {name!r} holds an image in each row: pass np.stack({one})."
        if text is not None:
            each = f"[{text} for text in {one}]"
            return f"Column {name!r} holds images as text: pass np.array({each}, dtype=np.float32)."
    words = [columns[name] for name in bad]
    if 2 * len(bad) <= len(columns) and len(bad) <= MOST_LISTED:
        return _dropping(bad, is_frame, to_numbers=".astype(np.float32)")
    n_headed = sum(len(column) > 1 and _why_no_numbers(column[1:]) is None for column in words)
    if 2 * n_headed > len(columns):
        return "Row 0 of X holds names, not pixels: pass np.asarray(X[1:], dtype=np.float32)."
    if all(_is_number(value) or DECIMAL_COMMA.fullmatch(str(value)) for column in words for value in column):
        return (
            "The numbers have a decimal comma: read the file with decimal=',', or pass "
            "np.char.replace(np.asarray(X, dtype=str), ',', '.').astype(np.float32)."
        )
    return "Turn these into numbers before, or pass the columns that hold pixels only."


def _split(text):
    """Write how to split a text of many numbers, such as "0 0 12"; None where it is none."""
    if not isinstance(text, str):
        return None
    bare = text.strip("[]() \n")
    separator = next((sign for sign in ",;" if sign in bare), None)
    numbers = bare.split(separator)
    if len(numbers) < FEWEST_PIXELS or not all(map(_is_number, numbers)):
        return None
    strip = "" if bare == text.strip() else ".strip('[]() ')"
    return f"text{strip}.split({'' if separator is None else repr(separator)})"


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
    try:
        rows = np.asarray(rows)
    except ValueError:  # of ragged lists
        return None
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
    """Indices of as many columns as are too many, which alone count the rows or leave the pixels; else None.

    Whole numbers alone tell of the first and the last columns only: a pixel may be black but for once.
    """
    try:
        rows = rows.astype(np.float64)
    except (TypeError, ValueError):
        return None
    with np.errstate(invalid="ignore"):
        is_whole = (rows == np.round(rows)).all(axis=0)
        varies = np.ptp(rows, axis=0) > 0
        counts = is_whole & (np.diff(rows, axis=0) == 1).all(axis=0) & (len(rows) > 2)
    is_end = np.minimum(np.arange(rows.shape[1]), np.arange(rows.shape[1])[::-1]) < n_surplus
    for suspects in (counts, _leaving(rows, is_whole, varies), is_whole & varies & is_end):
        if suspects.sum() == n_surplus:
            return np.flatnonzero(suspects)
    return None


def _leaving(rows, is_whole, varies):
    """Tell which columns of whole numbers leave the range of the others; a constant one must leave it far."""
    others = rows[:, ~is_whole]
    if not others.size or np.isnan(others).all():
        return np.zeros_like(is_whole)
    low, high = np.nanmin(others), np.nanmax(others)
    margin = np.where(varies, 0.0, FAR * (high - low))
    return is_whole & ((rows < low - margin) | (rows > high + margin)).any(axis=0)
