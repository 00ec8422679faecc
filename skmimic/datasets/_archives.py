"""Archives `<name>.npz` in the folder of full data sets."""

import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .. import utils

__all__ = ["data_folder", "find_archive", "open_archive", "read_images", "read_labels"]


def data_folder():
    """Return the folder of full data sets that the environment variable ``SKMIMIC_DATA`` names.

    Returns
    -------
    pathlib.Path or None
        None if the variable is unset or empty.

    Examples
    --------
    >>> import os
    >>> from skmimic.datasets import data_folder
    >>> (data_folder() is None) == (not os.environ.get("SKMIMIC_DATA"))
    True
    """
    folder = os.environ.get("SKMIMIC_DATA")
    return Path(folder) if folder else None


def find_archive(name, *, loader, otherwise=""):
    """Return the path of an archive.

    Raises
    ------
    FileNotFoundError
        If the folder is not named or does not hold it; the message says what to do, ending in `otherwise`.
    """
    folder = data_folder()
    if folder is None:
        found = "the environment variable SKMIMIC_DATA is not set"
    elif not (folder / f"{name}.npz").is_file():
        found = f"there is no file {folder / name}.npz"
    else:
        return folder / f"{name}.npz"
    raise FileNotFoundError(f"{loader}: {found}. Set SKMIMIC_DATA to a folder that holds {name}.npz{otherwise}.")


@contextmanager
def open_archive(path):
    """Open an archive without ever unpickling.

    Raises
    ------
    ValueError
        If the file is damaged, lacks an array that the body asks for, or the body finds a wrong one.
    """
    try:
        with utils.open_archive(path) as archive:
            yield archive
    except KeyError as error:
        raise ValueError(f"{path} lacks an array: {error.args[0]}. Put the original file back.") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except utils.UNREADABLE as error:
        raise ValueError(f"{path} is not a readable numpy archive ({error}). Put the original file back.") from error


def read_images(archive, key, shape):
    """Read uint8 images (n, h, w) or (n, h, w, 3) and put the channels first.

    Raises
    ------
    ValueError
        If the array has another dtype or another shape than `shape` = (h, w) or (h, w, 3).
    """
    images = archive[key]
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        expected = ", ".join(map(str, ("n", *shape)))
        raise ValueError(f"{key} must be uint8 of shape ({expected}), got {images.dtype} of shape {images.shape}.")
    return images if images.ndim == 3 else np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def read_labels(archive, key, n, n_classes):
    """Read the labels of `n` images.

    Raises
    ------
    ValueError
        If the array has another dtype, length or values than integers in [0, n_classes).
    """
    labels = archive[key]
    if labels.shape != (n,) or labels.dtype.kind not in "iu" or not np.all((labels >= 0) & (labels < n_classes)):
        raise ValueError(
            f"{key} must be {n} integers from 0 to {n_classes - 1}, got {labels.dtype} of shape {labels.shape}."
        )
    return labels
