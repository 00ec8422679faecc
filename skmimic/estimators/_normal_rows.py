"""Normal images in the units and the layout of X: what a detector compares new rows with."""

from dataclasses import dataclass

import numpy as np
import torch
from joblib import Parallel, delayed

from ..detection import NormalImages, corruption_of_stream
from ..engine import computing
from ..surrogates import FittedSurrogate, Identity, name_of_family
from ..utils import BYTES, UNIT, Bounds, as_images, as_rows

__all__ = ["NormalRows"]

ROWS_TOGETHER = 1024  # that are images, in single precision, at a time


@dataclass(frozen=True)
class NormalRows:
    """Normal images, and how rows of X become such.

    Attributes
    ----------
    normals : NormalImages
    n_rows : int
        How many of its images are rows of X; those after them are warped copies.
    image_shape : tuple (C, H, W)
    bounds : Bounds
        Range of the rows.
    """

    normals: NormalImages
    n_rows: int
    image_shape: tuple
    bounds: Bounds

    @classmethod
    def fit(cls, rows, held_out, image_shape, bounds, seed, **settings):
        """Remember rows, and calibrate on others.

        Parameters
        ----------
        rows, held_out : ndarray (n, C*H*W)
        image_shape : tuple (C, H, W)
        bounds : Bounds
            Range of the rows.
        seed : int
        **settings
            Of `NormalImages.fit`.

        Returns
        -------
        NormalRows
        """
        with computing(), torch.no_grad():
            images, calibration = (_images_of(part, image_shape, bounds) for part in (rows, held_out))
            random = torch.Generator().manual_seed(seed)
            normals = NormalImages.fit(images, calibration, random=random, **settings)
        return cls(normals, min(len(rows), settings["memory_size"] or len(rows)), image_shape, bounds)

    def carried(self, surrogate):
        """Return these after a corruption, calibrated anew; themselves if it is none.

        Parameters
        ----------
        surrogate : FittedSurrogate

        Returns
        -------
        NormalRows
        """
        with computing(), torch.no_grad():
            module = surrogate.to_torch()
            if isinstance(module, Identity):
                return self
            normals = self.normals.carried(lambda images: (module(2 * images - 1) + 1) / 2)
        return type(self)(normals, self.n_rows, self.image_shape, self.bounds)

    def settled(self, rows, surrogate, fill):
        """Settle the corruption of rows, by what phase A has found and by the normal images.

        Parameters
        ----------
        rows : ndarray (n, C*H*W)
        surrogate : FittedSurrogate
            What phase A has found.
        fill : float
            What lies outside an image, in [-1, 1].

        Returns
        -------
        FittedSurrogate
        """
        with computing(), torch.no_grad():
            images = _images_of(rows, self.image_shape, self.bounds)
            images = images.float() / 255 if images.dtype == torch.uint8 else images
            settled = corruption_of_stream(self.normals, images, surrogate.to_torch(), self.image_shape, fill)
        return FittedSurrogate(settled, name_of_family(settled))

    @property
    def calibration_scores(self):
        """Sorted scores of the held-out rows; higher is more normal."""
        return np.sort(-self.normals.calibration_scores)

    def scores(self, rows, n_jobs=None):
        """Score rows (n, C*H*W); higher is more normal. Returns (n,) of float64."""
        parts = [rows[start : start + ROWS_TOGETHER] for start in range(0, len(rows), ROWS_TOGETHER)]
        if n_jobs in (None, 1) or len(parts) < 2:
            return np.concatenate([_scores(self, part) for part in parts])
        return np.concatenate(Parallel(n_jobs=n_jobs)(delayed(_scores)(self, part) for part in parts))

    def maps(self, rows):
        """Show what each pixel adds to the distance of rows; (n, H, W)."""
        return self._in_parts(self.normals.maps, rows)

    def p_maps(self, rows):
        """Compute conformal p-values of each pixel of rows; (n, H, W)."""
        return self._in_parts(self.normals.p_maps, rows)

    def mimics(self, rows):
        """Give the normal image that mimics each row best, as rows of X."""
        images = self._in_parts(self.normals.mimics, rows)
        return as_rows(UNIT.convert(images, self.bounds))

    def rows(self):
        """Give the rows that are remembered, float32."""
        images = self.normals.memory.images.take(slice(self.n_rows)).numpy()
        return as_rows(UNIT.convert(images, self.bounds))

    def _in_parts(self, function, rows):
        with computing(), torch.no_grad():
            parts = [
                function(_images_of(rows[start : start + ROWS_TOGETHER], self.image_shape, self.bounds)).numpy()
                for start in range(0, len(rows), ROWS_TOGETHER)
            ]
        return np.concatenate(parts)


def _scores(known, rows):
    with computing(), torch.no_grad():
        return -known.normals.scores(_images_of(rows, known.image_shape, known.bounds))


def _images_of(rows, image_shape, bounds):
    """Turn rows into images in [0, 1]; bytes stay bytes, a quarter of the memory."""
    images = as_images(np.ascontiguousarray(rows), image_shape)  # torch takes no array that is read backwards
    if rows.dtype == np.uint8 and bounds == BYTES:
        return torch.tensor(images)
    parts = [images[start : start + ROWS_TOGETHER] for start in range(0, len(images), ROWS_TOGETHER)]
    return torch.cat([bounds.convert(torch.tensor(part).double(), UNIT).float() for part in parts])
