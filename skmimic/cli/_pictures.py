"""Folders of PNG or JPEG images, as input and as output."""

import numpy as np

from ..utils import BYTES, as_images, import_extra
from ._console import CommandError

__all__ = ["Pictures", "picture_names", "to_picture"]

SUFFIXES = (".png", ".jpg", ".jpeg")
MODES = {1: "L", 3: "RGB"}


class Pictures:
    """Images of a folder, in the order of their names, at the size and in the colours of the generator.

    Parameters
    ----------
    folder : pathlib.Path
    image_shape : tuple (C, H, W)
        What the generator gives.
    """

    def __init__(self, folder, image_shape):
        self.pillow = pillow_for(image_shape)
        self.name, self.image_shape = str(folder), image_shape
        self.paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        if not self.paths:
            raise CommandError(f"{folder}: there is no .png, .jpg or .jpeg file in it.")
        self.names = picture_names(self.paths)
        self.notes = self._changes()

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

    def _changes(self):
        """Look at all files, and say what will be done to them."""
        channels, height, width = self.image_shape
        n_resized = n_recoloured = 0
        for path in self.paths:
            with self._opened(path) as picture:
                n_resized += picture.size != (width, height)
                n_recoloured += picture.mode != MODES[channels]
        colours = {1: "grey", 3: "RGB"}[channels]
        changes = {f"resized to {height}x{width} pixels": n_resized, f"converted to {colours}": n_recoloured}
        return tuple(f"{n} of {len(self)} images are {change}" for change, n in changes.items() if n)

    def _opened(self, path):
        try:
            return self.pillow.open(path, formats=("PNG", "JPEG"))
        except (OSError, SyntaxError, ValueError, self.pillow.DecompressionBombError) as error:
            raise CommandError(f"{path}: not a readable PNG or JPEG image.") from error

    def _read(self, path):
        channels, height, width = self.image_shape
        with self._opened(path) as picture:
            try:
                picture = _eight_bits(self.pillow, picture).convert(MODES[channels])
            except (OSError, SyntaxError, ValueError) as error:
                raise CommandError(f"{path}: the image is damaged ({error}).") from error
        picture = picture.resize((width, height), self.pillow.Resampling.BILINEAR)
        values = np.asarray(picture)
        return values[None] if channels == 1 else values.transpose(2, 0, 1)


def _eight_bits(pillow, picture):
    """Scale 16-bit grey to bytes; Pillow itself would clip it."""
    if not picture.mode.startswith("I"):
        return picture
    return pillow.fromarray((np.asarray(picture).astype(np.int64) // 257).clip(0, 255).astype(np.uint8))


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
    if image_shape[0] not in MODES:
        raise CommandError(f"pictures are grey or RGB, but the generator gives {image_shape[0]} channels; use .npy.")
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
