"""What the user passes as X, checked once, and turned into canonical images."""

import hashlib

import numpy as np
import torch

from ..exceptions import GeneratorMismatchError
from ..utils import CANONICAL, as_images, n_values, shielded, steps_of
from ..utils._sklearn import validate_data, without_dispatch
from ._columns import cure_of_surplus, error_of_words
from ._huge import refuse_huge
from ._inputs import as_array
from ._layout import Form, check_fits, cure_of_folded, rows_in, shapes_in
from ._rewording import reworded

__all__ = [
    "DTYPES",
    "canonical_images",
    "check_image_shape",
    "check_seen",
    "distinct_rows",
    "valid_rows",
]

DTYPES = [np.float32, np.float64, np.uint8, np.bool_]  # others become float32


@without_dispatch
def valid_rows(estimator, X, *, reset, image_shape=None, whole=None):
    """Validate X as scikit-learn does; images come in any form that `as_array` and `shapes_in` know.

    Parameters
    ----------
    estimator : BaseEstimator
    X : array-like of shape (n, n_features), (n, H, W), (n, C, H, W) or (n, H, W, C), or a list of images
        NaN, or what a masked array masks, is a pixel that was not seen.
    reset : bool
        Whether to remember the number and names of the features. If not, images must have the shape `image_shape`.
    image_shape : tuple (C, H, W) or None, default=None
        Of the images, if known.
    whole : str or None, default=None
        Why every pixel must have been seen and what to do, for the message. None: one in each row is enough.

    Returns
    -------
    rows : ndarray (n, C*H*W) of float32, float64 or uint8
    form : Form
        In which X came.

    Raises
    ------
    DataRangeError
        If a value is too large to compute with.
    ValueError
        If X is empty, infinite, or has another number of features or images of another shape than in `fit`; if a pixel
        was not seen that must be.
    """
    subject = type(estimator).__name__
    X = as_array(subject, X)
    shape, told = shapes_in(subject, X, image_shape)
    if not reset and image_shape is not None:
        check_fits(subject, X, told, image_shape)
    X = X if told is None else rows_in(X, told)
    rows = _validated(estimator, X, reset, image_shape)
    check_seen(subject, rows, whole)
    refuse_huge(subject, rows)
    dtype = rows.dtype if rows.dtype in (np.float32, np.float64) else np.dtype(np.float32)
    return rows, Form(shape or rows.shape[1:], told, dtype)


def _validated(estimator, X, reset, image_shape):
    """Let scikit-learn validate X; where columns are no pixels, name them. Values are looked at later."""
    try:
        return validate_data(estimator, X, reset=reset, dtype=DTYPES, ensure_all_finite=False)
    except (TypeError, ValueError) as error:
        subject = type(estimator).__name__
        worded = error_of_words(subject, X)
        if worded is not None:
            raise worded from error
        cure = None if reset else cure_of_surplus(X, estimator.n_features_in_, getattr(X, "columns", None))
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(reworded(subject, X, error, None if reset else image_shape, cure)) from error


def check_seen(subject, rows, whole=None):
    """Refuse rows without any seen pixel, or with one that was not seen where they must be whole.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    rows : ndarray (n, n_features)
    whole : str or None, default=None
        As in `valid_rows`.

    Raises
    ------
    ValueError
        The message names the first such row.
    """
    if rows.dtype.kind != "f" or not np.isnan(rows.min()):
        return
    unseen = np.isnan(rows)
    if whole is not None:
        raise ValueError(
            f"{subject}: X contains NaN, first in row {unseen.any(axis=1).argmax()}. NaN is a pixel that was not seen; "
            f"{whole}"
        )
    is_empty = unseen.all(axis=1)
    if is_empty.any():
        raise ValueError(
            f"{subject}: {int(is_empty.sum())} of {len(rows)} rows of X have no pixel that was seen, all their values "
            f"are NaN; the first is row {is_empty.argmax()}. Leave them out: one seen pixel is the least."
        )


def check_image_shape(subject, wanted, form, rows, names=None):
    """Bring the `image_shape` parameter and the form of X together.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    wanted : sequence of int or None
        The parameter.
    form : Form
        Of X.
    rows : ndarray (n, n_features)
    names : sequence of str or None, default=None
        Of the columns.

    Returns
    -------
    tuple of int or None

    Raises
    ------
    GeneratorMismatchError
        If they contradict each other or the number of features.
    """
    told = form.image_shape
    if wanted is None:
        return told
    shape = tuple(int(side) for side in wanted)
    if n_values(shape) != rows.shape[1] or told not in (None, shape):
        where = f" in the shape {told}" if told else ""
        raise GeneratorMismatchError(
            f"{subject}: image_shape={wanted!r} must be (channels, height, width) of the images of X, which have "
            f"{rows.shape[1]} values{where}. {_cure_of_shape(form, shape, rows, names)}"
        )
    return shape


def _cure_of_shape(form, wanted, rows, names):
    """Say how to bring X and `image_shape` together."""
    if form.image_shape is None:
        return cure_of_surplus(rows, n_values(wanted), names) or f"Pass three sizes whose product is {rows.shape[1]}."
    unfolded = cure_of_folded((len(rows), *form.shape), wanted)
    return unfolded or f"Pass image_shape={form.image_shape}, or leave it out."


@shielded()
def canonical_images(rows, image_shape, bounds, dtype=torch.float32):
    """Turn rows into a tensor of images in [-1, 1].

    Parameters
    ----------
    rows : ndarray (n, n_features)
    image_shape : tuple (C, H, W)
    bounds : Bounds
        Range of the rows.
    dtype : torch dtype, default=torch.float32

    Returns
    -------
    tensor (n, c, h, w)
    """
    values = torch.tensor(as_images(np.ascontiguousarray(rows), image_shape))
    exact = values.dtype if values.dtype == torch.float64 else dtype  # far from 0, float32 leaves little of an image
    return bounds.convert(values.to(exact), CANONICAL).to(dtype)


def distinct_rows(rows, n_most, bounds=None):
    """Choose distinct rows by content, so that neither order nor repetition of the rows matters; NaN equals NaN.

    Parameters
    ----------
    rows : ndarray (n, n_features)
    n_most : int
        How many at most.
    bounds : Bounds or None, default=None
        Range of the rows, by which rows in other units come in the same order; None for rows that have none.

    Returns
    -------
    ndarray of int
        Indices in the order of the rows' hashes.
    """
    first_of = {}
    for index, row in enumerate(rows):
        exact = _digest(row)
        key = (
            exact if bounds is None else _digest(steps_of(row, bounds)),
            exact,
        )  # rows of like steps are not the same
        first_of.setdefault(key, index)
    return np.array([first_of[key] for key in sorted(first_of)[:n_most]], dtype=np.intp)


def _digest(row):
    """Hash a row; the same values in another dtype have the same hash."""
    row = np.array(row, dtype=np.float32, order="C")
    row[np.isnan(row)] = np.nan  # there are many NaN, which the bytes tell apart
    return hashlib.blake2b(row.tobytes(), digest_size=12).digest()
