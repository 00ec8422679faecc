"""Where images come from: .npy (memory-mapped), .npz, or a folder of pictures."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..utils import UNREADABLE, channels_axis, infer_image_shape, n_values, open_archive, read_array_header
from ._console import CommandError
from ._pictures import Pictures
from ._sizes import shape_of_pictures

__all__ = ["Arrays", "Wording", "open_source", "sample"]

NEVER_OPENED = "it holds Python objects, that is a pickle, which could run code and is never opened"
TRANSPOSE = "The channels must come first: transpose it with X.transpose(0, 3, 1, 2)."


@dataclass(frozen=True)
class Wording:
    """What messages call the images that set the shape, and the option that names an array.

    Attributes
    ----------
    giver, other, key : str
    """

    giver: str = "the generator gives images"
    other: str = "another generator"
    key: str = "--key"


class Arrays:
    """Images in an array, read block by block.

    Parameters
    ----------
    name : str
        For messages.
    array : ndarray (n, ...)
        May be memory-mapped.
    image_shape : tuple (C, H, W)
    """

    names = file_names = background = None  # which pictures have
    notes = ()

    def __init__(self, name, array, image_shape):
        self.name, self.array, self.image_shape = name, array, image_shape

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


def open_source(path, key=None, image_shape=None, *, size=None, background=None, wording=None):
    """Open what the user names as a source of images.

    Parameters
    ----------
    path : str
    key : str or None, default=None
        Array inside a .npz.
    image_shape : tuple (C, H, W) or None, default=None
        What the images must have, or are brought to where they are pictures; None takes their own.
    size : tuple (H, W) or None, default=None
        To which pictures are brought whose shape is not given; None takes their own, if all have the same.
    background : {255, 0} or None, default=None
        What transparent pictures are laid on; None chooses by their ink.
    wording : Wording or None, default=None
        None is that of ``skmimic project``.

    Returns
    -------
    Arrays or Pictures

    Raises
    ------
    CommandError
        If it is not there, not readable, or does not fit the shape.
    """
    path, wording = Path(path), wording or Wording()
    kind = path.suffix.lower()
    if key is not None and kind != ".npz":
        raise CommandError(f"{path}: {wording.key} names an array inside a .npz file.")
    if path.is_dir():
        return Pictures(path, image_shape or shape_of_pictures(path, size), background)
    if not path.is_file():
        raise CommandError(f"{path}: {'is not a regular file' if path.exists() else 'no such file or folder'}.")
    if kind not in (".npy", ".npz"):
        raise CommandError(f"{path}: expected a .npy or .npz file, or a folder of pictures.")
    if size is not None:
        raise CommandError(f"{path}: --size is for folders of pictures; the images of an array have a size.")
    try:
        return _map_npy(path, image_shape, wording) if kind == ".npy" else _read_npz(path, key, image_shape, wording)
    except PermissionError:
        raise
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def sample(n_images, n_wanted, seed):
    """Choose some of many images, spread over all.

    Parameters
    ----------
    n_images, n_wanted, seed : int

    Returns
    -------
    ndarray of int
        Ascending; all where there are no more than wanted.
    """
    if n_images <= n_wanted:
        return np.arange(n_images)
    return np.sort(np.random.default_rng(seed).choice(n_images, n_wanted, replace=False))


def _map_npy(path, image_shape, wording):
    with open(path, "rb") as stream:
        header = read_array_header(stream, path.stat().st_size)
    image_shape = _checked(path, header, image_shape, wording)
    order = "F" if header.fortran_order else "C"
    return Arrays(str(path), np.memmap(path, header.dtype, "r", header.offset, header.shape, order), image_shape)


def _read_npz(path, key, image_shape, wording):
    with open_archive(path) as archive:
        name = _choose_key(path, archive.files, key)
        header = archive.header(name)
        image_shape = _checked(path, header, image_shape, wording)
        if header.n_bytes > _memory():
            raise CommandError(
                f"{path}: the array {name} has {header.n_bytes:,} bytes, more than this machine's memory. Save it as "
                ".npy, which is read piece by piece."
            )
        return Arrays(str(path), archive[name], image_shape)


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


def _checked(name, header, image_shape, wording):
    """Check type and shape before any number is read; return the shape of the images."""
    shape = header.shape
    if header.dtype.kind not in "uif":
        raise CommandError(f"{name}: expected numbers, got an array of {header.dtype}.")
    if len(shape) not in (2, 3, 4) or not shape[0]:
        raise CommandError(
            f"{name}: expected at least one image as (n, features), (n, H, W) or (n, C, H, W), got shape {shape}."
        )
    if image_shape is None:
        return _shape_told(name, shape)
    shapes = {2: (n_values(image_shape),), 3: image_shape[1:], 4: image_shape}
    if shape[1:] != shapes[len(shape)] or (len(shape) == 3 and image_shape[0] != 1):
        raise CommandError(
            f"{name}: {wording.giver} of shape {image_shape}, {n_values(image_shape)} values, but the array has shape "
            f"{shape}. {_hint(shape, image_shape, wording)}"
        )
    return image_shape


def _shape_told(name, shape):
    """The shape (C, H, W) that an array tells by itself."""
    if 0 in shape:
        raise CommandError(f"{name}: expected images with pixels, got shape {shape}.")
    if len(shape) == 2:
        return infer_image_shape(shape[1])
    if len(shape) == 4 and channels_axis(shape[1:]) != 0:
        raise CommandError(f"{name}: expected images as (n, C, H, W), got shape {shape}. {TRANSPOSE}")
    return (1, *shape[1:]) if len(shape) == 3 else shape[1:]


def _hint(shape, image_shape, wording):
    if shape[1:] == (*image_shape[1:], image_shape[0]):
        return TRANSPOSE
    return f"Resize the images (skmimic.datasets.resize_images) or name {wording.other}."
