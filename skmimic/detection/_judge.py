"""How well normal images after a corruption explain a stream of new ones, anomalies among them or not."""

from dataclasses import replace

import numpy as np
import torch

from ._calibration import Standard
from ._readings import match_candidates
from ._sums import summed

__all__ = ["StreamJudge"]

N_NORMALS = 1_000  # of the memory; what few of them cannot explain, the held-out ones show as well
N_HELD_OUT, N_ROWS = 64, 64  # with 100 and 96 the maps that were found scored as well (docs/design.md), in 1.7 the time
N_CANDIDATES = 6
USUAL = 0.5  # part of the rows that counts; up to as many may be anomalies


class StreamJudge:
    """Judge corruptions by how usual the rows of a stream are among normal images that went through them.

    Normal images and held-out ones go through a corruption f. The rows' two-way distances to the former are
    standardised by those of the latter, and the most usual half of the rows is averaged. Anomalies stay far from all
    normals whatever f is, so they are in the other half. A gain changes nothing, as edges are of unit norm.

    Parameters
    ----------
    normals : NormalImages
    images : tensor (n, c, h, w)
        Rows of the stream, in [0, 1]; 64 of them are used.
    """

    def __init__(self, normals, images):
        self.memory = normals.memory.part(_spread(len(normals.memory), N_NORMALS))
        self.held_out = normals.calibration_images.take(_spread(len(normals.calibration_images), N_HELD_OUT))
        self.images = images[_spread(len(images), N_ROWS)]
        self.settings = normals.settings

    def __call__(self, f):
        """Judge a corruption.

        Parameters
        ----------
        f : callable
            From images (k, c, h, w) in [0, 1] to as many, each alone.

        Returns
        -------
        float
            In standard deviations of the log distances of held-out normals; lower is better.
        """
        return float(self._usual(f)[0].mean())

    def pairs(self, f):
        """Give the most usual rows, and the normal image that mimics each best, after a corruption.

        Parameters
        ----------
        f : callable
            As in a call.

        Returns
        -------
        rows : tensor (k, c, h, w)
            In [0, 1].
        mimics : tensor (k, c, h, w)
        """
        _, rows, at, carried = self._usual(f)
        return self.images[rows], carried.images.take(at[rows])

    def calibration_pairs(self, f):
        """Do the same with the held-out normals, all of them.

        Parameters
        ----------
        f : callable
            As in a call.

        Returns
        -------
        rows : tensor (k, c, h, w)
            In [0, 1].
        mimics : tensor (k, c, h, w)
        """
        carried, held_out = self.memory.carried(f), f(self.held_out)
        return held_out, carried.images.take(self._matched(carried, held_out)[1])

    def _usual(self, f):
        carried = self.memory.carried(f)
        known, _ = self._matched(carried, f(self.held_out))
        found, at = self._matched(carried, self.images)
        unlike = Standard.of(known, known)(found)
        rows = np.argsort(unlike, kind="stable")[: max(int(USUAL * len(unlike)), 1)].copy()
        return unlike[rows], torch.from_numpy(rows), at, carried

    def _matched(self, memory, images):
        candidates = memory.nearest(images, N_CANDIDATES, 1).candidates
        chosen = replace(self.settings, n_neighbors=min(self.settings.n_neighbors, N_CANDIDATES))
        found = match_candidates(
            images, memory, candidates, chosen.n_neighbors, reach=chosen.reach, features=chosen.features
        )
        return (summed(found.distances) / found.distances.shape[1]).double().numpy(), found.indices[:, 0]


def _spread(n, most):
    """Choose at most so many of n, evenly."""
    return torch.arange(n) if n <= most else torch.linspace(0, n - 1, most).round().long()
