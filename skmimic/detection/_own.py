"""How far each normal image is from the normals nearest to it: where these are far, a new one is as far from them."""

import torch
import torch.nn.functional as F

from ..utils import RowRunner, aligned_linear
from ._best import Best
from ._readings import match_candidates
from ._sums import summed

__all__ = ["MANY", "neighbours_of", "own_scales"]

N_NEIGHBORS = 3
MANY = 8_000  # normals; of 2,000 the scales cost .02 AUROC with digit 1 left out and gain .01 with digit 9
POWER = 0.25  # of 0, 1/4, 1/2 and a fitted one: digit 9 .979, .985, .984, .960 and digit 1 .985, .986, .981, .946 AUROC
LEAST = 1e-3  # squared distance of features of unit norm; of the same image twice it is zero
COARSEST_SIDE = 14  # pixels; a quarter of the work at 28, and the same neighbours but for details
ROWS_TOGETHER = 256
OTHERS_TOGETHER = 4096
IMAGES_TOGETHER = 1024


def own_scales(memory, reach="auto", features=None):
    """Compute what distances to each normal are multiplied by.

    ``own ** -1/4``, where `own` is the mean two-way distance of a normal to the three other normals nearest by cosine.

    Parameters
    ----------
    memory : Memory
    reach : int or "auto", default="auto"
    features : callable or None, default=None
        Both as in `match_candidates`.

    Returns
    -------
    ndarray (n,)
        float32.
    """
    neighbours = neighbours_of(memory.images, min(N_NEIGHBORS, len(memory) - 1))
    distances = [
        match_candidates(
            memory.images.take(slice(start, start + len(part))), memory, part, reach=reach, features=features
        )
        for start, part in zip(range(0, len(memory), IMAGES_TOGETHER), neighbours.split(IMAGES_TOGETHER), strict=True)
    ]
    own = torch.cat([summed(found.distances) / found.distances.shape[1] for found in distances])
    return own.clamp_min(LEAST).double().pow(-POWER).float().numpy()


def neighbours_of(images, count):
    """Find the nearest other images of each, by cosine at a coarse scale.

    Parameters
    ----------
    images : StoredImages
    count : int
        Fewer than there are images.

    Returns
    -------
    tensor (n, count) of int
    """
    rows = _coarse_units(images)
    numbers = torch.arange(len(rows))
    return RowRunner(ROWS_TOGETHER)(lambda part, own: _nearest_others(part, own, rows, count), rows, numbers)


def _coarse_units(images):
    """Average to at most 14 pixels a side; rows (n, p) of unit norm."""
    factor = -(-max(images.shape[-2:]) // COARSEST_SIDE)
    parts = (images.take(slice(start, start + IMAGES_TOGETHER)) for start in range(0, len(images), IMAGES_TOGETHER))
    rows = torch.cat([F.avg_pool2d(part, factor, ceil_mode=True).flatten(1) for part in parts])
    return rows / summed(rows.square()).sqrt().clamp_min(1e-6)[:, None]


def _nearest_others(part, own, rows, count):
    best = Best(count)
    for start in range(0, len(rows), OTHERS_TOGETHER):
        cosines = aligned_linear(part, rows[start : start + OTHERS_TOGETHER])
        inside = (own >= start) & (own < start + OTHERS_TOGETHER)
        cosines[inside, own[inside] - start] = -torch.inf
        best.add(cosines, start)
    return best.indices
