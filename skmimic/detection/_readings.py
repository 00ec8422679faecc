"""How far rows are from the normal images that mimic them best."""

from typing import NamedTuple

import torch

from ._features import described_by, repeated
from ._matching import match, reach_of
from ._pyramid import fine
from ._sums import summed

__all__ = ["Matches", "match_candidates"]

ROWS_TOGETHER = 32  # whose candidates are matched at a time


class Matches(NamedTuple):
    """The normal images that mimic rows best.

    Attributes
    ----------
    distances : tensor (n, k)
        Two-way distances, the smallest first.
    indices : tensor (n, k) of int
        Where these normals stand in the memory.
    maps : tensor (n, h, w) or None
        What each pixel adds to the mean of the distances.
    """

    distances: torch.Tensor
    indices: torch.Tensor
    maps: torch.Tensor | None


def match_candidates(images, memory, candidates, n_neighbors=3, *, reach="auto", features=None, with_maps=False):
    """Match rows with their candidates, both ways, and keep the best.

    ``D(y, x) = max(A(y, x), A(x, y))``, see `match`; the map is that of the larger. It is multiplied by
    the scale of x where the memory has scales.

    Parameters
    ----------
    images : tensor (n, c, h, w)
    memory : Memory
    candidates : tensor (n, K) of int
    n_neighbors : int, default=3
        How many are kept, k; no more than there are candidates.
    reach : int or "auto", default="auto"
        Pixels of the features that parts may move; "auto" is `reach_of` their shape.
    features : callable or None, default=None
        From images (m, c, h, w) to feature maps (m, q, h', w') that are no larger, each alone; scaled to unit norm a
        row here. None are `edges` at no more than 32 pixels a side.
    with_maps : bool, default=False

    Returns
    -------
    Matches
    """
    described = described_by(features)
    parts = [
        _Matched(rows, memory, at, reach, described).best(n_neighbors, with_maps)
        for rows, at in zip(images.split(ROWS_TOGETHER), candidates.split(ROWS_TOGETHER), strict=True)
    ]
    distances, indices, maps = zip(*parts, strict=True)
    return Matches(torch.cat(distances), torch.cat(indices), torch.cat(maps) if with_maps else None)


class _Matched:
    """Rows and their candidates, matched; pairs are numbered row by row."""

    def __init__(self, rows, memory, candidates, reach, described):
        self.candidates, self.shape = candidates, rows.shape[-2:]
        first = repeated(described(rows), candidates.shape[1])
        self.features = described(memory.images.take(candidates.flatten()))
        # beyond the image nothing changes but the work
        self.reach = reach_of(first.shape[-2:]) if reach == "auto" else min(reach, max(first.shape[-2:]) - 1)
        self.ways = match(first, self.features, self.reach)
        self.distances, self.larger = torch.stack([summed(way) for way in self.ways]).max(dim=0)
        self.scales = _scales(memory, candidates.flatten())
        self.distances = self.distances * self.scales

    def best(self, count, with_maps):
        n, k = self.candidates.shape
        values, order = self.distances.view(n, k).topk(min(count, k), largest=False)
        pairs = order + torch.arange(n)[:, None] * k
        maps = self._mean_map(pairs) if with_maps else None
        return values, self.candidates.flatten()[pairs], maps

    def _mean_map(self, pairs):
        """Average the maps of the larger way over the best pairs (n, k)."""
        flat = pairs.flatten()
        of_first, of_second = (way[flat] for way in self.ways)
        chosen = torch.where(self.larger[flat].bool()[:, None, None], of_second, of_first)
        scaled = (chosen * self.scales[flat][:, None, None]).unflatten(0, pairs.shape)
        return fine(_added(scaled) / pairs.shape[1], self.shape)


def _scales(memory, indices):
    return torch.ones(len(indices)) if memory.scales is None else torch.from_numpy(memory.scales[indices.numpy()])


def _added(maps):
    """Add maps (n, k, h, w) one by one."""
    total = maps[:, 0]
    for index in range(1, maps.shape[1]):
        total = total + maps[:, index]
    return total
