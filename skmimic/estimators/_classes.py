"""Labels of source rows, checked and turned into what the engine takes."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from ..engine import LabelledSource
from ..utils import n_values
from ._data import canonical_images, distinct_rows

__all__ = ["labelled_source"]

MOST_ROWS = 10_000  # of the source that are kept, the same number of every class
MOST_VALUES = 5_000_000  # of them together: every step compares each row with all


def labelled_source(subject, rows, y, class_prior, image_shape, bounds):
    """Keep some labelled source images of every class.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    rows : ndarray (n, n_features)
    y : array-like (n,) or None
    class_prior : "source" or array-like (K,)
    image_shape : tuple (C, H, W)
    bounds : Bounds
        Range of the rows.

    Returns
    -------
    classes : ndarray (K,)
    source : LabelledSource

    Raises
    ------
    ValueError
        If labels are missing or no classes, or the prior doesn't fit them.
    """
    if y is None:
        raise ValueError(
            f"{subject}: class_prior={class_prior!r} requires y to be passed, but the target y is None. Pass the "
            "labels of the source rows, or set class_prior=None."
        )
    y = column_or_1d(y)
    check_consistent_length(rows, y)
    check_classification_targets(y)
    classes, labels, counts = np.unique(y, return_inverse=True, return_counts=True)
    shares = _shares(subject, class_prior, classes, counts)
    n_most = max(min(MOST_ROWS, MOST_VALUES // n_values(image_shape)) // len(classes), 1)
    kept = []
    for label in range(len(classes)):
        members = np.flatnonzero(labels == label)
        kept.append(members[distinct_rows(rows[members], n_most)])
    chosen = np.concatenate(kept)
    images = canonical_images(rows[chosen], image_shape, bounds).numpy()
    return classes, LabelledSource(images, labels[chosen].astype(np.int64), shares)


def _shares(subject, class_prior, classes, counts):
    if isinstance(class_prior, str):  # "source"
        return counts / counts.sum()
    shares = np.asarray(class_prior, dtype=np.float64)
    if shares.shape != (len(classes),) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise ValueError(
            f"{subject}: class_prior must hold the expected share of each of the {len(classes)} classes of y, in "
            f"sorted order, zero or more and not all zero; got {class_prior!r}."
        )
    return shares / shares.sum()
