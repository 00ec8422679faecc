"""Labels of source rows and the shares of their classes, checked and turned into what the engine takes."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ..engine import LabelledSource
from ..utils import n_values
from ..utils._sklearn import without_dispatch
from ._data import canonical_images, distinct_rows

__all__ = ["class_shares", "labelled_source"]

MOST_ROWS = 10_000  # of the source that are kept, the same number of every class
MOST_VALUES = 5_000_000  # of them together: every step compares each row with all


@without_dispatch
def labelled_source(rows, y, image_shape, bounds):
    """Keep some labelled source images of every class.

    Parameters
    ----------
    rows : ndarray (n, n_features)
    y : array-like (n,)
    image_shape : tuple (C, H, W)
    bounds : Bounds
        Range of the rows.

    Returns
    -------
    classes : ndarray (K,)
    counts : ndarray (K,) of int
        Rows of each class, of all that came.
    source : LabelledSource

    Raises
    ------
    ValueError
        If the labels are not those of classes.
    """
    y = column_or_1d(y)
    check_classification_targets(y)
    classes, labels, counts = np.unique(y, return_inverse=True, return_counts=True)
    n_most = max(min(MOST_ROWS, MOST_VALUES // n_values(image_shape)) // len(classes), 1)
    kept = []
    for label in range(len(classes)):
        members = np.flatnonzero(labels == label)
        kept.append(members[distinct_rows(rows[members], n_most, bounds)])
    chosen = np.concatenate(kept)
    images = canonical_images(rows[chosen], image_shape, bounds).numpy()
    return classes, counts, LabelledSource(images, labels[chosen].astype(np.int64))


def class_shares(subject, class_prior, classes, counts):
    """Turn the `class_prior` parameter into shares.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    class_prior : "source", array-like (K,), or dict or Series by class
    classes, counts : ndarray (K,)
        Of the source.

    Returns
    -------
    ndarray (K,)
        Sum one.

    Raises
    ------
    ValueError
        If it doesn't fit the classes.
    """
    if isinstance(class_prior, str):  # "source"
        return counts / counts.sum()
    told = class_prior.to_dict() if hasattr(class_prior, "to_dict") else class_prior
    try:
        if isinstance(told, Mapping):
            unknown = set(told) - set(classes.tolist())
            told = np.nan if unknown else [told.get(label, 0.0) for label in classes.tolist()]
        shares = np.asarray(told, dtype=np.float64)
    except (TypeError, ValueError):
        shares = np.array(np.nan)
    if shares.shape != (len(classes),) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise ValueError(
            f"{subject}: class_prior must hold the expected share of each of the {len(classes)} classes of y, in the "
            "order of classes_ or as a dict by class, zero or more and not all zero; got "
            f"{class_prior!r} for the classes {classes.tolist()!r}."
        )
    return shares / shares.sum()
