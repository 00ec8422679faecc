"""The form in which every data set is returned."""

import numpy as np
from sklearn.utils import Bunch

from ..utils import as_rows
from ._resize import resize_images

__all__ = ["as_bunch", "check_subset"]


def as_bunch(images, target, *, size, description, **extra):
    """Resize images and put them beside their rows.

    Parameters
    ----------
    images : uint8 ndarray of shape (n, h, w) or (n, c, h, w)
    target : ndarray of shape (n,) or None
    size : int
    description : str
    **extra : arrays to keep beside them

    Returns
    -------
    Bunch
        With `data`, `images`, `target`, `DESCR` and the extra arrays.
    """
    images = resize_images(images, size)
    target = None if target is None else np.asarray(target, np.int64)
    return Bunch(data=as_rows(images), images=images, target=target, DESCR=description, **extra)


def check_subset(loader, subset, allowed):
    """Raise ValueError unless `subset` is one of the allowed names."""
    if subset not in allowed:
        raise ValueError(f"{loader}: subset must be one of {', '.join(map(repr, allowed))}, got {subset!r}.")
