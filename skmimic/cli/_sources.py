"""Where images come from: .npy (memory-mapped), .npz, or a folder of pictures."""

import math
import os
from pathlib import Path

import numpy as np

from ..utils import UNREADABLE, n_values, open_archive, read_array_header
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
    """

    names = None  # arrays have no file names
    notes = ()

    def __init__(self, name, array):
        self.name, self.array = name, array

    def __len__(self):
        return len(self.array)

    def take(self, indices):
        """Read some images; NaN stands for pixels that were not seen.

        Parameters
        ----------
        indices : slice or ndarray of int

        Returns
        -------
        ndarray (n, ...)

        Raises
        ------
        CommandError
            If an image contains infinity, or nothing but NaN.
        """
        block = np.array(self.array[indices])
        if block.dtype.kind == "f":
            values, numbers = block.reshape(len(block), -1), np.arange(len(self))[indices]
            self._refuse(np.isinf(values).any(axis=1), numbers, "contains infinity")
            self._refuse(np.isnan(values).all(axis=1), numbers, "has no seen pixel, all are NaN")
        return block

    def _refuse(self, is_bad, numbers, reason):
        if is_bad.any():
            raise CommandError(f"{self.name}: image {numbers[is_bad.argmax()]} {reason}.")


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
        raise CommandError(f"{path}: {'is not a regular file' if path.exists() else 'no such file or folder'}.")
    if kind not in (".npy", ".npz"):
        raise CommandError(f"{path}: expected a .npy or .npz file, or a folder of pictures.")
    try:
        array = _map_npy(path, image_shape) if kind == ".npy" else _read_npz(path, key, image_shape)
    except PermissionError:
        raise
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    return Arrays(str(path), array)


def _map_npy(path, image_shape):
    with open(path, "rb") as stream:
        header = read_array_header(stream, path.stat().st_size)
    _check(path, header, image_shape)
    order = "F" if header.fortran_order else "C"
    return np.memmap(path, header.dtype, "r", header.offset, header.shape, order)


def _read_npz(path, key, image_shape):
    with open_archive(path) as archive:
        name = _choose_key(path, archive.files, key)
        header = archive.header(name)
        _check(path, header, image_shape)
        if header.n_bytes > _memory():
            raise CommandError(
                f"{path}: the array {name} has {header.n_bytes:,} bytes, more than this machine's memory. Save it as "
                ".npy, which is read piece by piece."
            )
        return archive[name]


def _memory():
    """Bytes of memory of this machine, infinity where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf


def _choose_key(path, names, key):
    if not names or (key is not None and key not in names):
        raise CommandError(f"{path}: there is no array {key or 'at all'}; arrays: {', '.join(names) or 'none'}.")
    return key or ("X" if "X" in names else names[0])


def _unreadable(path, error):
    is_pickle = "object" in str(error).lower() or "pickle" in str(error).lower()
    return CommandError(f"{path}: not readable: {NEVER_OPENED if is_pickle else error}.")


def _check(name, header, image_shape):
    """Check type and shape before any number is read."""
    shape = header.shape
    if header.dtype.kind not in "uif":
        raise CommandError(f"{name}: expected numbers, got an array of {header.dtype}.")
    if len(shape) not in (2, 3, 4) or not shape[0]:
        raise CommandError(
            f"{name}: expected at least one image as (n, features), (n, H, W) or (n, C, H, W), got shape {shape}."
        )
    shapes = {2: (n_values(image_shape),), 3: image_shape[1:], 4: image_shape}
    if shape[1:] != shapes[len(shape)] or (len(shape) == 3 and image_shape[0] != 1):
        raise CommandError(
            f"{name}: the generator gives images of shape {image_shape}, {n_values(image_shape)} values, but the array "
            f"has shape {shape}.{_hint(shape, image_shape)}"
        )


def _hint(shape, image_shape):
    if shape[1:] == (*image_shape[1:], image_shape[0]):
        return " The channels must come first: transpose it with X.transpose(0, 3, 1, 2)."
    return " Resize the images (skmimic.datasets.resize_images) or name another generator."
