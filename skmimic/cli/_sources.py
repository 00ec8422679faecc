"""Where images come from: .npy (memory-mapped), .npz, or a folder of pictures."""

from pathlib import Path

import numpy as np

from ..utils import UNREADABLE, n_values, open_archive
from ._console import CommandError
from ._pictures import Pictures

__all__ = ["Arrays", "open_source"]

NEVER_OPENED = "it holds Python objects, that is a pickle, which could run code and is never opened"


class Arrays:
    """Images in an array, read block by block.

    Parameters
    ----------
    name : str
        For messages.
    array : ndarray (n, ...)
        May be memory-mapped.
    image_shape : tuple (C, H, W)
        What the generator gives.
    """

    names = None  # arrays have no file names
    notes = ()

    def __init__(self, name, array, image_shape):
        self.name, self.array = name, _checked(name, array, image_shape)

    def __len__(self):
        return len(self.array)

    def take(self, indices):
        """Read some images.

        Parameters
        ----------
        indices : slice or ndarray of int

        Returns
        -------
        ndarray (n, ...)
        """
        block = np.array(self.array[indices])
        if block.dtype.kind == "f":
            is_finite = np.isfinite(block).reshape(len(block), -1).all(axis=1)
            if not is_finite.all():
                first = np.arange(len(self))[indices][is_finite.argmin()]
                raise CommandError(f"{self.name}: image {first} contains NaN or infinity.")
        return block


def open_source(path, key, image_shape):
    """Open what the user names as IN.

    Parameters
    ----------
    path : str
    key : str or None
        Array inside a .npz.
    image_shape : tuple (C, H, W)
        What the generator gives.

    Returns
    -------
    Arrays or Pictures

    Raises
    ------
    CommandError
        If it is not there, not readable, or does not fit the generator.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if key is not None and kind != ".npz":
        raise CommandError(f"{path}: --key names an array inside a .npz file.")
    if path.is_dir():
        return Pictures(path, image_shape)
    if not path.is_file():
        raise CommandError(f"{path}: no such file or folder.")
    if kind not in (".npy", ".npz"):
        raise CommandError(f"{path}: expected a .npy or .npz file, or a folder of pictures.")
    array = _read_npy(path) if kind == ".npy" else _read_npz(path, key)
    return Arrays(str(path), array, image_shape)


def _read_npy(path):
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _read_npz(path, key):
    try:
        with open_archive(path) as archive:
            return archive[_choose_key(path, archive.files, key)]
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _choose_key(path, names, key):
    if not names or (key is not None and key not in names):
        raise CommandError(f"{path}: there is no array {key or 'at all'}; arrays: {', '.join(names) or 'none'}.")
    return key or ("X" if "X" in names else names[0])


def _unreadable(path, error):
    is_pickle = "object" in str(error).lower() or "pickle" in str(error).lower()
    return CommandError(f"{path}: not readable: {NEVER_OPENED if is_pickle else error}.")


def _checked(name, array, image_shape):
    """Check type and shape before any long work."""
    if array.dtype.kind not in "uif":
        raise CommandError(f"{name}: expected numbers, got an array of {array.dtype}.")
    if array.ndim not in (2, 3, 4) or not len(array):
        raise CommandError(
            f"{name}: expected at least one image as (n, features), (n, H, W) or (n, C, H, W), got shape {array.shape}."
        )
    shapes = {2: (n_values(image_shape),), 3: image_shape[1:], 4: image_shape}
    if array.shape[1:] != shapes[array.ndim] or (array.ndim == 3 and image_shape[0] != 1):
        raise CommandError(
            f"{name}: the generator gives images of shape {image_shape}, {n_values(image_shape)} values, but the array "
            f"has shape {array.shape}.{_hint(array.shape, image_shape)}"
        )
    return array


def _hint(shape, image_shape):
    if shape[1:] == (*image_shape[1:], image_shape[0]):
        return " The channels must come first: transpose it with X.transpose(0, 3, 1, 2)."
    return " Resize the images (skmimic.datasets.resize_images) or name another generator."
