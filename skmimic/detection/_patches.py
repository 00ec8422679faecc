"""Neighbourhoods at the same place: for images that no single normal explains, as faces.

They are compared by their details, what three by three pixels around do not tell: shades differ between any two faces.
With a 16x16 part of another face (CelebA 64x64, 2,600 normals, 100 + 100 rows) AUROC is .719; .614 as they are, .654
and .676 less the mean of 9x9 and 5x5 pixels, .643 by gradients.
"""

import numpy as np
import torch

from ..utils import RowRunner, squared_distances
from ._sums import summed

__all__ = ["PatchMemory"]

SIDE, STEP = 9, 4  # pixels
N_NEIGHBORS = 3
FAINTEST = 0.1  # Euclidean, of details of images in [0, 1]: less would be much where normals are black
LEAST_SD = 0.05  # of logs; where normals hardly differ
TOP = 0.05  # part of the places that an image is judged by
ROWS_TOGETHER = 256


class PatchMemory:
    """Details of neighbourhoods of normal images, each place for itself.

    Parameters
    ----------
    memory : Memory
    calibration_images : tensor (m, c, h, w)
        Normals that are not in the memory.

    Attributes
    ----------
    means, sds : ndarray (n_places,)
        Of the log distances of held-out normals at each place.
    calibration_scores : tensor (m,)
        Of the held-out normals, each by means and deviations of the others: by its own as well a held-out normal would
        be calmer than a fresh one, and of ten so much that .17 instead of .1 of fresh ones are called strange.
    """

    def __init__(self, memory, calibration_images):
        self.memory = memory
        logs = self._logs(calibration_images)
        self.means = logs.mean(0).numpy()
        self.sds = np.maximum(logs.std(0, correction=0).numpy(), LEAST_SD)
        self.calibration_scores = _top(_without_own(logs))

    @property
    def places(self):
        """Top and left pixel of every neighbourhood, row by row."""
        tops, lefts = (_starts(side) for side in self.memory.images.shape[-2:])
        return [(top, left) for top in tops for left in lefts]

    def unlikeness(self, images):
        """Compute standardised log distances at every place.

        Parameters
        ----------
        images : tensor (n, c, h, w)

        Returns
        -------
        tensor (n, n_places)
        """
        return (self._logs(images) - torch.from_numpy(self.means)) / torch.from_numpy(self.sds)

    def scores(self, images):
        """Average the most unlike twentieth of the places of each image, one at least.

        Parameters
        ----------
        images : tensor (n, c, h, w)

        Returns
        -------
        tensor (n,)
        """
        return _top(self.unlikeness(images))

    def maps(self, images):
        """Average at each pixel the unlikeness of the neighbourhoods that cover it.

        Parameters
        ----------
        images : tensor (n, c, h, w)

        Returns
        -------
        tensor (n, h, w)
        """
        totals = images.new_zeros(len(images), *images.shape[-2:])
        counts = images.new_zeros(images.shape[-2:])
        for (top, left), values in zip(self.places, self.unlikeness(images).T, strict=True):
            totals[:, top : top + SIDE, left : left + SIDE] += values[:, None, None]
            counts[top : top + SIDE, left : left + SIDE] += 1
        return totals / counts

    def _logs(self, images):
        return torch.stack([self._logs_at(images, *place) for place in self.places], dim=1)

    def _logs_at(self, images, top, left):
        """Compare with all normals at one place."""
        at = [_around(start, side) for start, side in zip((top, left), images.shape[-2:], strict=True)]
        known = _details(self.memory.images.window(*at))
        rows = _details(images[:, :, at[0][:, None], at[1]])
        return RowRunner(ROWS_TOGETHER)(lambda part: _log_distance(part, known), rows)


def _without_own(logs):
    """Standardise each row of logs (m, n_places) by mean and deviation of the others."""
    others = len(logs) - 1
    means = (logs.sum(0) - logs) / others
    variances = (logs.square().sum(0) - logs.square()) / others - means.square()
    return (logs - means) / variances.clamp_min(0).sqrt().clamp_min(LEAST_SD)


def _top(unlikeness):
    """Average the largest twentieth of each row, one value at least."""
    count = max(round(TOP * unlikeness.shape[1]), 1)
    return summed(unlikeness.sort(dim=1, descending=True).values[:, :count]) / count


def _around(start, side):
    """List the pixels of a neighbourhood and of a margin of one; beyond the border it is repeated."""
    return torch.arange(start - 1, min(start + SIDE, side) + 1).clamp(0, side - 1)


def _details(windows):
    """Subtract from each pixel the mean of the three by three around it; flat, the margin is lost."""
    h, w = (side - 2 for side in windows.shape[-2:])
    parts = [windows[..., y : y + h, x : x + w] for y in range(3) for x in range(3)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return (parts[4] - total / 9).flatten(1)


def _starts(side):
    """Place neighbourhoods from end to end of a side."""
    last = max(side - SIDE, 0)
    return sorted({*range(0, last + 1, STEP), last})


def _log_distance(rows, known):
    count = min(N_NEIGHBORS, len(known))
    nearest = squared_distances(rows, known).topk(count, dim=1, largest=False).values.sqrt()
    return torch.log(summed(nearest) / count + FAINTEST)
