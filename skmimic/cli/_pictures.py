"""Folders of pictures, as input and as output."""

import contextlib
import os
import warnings
from collections import Counter

import numpy as np

from ..utils import BYTES, as_images, import_extra
from ..utils._pictures import background_for, decode, in_colours
from ._console import CommandError

__all__ = ["Pictures", "decoded", "import_pillow", "picture_names", "pictures_in", "pillow_for", "to_picture"]

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".gif"),
    *(".bmp", ".dib", ".pbm", ".pgm", ".ppm", ".pnm"),
}
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "DIB", "PPM")  # what Pillow reads by itself, without a program
COLOURS = {1: "grey", 3: "RGB"}
MOST_NAMES = 5  # of a list on one line
READABLE = f"skmimic reads {', '.join(sorted(SUFFIXES))}"


class Pictures:
    """Images of a folder, in the order of their names, as a viewer shows them, at the generator's size and colours.

    Parameters
    ----------
    folder : pathlib.Path
    image_shape : tuple (C, H, W)
        To which all are brought.
    background : {255, 0} or None, default=None
        What transparent pictures are laid on; None chooses by their ink.

    Attributes
    ----------
    names : list of str
        Of the restored pictures.
    file_names : list of str
    notes : list of str
        What is done to the pictures, and what in the folder is not read.
    """

    def __init__(self, folder, image_shape, background=None):
        self.pillow = pillow_for(image_shape)
        self.name, self.image_shape = str(folder), image_shape
        self.paths, others = pictures_in(folder)
        self.names, self.file_names = picture_names(self.paths), [path.name for path in self.paths]
        self.changes = Counter()
        own = background_for(self._looked_at(path) for path in self.paths)
        self.background = own if background is None else background
        self.notes = self._notes()
        if others:
            self.notes.append(f"not read: {_listed(others)} ({READABLE})")

    def __len__(self):
        return len(self.paths)

    def take(self, indices):
        """Read some images.

        Parameters
        ----------
        indices : slice or ndarray of int

        Returns
        -------
        ndarray (n, C, H, W), uint8
        """
        return np.stack([self._read(self.paths[index]) for index in np.arange(len(self))[indices]])

    def _looked_at(self, path):
        """Decode a picture before any long work, and count what will be done to it."""
        channels, height, width = self.image_shape
        picture, n_frames = decoded(self.pillow, path)
        n_colours = 1 if picture.values.ndim == 2 else 3
        self.changes["resized"] += picture.values.shape[:2] != (height, width)
        self.changes["recoloured"] += n_colours != channels
        self.changes["turned"] += picture.was_turned
        self.changes["transparent"] += picture.alpha is not None
        self.changes["several"] += n_frames > 1
        return picture

    def _notes(self):
        channels, height, width = self.image_shape
        words = {
            "turned": "turned upright, as their EXIF orientation says",
            "transparent": f"transparent and laid on {'white' if self.background else 'black'}",
            "resized": f"resized to {height}x{width} pixels",
            "recoloured": f"converted to {COLOURS[channels]}",
            "several": "files of several pictures, of which the first is read",
        }
        counted = {words[change]: self.changes[change] for change in words}
        return [f"{n} of {len(self)} images are {change}" for change, n in counted.items() if n]

    def _read(self, path):
        channels, height, width = self.image_shape
        values = in_colours(decoded(self.pillow, path)[0], channels, self.background)
        picture = self.pillow.fromarray(values[..., 0] if channels == 1 else np.ascontiguousarray(values))
        picture = picture.resize((width, height), self.pillow.Resampling.BILINEAR)
        return np.asarray(picture)[None] if channels == 1 else np.asarray(picture).transpose(2, 0, 1)


def decoded(pillow, path):
    """Decode a picture.

    Parameters
    ----------
    pillow : module
    path : pathlib.Path

    Returns
    -------
    picture : Decoded
    n_frames : int
        How many pictures its file holds.

    Raises
    ------
    CommandError
        If it is damaged, or no picture.
    """
    with _opened(pillow, path) as opened, _libraries_silenced():
        try:
            n_frames = getattr(opened, "n_frames", 1) if opened.format != "MPO" else 1  # whose others are previews
            return decode(opened), n_frames
        except MemoryError:
            raise
        except Exception as error:  # whatever Pillow raises for foreign bytes
            raise CommandError(f"{path}: the image is damaged, or of an unknown kind ({error}).") from error


def _opened(pillow, path):
    too_large = pillow.DecompressionBombWarning, pillow.DecompressionBombError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", too_large[0])
            return pillow.open(path, formats=FORMATS)
    except PermissionError:
        raise
    except too_large as error:
        raise CommandError(f"{path}: {error}") from error
    except Exception as error:
        raise CommandError(f"{path}: not a readable picture.") from error


@contextlib.contextmanager
def _libraries_silenced():
    """Keep libtiff from writing on the standard error of the process; what is wrong with a file, we say."""
    try:
        saved = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    with contextlib.closing(open(os.devnull, "w")) as nothing:
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def pictures_in(folder):
    """List the pictures of a folder, and the names of all else; hidden files, as of macOS, are no pictures.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    pictures : list of pathlib.Path
    others : list of str

    Raises
    ------
    CommandError
        If there is no picture.
    """
    pictures, others = [], []
    for path in sorted(folder.iterdir()):
        is_picture = path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        pictures.append(path) if is_picture else others.append(path.name)
    if not pictures:
        found = f"; there is {_listed(others)}" if others else ""
        raise CommandError(f"{folder}: there is no picture in it{found}. {READABLE}.")
    return pictures, others


def _listed(names):
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def pillow_for(image_shape):
    """Import Pillow for images of a shape.

    Parameters
    ----------
    image_shape : tuple (C, H, W)

    Returns
    -------
    module

    Raises
    ------
    CommandError
        If the images are neither grey nor RGB.
    MissingExtraError
        If Pillow is not installed.
    """
    if image_shape[0] not in COLOURS:
        raise CommandError(f"pictures are grey or RGB, but these images have {image_shape[0]} channels; use .npy.")
    return import_pillow()


def import_pillow():
    """Import Pillow.

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return import_extra("PIL.Image", extra="plot", purpose="A folder of images")


def picture_names(paths):
    """Choose the names of the restored pictures: as before, but .png; no two alike.

    Parameters
    ----------
    paths : list of pathlib.Path

    Returns
    -------
    list of str
    """
    stems = [path.stem for path in paths]
    are_distinct = len({stem.lower() for stem in stems}) == len(stems)
    return [f"{stem if are_distinct else path.name}.png" for stem, path in zip(stems, paths, strict=True)]


def to_picture(pillow, row, image_shape, bounds):
    """Make a picture of one image.

    Parameters
    ----------
    pillow : module
    row : ndarray of C*H*W values
    image_shape : tuple (C, H, W)
    bounds : Bounds
        Range of the values.

    Returns
    -------
    PIL.Image.Image
    """
    values = bounds.convert(as_images(row.reshape(1, -1), image_shape)[0].astype(np.float64), BYTES)
    values = values.round().clip(*BYTES).astype(np.uint8)
    return pillow.fromarray(values[0] if image_shape[0] == 1 else values.transpose(1, 2, 0))
