"""What readings are worth: measured on normal images that made no memory."""

from typing import NamedTuple

import numpy as np
import torch

__all__ = ["PixelCalibration", "Standard", "larger_of"]

FLOOR = 1e-6  # of a distance whose log is taken; that of an image of the memory is zero
MOST_MAPS = 1000  # of held-out normals; p-values of pixels from 0.001 up


class Standard(NamedTuple):
    """Mean and spread of the log distances of held-out normals.

    Attributes
    ----------
    mean, sd : float
        Of natural logs; `sd` is 1 where all are equal.
    span : float
        How far, in `sd` above the mean, normals are that were drawn at random from the memory. What is unlike any
        normal is about as far: a reading of a wide span tells anomalies from normals by more.
    """

    mean: float
    sd: float
    span: float

    @classmethod
    def of(cls, distances, random_distances):
        """Measure distances (m,) of held-out normals to their nearest, and to normals drawn at random."""
        logs, far = _logs(distances), _logs(random_distances)
        sd = float(logs.std()) or 1.0
        return cls(float(logs.mean()), sd, max(float(far.mean() - logs.mean()) / sd, 0.0))

    def __call__(self, distances):
        """Standardise the logs of distances (n,)."""
        return (_logs(distances) - self.mean) / self.sd


def _logs(distances):
    return np.log(np.maximum(np.asarray(distances, np.float64), FLOOR))


def larger_of(standards, readings):
    """Join standardised readings: the largest, each weighed by its span.

    Equal weights cost .01 to .06 AUROC where pixels tell little, as with few digits: the raw distances of odd normals
    then hide the edges. The span is known from normals alone; benchmarks/anomaly measures what it is worth.

    Parameters
    ----------
    standards : sequence of Standard
    readings : sequence of ndarray (n,)
        Distances; the first keeps its unit.

    Returns
    -------
    ndarray (n,)
        In standard deviations of the first reading.
    """
    first = standards[0].span
    weights = [standard.span / first if first > 0 else 1.0 for standard in standards]
    parts = [w * standard(values) for w, standard, values in zip(weights, standards, readings, strict=True)]
    return np.max(parts, axis=0)


class PixelCalibration:
    """What maps of held-out normals show at each pixel.

    Parameters
    ----------
    maps : tensor (m, h, w)

    Attributes
    ----------
    maps : ndarray (h, w, m)
        Sorted.
    """

    def __init__(self, maps):
        self.maps = np.ascontiguousarray(maps[:MOST_MAPS].permute(1, 2, 0).sort(dim=2).values.numpy())

    def p_values(self, maps):
        """Compute conformal p-values of every pixel.

        Parameters
        ----------
        maps : tensor (n, h, w)

        Returns
        -------
        tensor (n, h, w)
            ``(1 + how many held-out normals show as much there) / (m + 1)``, in (0, 1].
        """
        known = torch.from_numpy(self.maps)
        below = torch.searchsorted(known, maps.permute(1, 2, 0).contiguous())
        return ((1 + known.shape[2] - below).double() / (known.shape[2] + 1)).permute(2, 0, 1)
