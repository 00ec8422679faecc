"""Rows through a purifier, in chunks that change no bit."""

from dataclasses import dataclass

import numpy as np
import torch

from ..purification import Purifier
from ..utils import CANONICAL, Bounds, RowRunner, as_rows, n_values
from ._data import canonical_images

__all__ = ["PurifyingJob"]


@dataclass(frozen=True)
class PurifyingJob:
    """What a worker needs to clean rows whose shared perturbation is known; for `project_rows`.

    Attributes
    ----------
    purifier : Purifier
        Pickles with the frozen generator.
    offset : tensor (c, h, w)
        The shared perturbation, pixels in [-1, 1].
    bounds : Bounds
        Range of the rows.
    dtype : numpy dtype
        Of the answers.
    batch_size : int
    device : torch.device
    """

    purifier: Purifier
    offset: torch.Tensor
    bounds: Bounds
    dtype: np.dtype
    batch_size: int
    device: torch.device

    def projector(self):
        """Prepare chunks of rows."""
        return RowRunner(self.batch_size)

    def observed(self, rows):
        """Turn rows into images in [-1, 1] on the device."""
        images = canonical_images(rows, self.purifier.image_shape, self.bounds, self.purifier.project.precision)
        return images.to(self.device)

    @torch.no_grad()
    def run(self, runner, rows, latents=None):
        """Clean a block of rows; there are no latents to be known."""
        observed = self.observed(rows)
        offset = self.offset.to(observed)
        clean = runner(lambda images: self.purifier.clean(images, offset), observed)
        return {"images": as_rows(CANONICAL.convert(clean.cpu(), self.bounds)).numpy()}

    def empty(self, n_rows):
        """Make room for the images of `n_rows` rows."""
        return {"images": np.empty((n_rows, n_values(self.purifier.image_shape)), self.dtype)}

    @torch.no_grad()
    def shared_offset(self, rows):
        """Find the perturbation (c, h, w) that rows share, pixels in [-1, 1], on the CPU."""
        runner = RowRunner(self.batch_size)
        return self.purifier.offset_of(self.observed(rows), lambda images: runner(self.purifier.project, images)).cpu()

    @torch.no_grad()
    def mean_residual(self, rows):
        """Compute the mean (c, h, w) of x - P(x) over clean rows, pixels in [-1, 1], on the CPU."""
        observed = self.observed(rows)
        return (observed - RowRunner(self.batch_size)(self.purifier.project, observed)).mean(0).cpu()
