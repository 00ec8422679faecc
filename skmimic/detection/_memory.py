"""The memory of normal images, and which of them are nearest to new ones."""

from typing import NamedTuple

import torch

from ..utils import RowRunner, aligned_linear
from ._best import Best
from ._store import StoredImages, writable
from ._sums import summed

__all__ = ["Memory", "Nearest"]

MEMORY_SIZE = 50_000  # images
VALUES_TOGETHER = 2**22  # of the memory, unpacked at a time: 16 MB
MOST_TOGETHER = 4096  # images of the memory at a time
ROWS_TOGETHER = 256  # that are compared at a time; with fewer, unpacking costs as much as the products
FAINTEST = 1e-6  # norm of an image; a black one is as far from all others by cosine


class Nearest(NamedTuple):
    """What a memory knows of rows.

    Attributes
    ----------
    candidates : tensor (n, k) of int
        The nearest by cosine, the nearest first.
    by_distance : tensor (n, n_neighbors) of int
        The nearest by Euclidean distance, the nearest first.
    """

    candidates: torch.Tensor
    by_distance: torch.Tensor


class Memory:
    """Normal images that new ones are compared with.

    Beyond `memory_size` a random part is kept. A greedy k-center choice takes the oddest images first: stains of the
    training set would stay, and most of what is usual would go.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        float32, in [0, 1] where cosines are to mean something: black is zero. Or bytes.
    memory_size : int or None, default=50_000
        How many images are kept at most; None keeps all.
    random : torch.Generator or None, default=None
        Draws those that are kept; None takes a fixed seed.

    Attributes
    ----------
    images : StoredImages
    norms : ndarray (n,)
        Euclidean norm of each image, float32.
    scales : ndarray (n,) or None
        What two-way distances to each image are multiplied by, see `own_scales`; None for one.
    """

    def __init__(self, images, memory_size=MEMORY_SIZE, random=None):
        self.images = StoredImages(_kept(images, memory_size, random))
        self.norms = torch.cat([_norms(part) for _, part in self._parts()]).numpy()
        self.scales = None

    def __len__(self):
        return len(self.images)

    def carried(self, f):
        """Return a memory of the same images after a corruption, with the scales of the clean ones.

        Parameters
        ----------
        f : callable
            From images (k, c, h, w) to as many, each alone.

        Returns
        -------
        Memory
        """
        carried = torch.cat([f(part.view(-1, *self.images.shape[1:])) for _, part in self._parts()])
        memory = Memory(carried, None)
        memory.scales = self.scales
        return memory

    def part(self, indices):
        """Return a memory of some of the images, with their scales.

        Parameters
        ----------
        indices : tensor (k,) of int

        Returns
        -------
        Memory
        """
        memory = Memory(self.images.take(indices), None)
        memory.scales = None if self.scales is None else self.scales[indices.numpy()]
        return memory

    def _parts(self):
        """Unpack flat images (k, p) part by part, each with the index of its first."""
        n_values = self.images.codes[0].size
        size = max(min(VALUES_TOGETHER // n_values, MOST_TOGETHER), 16)
        for start in range(0, len(self), size):
            yield start, self.images.take(slice(start, start + size)).flatten(1)

    def nearest(self, images, n_candidates, n_neighbors):
        """Find the nearest normal images, by cosine and by distance; one product serves both.

        Parameters
        ----------
        images : tensor (n, c, h, w)
        n_candidates, n_neighbors : int
            How many; no more than there are.

        Returns
        -------
        Nearest
        """
        counts = [min(count, len(self)) for count in (n_candidates, n_neighbors)]
        return Nearest(*RowRunner(ROWS_TOGETHER)(lambda rows: self._nearest(rows, counts), images.flatten(1)))

    def _nearest(self, rows, counts):
        found = [Best(count) for count in counts]
        for start, part in self._parts():
            norms = writable(self.norms[start : start + len(part)])
            products = aligned_linear(rows, part)
            found[1].add(products * 2 - norms.square(), start)  # the square of the row's own norm orders nothing
            found[0].add(products.div_(norms.clamp_min(FAINTEST)), start)
        return tuple(best.indices for best in found)

    def distances(self, images, indices):
        """Measure Euclidean distances exactly: zero for the same image.

        Parameters
        ----------
        images : tensor (n, c, h, w)
        indices : tensor (n, k) of int
            Images of the memory to compare each with.

        Returns
        -------
        tensor (n, k)
        """
        squares = [
            summed(
                (rows[:, None] - self.images.take(at.flatten()).view(*at.shape, *rows.shape[1:])).square().flatten(0, 1)
            )
            for rows, at in zip(images.split(ROWS_TOGETHER), indices.split(ROWS_TOGETHER), strict=True)
        ]
        return torch.cat(squares).view(indices.shape).sqrt()


def _kept(images, size, random):
    if size is None or len(images) <= size:
        return images
    random = random or torch.Generator().manual_seed(0)
    return images[torch.randperm(len(images), generator=random)[:size].sort().values]


def _norms(rows):
    return torch.linalg.vector_norm(rows, dim=1)
