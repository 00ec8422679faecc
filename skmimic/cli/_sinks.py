"""Where restored images go: files and folders that are whole or absent."""

import contextlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np

from ..utils import check_replaceable, naming_errors, replacing, replacing_folder
from ._console import CommandError
from ._pictures import pillow_for, to_picture

__all__ = ["check_sink", "open_sink"]


@contextlib.contextmanager
def open_sink(path, n_images, image_shape, *, names=None, key="X"):
    """Open what the user names as OUT; it comes into being when the body ends without an error.

    Parameters
    ----------
    path : str
    n_images : int
        How many will be written.
    image_shape : tuple (C, H, W)
    names : list of str or None, default=None
        Of the pictures in a folder.
    key : str, default="X"
        Of the array in a .npz.

    Yields
    ------
    callable
        Takes a block of images and their range, and writes it.

    Raises
    ------
    CommandError, OSError
        If it cannot be made there.
    """
    check_sink(path)
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".npy":
        with replacing(path) as stream:
            yield _ArrayWriter(stream, n_images)
    elif kind == ".npz":
        with replacing(path) as stream, _member(stream, f"{key}.npy") as member:
            yield _ArrayWriter(member, n_images)
    else:
        pillow = pillow_for(image_shape)
        with replacing_folder(path) as folder:
            yield _PictureWriter(path, folder, names or _numbered(n_images), pillow, image_shape)


def check_sink(path):
    """Refuse what cannot be made, before any work.

    Parameters
    ----------
    path : str

    Raises
    ------
    CommandError, OSError
    """
    path = Path(path)
    kind = path.suffix.lower()
    if not path.parent.is_dir():
        raise CommandError(f"{path}: there is no folder {path.parent}.")
    if kind in (".npy", ".npz"):
        if path.is_dir():
            raise CommandError(f"{path}: is a folder, not a {kind} file.")
        check_replaceable(path)
    elif path.is_dir():
        real = Path(os.path.realpath(path))  # "." and its parent would be compared by their names
        if any(real.iterdir()):
            raise CommandError(f"{path}: the folder is not empty. Name a new one.")
        if real == Path.cwd():
            raise CommandError(f"{path}: is the current folder, {real}. Name a new folder in it.")
        if real.is_mount():
            raise CommandError(f"{path}: a disk is mounted there. Name a new folder in it.")
    elif path.exists() or kind:
        raise CommandError(f"{path}: expected a name that ends in .npy or .npz, or a new folder without an ending.")


@contextlib.contextmanager
def _member(stream, name):
    """Open one file of a zip archive for writing."""
    with zipfile.ZipFile(stream, "w") as archive, archive.open(name, "w", force_zip64=True) as member:
        yield member


class _ArrayWriter:
    """Writes blocks one after another as one .npy; the header follows from the first."""

    def __init__(self, stream, n_images):
        self.stream, self.n_images, self.is_open = stream, n_images, False

    def __call__(self, block, bounds):
        block = np.ascontiguousarray(block)
        if not self.is_open:
            header = {"descr": np.lib.format.dtype_to_descr(block.dtype), "fortran_order": False}
            shape = (self.n_images, *block.shape[1:])
            np.lib.format.write_array_header_1_0(self.stream, {**header, "shape": shape})
            self.is_open = True
        self.stream.write(block.tobytes())


class _PictureWriter:
    """Writes every image as a PNG."""

    def __init__(self, path, folder, names, pillow, image_shape):
        self.path, self.folder, self.names = path, folder, iter(names)
        self.pillow, self.image_shape = pillow, image_shape

    def __call__(self, block, bounds):
        for row in block:
            content = io.BytesIO()
            to_picture(self.pillow, row, self.image_shape, bounds).save(content, "PNG")
            with naming_errors(self.path):
                self.folder.joinpath(next(self.names)).write_bytes(content.getvalue())


def _numbered(n_images):
    return [f"{i:0{len(str(n_images - 1))}d}.png" for i in range(n_images)]
