"""Source labels and the classes' shares of a batch tell which class a row belongs to; phase B then holds it there."""

from dataclasses import dataclass

import numpy as np
import torch

from ..exceptions import GeneratorMismatchError
from ..utils import RowRunner, aligned_linear, squared_distances

__all__ = ["ClassGuide", "LabelledSource", "RowGuide", "has_enough_rows", "learn_guide"]

FEWEST_EACH = 20  # rows of a batch for each class; with fewer the shares of the classes mislead
N_AXES, N_FOR_AXES = 64, 1000  # principal axes of what the discriminator sees, and source images they are taken from
FLAT = 1e-6  # of the largest variance, below which an axis is left out
N_REFERENCES = 3  # nearest source images of a class, whose mean distance is the distance to the class
N_NEIGHBOURS = 9  # rows of the batch that a row is compared with, itself among them
AGREEMENT, N_ROUNDS = 0.7, 10  # weight of the neighbours against a row's own distances, and how often they are asked
SOFTNESS = 0.04  # entropic regularisation of the assignment, in mean distances
N_BALANCES = 500
BANDWIDTH = 0.37  # of the kernel of a class, in median distances of a source image to its nearest
WEIGHT = 0.04  # of the logarithm of a row's class, for each value of an image
CHUNK, BLOCK = 256, 1024
TINY = torch.finfo(torch.float32).eps


@dataclass(frozen=True)
class LabelledSource:
    """Labelled source images.

    Attributes
    ----------
    images : ndarray (n, c, h, w) float32
        In [-1, 1], distinct.
    labels : ndarray (n,) of int
        From 0 to K - 1, each at least once.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ClassGuide:
    """What phase A learned of the classes; plain numpy inside.

    Attributes
    ----------
    source : LabelledSource
    origin : ndarray (f,) float32
    axes : ndarray (q, f) float32
        Images are compared by their features along these axes, from the origin; the mean distance is one.
    references : ndarray (n, q) float32
        The source images there.
    batch : ndarray (m, q) float32
        The projections of the batch that phase A saw.
    agreed : ndarray (m, K) float32
        Cost of every class for these rows, averaged with those of rows that look like them.
    potentials : ndarray (K,) float32
        What has to be added to the scores of the classes for them to have their shares.
    bandwidth : float
        Standard deviation of the Gaussian kernel around a source image.
    """

    source: LabelledSource
    origin: np.ndarray
    axes: np.ndarray
    references: np.ndarray
    batch: np.ndarray
    agreed: np.ndarray
    potentials: np.ndarray
    bandwidth: float

    def on(self, generator):
        """Prepare it for a generator.

        Parameters
        ----------
        generator : LoadedGenerator

        Returns
        -------
        callable
            Maps free projections (n, c, h, w) to their `RowGuide`.
        """

        def loaded(*arrays):
            return [torch.tensor(part, device=generator.device) for part in arrays]  # copies: workers share the arrays

        labels, images = loaded(self.source.labels, self.source.images)
        references, batch, agreed, potentials = loaded(self.references, self.batch, self.agreed, self.potentials)
        space, flat = _Space(generator, *loaded(self.origin, self.axes)), images.flatten(1)
        by_class, images_by_class = (_by_class(part, labels, len(potentials)) for part in (references, flat))

        @torch.no_grad()
        def guide_for(projected):
            codes = space(projected)
            costs = _with_neighbours(_class_costs(codes, by_class), agreed[_nearest(codes, batch).indices])
            share, label = (potentials - costs / SOFTNESS).softmax(1).max(1)
            return RowGuide(images_by_class, label, WEIGHT * flat.shape[1] * share, self.bandwidth)

        return guide_for


@dataclass(frozen=True)
class RowGuide:
    """A term of the objective that holds each row to its class.

    Attributes
    ----------
    references : list of tensor (n_k, p)
        Source images of every class.
    labels : tensor (n,) of int
        Of the rows.
    weights : tensor (n,)
    bandwidth : float
    """

    references: list
    labels: torch.Tensor
    weights: torch.Tensor
    bandwidth: float

    def penalty(self, images):
        """Compute minus the weighted log probability of each image's class among Gaussian kernels on the source.

        Parameters
        ----------
        images : tensor (n, c, h, w)

        Returns
        -------
        tensor (n,)
        """
        flat = images.flatten(1)
        densities = [torch.logsumexp(self._exponents(flat, references), 1) for references in self.references]
        logs = torch.stack(densities, 1).log_softmax(1)
        return -self.weights * logs.gather(1, self.labels[:, None])[:, 0]

    def _exponents(self, flat, references):
        """Squared distances in units of the kernel; what a row has in common with all references cancels out."""
        return aligned_linear(flat, references, -references.square().sum(1) / 2) / self.bandwidth**2


def has_enough_rows(n_rows, shares):
    """Tell whether a batch has enough rows for the shares of its classes to tell something.

    Parameters
    ----------
    n_rows : int
    shares : ndarray (K,)

    Returns
    -------
    bool
    """
    return n_rows >= FEWEST_EACH * np.count_nonzero(shares)


def learn_guide(generator, projector, observed, source, shares):
    """Find the classes of a batch: near the source's, like their neighbours', and as frequent as expected.

    Parameters
    ----------
    generator : LoadedGenerator
        With a discriminator whose last layer can be listened at, images are compared by what that sees; else by their
        pixels.
    projector : RowProjector
        Of phase B, without a guide.
    observed : tensor (n, c, h, w)
        Distinct rows, in [-1, 1].
    source : LabelledSource
    shares : ndarray (K,)
        How frequent the classes are expected to be; positive or zero, sum one.

    Returns
    -------
    ClassGuide

    Notes
    -----
    The classes are assigned by entropic optimal transport between rows and classes, after the distances of a row were
    averaged with those of the rows that look like it.

    References
    ----------
    Zhou et al., Learning with local and global consistency, 2003. Cuturi, Sinkhorn distances, 2013.
    """
    images, labels = (torch.tensor(part, device=generator.device) for part in (source.images, source.labels))
    run, flat = RowRunner(CHUNK), images.flatten(1)
    space = _Space(generator, *_principal_axes(run(lambda part: _features(generator, part), _evenly_chosen(images))))
    parts = observed.to(projector.precision).split(BLOCK)
    batch = torch.cat([run(space, projector(part)[1].to(generator.device, torch.float32)) for part in parts])
    references = run(space, images)
    unit = run(lambda part: squared_distances(part, references).sqrt().mean(1), batch).mean().clamp_min(TINY)
    batch, references, axes = batch / unit, references / unit, space.axes / unit
    by_class = _by_class(references, labels, len(shares))
    costs = run(lambda part: _class_costs(part, by_class), batch)
    agreed = _agreed(costs, run(lambda part: _nearest(part, batch).indices, batch))
    potentials = _potentials(agreed.cpu().double(), torch.from_numpy(shares).double())
    spacing = run(lambda part: _nearest(part, flat, 2).values[:, -1], flat).median().item()
    arrays = (part.cpu().float().numpy() for part in (space.origin, axes, references, batch, agreed, potentials))
    return ClassGuide(source, *arrays, max(BANDWIDTH * spacing, TINY))


class _Space:
    """Where images are compared: features along axes."""

    def __init__(self, generator, origin, axes):
        self.generator, self.origin, self.axes = generator, origin, axes

    @torch.no_grad()
    def __call__(self, images):
        """Map images (n, c, h, w) to codes (n, q)."""
        return aligned_linear(_features(self.generator, images) - self.origin, self.axes)


@torch.no_grad()
def _features(generator, images):
    """Map images (n, c, h, w) to rows: what a discriminator sees in them, else their pixels."""
    if generator.has_discriminator:
        try:
            return generator.features(images).flatten(1)
        except GeneratorMismatchError:  # it has no layer to listen at
            pass
    return images.flatten(1)


def _by_class(rows, labels, n_classes):
    return [rows[labels == index] for index in range(n_classes)]


def _evenly_chosen(images):
    """Take every k-th image; they lie in the order of their classes."""
    return images[:: -(-len(images) // N_FOR_AXES)]


def _principal_axes(features):
    """Return the mean (f,) and the axes (q, f) of the largest variances."""
    origin = features.mean(0)
    centred = (features - origin).cpu().double()
    variances, weights = torch.linalg.eigh(centred @ centred.T)
    variances, weights = variances.flip(0)[:N_AXES], weights.flip(1)[:, :N_AXES]
    kept = variances > FLAT * variances[0].clamp_min(TINY)
    if not kept.any():  # all images are alike
        return origin, torch.zeros_like(features[:1])
    axes = (weights[:, kept] / variances[kept].sqrt()).T @ centred
    return origin, axes.to(features)


def _nearest(codes, rows, count=N_NEIGHBOURS):
    return squared_distances(codes, rows).sqrt().topk(min(count, len(rows)), largest=False)


def _class_costs(codes, by_class):
    """Return the distances (n, K) of codes to the classes."""
    return torch.stack([_nearest(codes, members, N_REFERENCES).values.mean(1) for members in by_class], 1)


def _with_neighbours(costs, others):
    """Average the costs (n, K) of rows with those of others (n, k, K) that look like them."""
    return (1 - AGREEMENT) * costs + AGREEMENT * others.mean(1)


def _agreed(costs, neighbours):
    """Average the costs (n, K) of a row with those of its neighbours (n, k), and theirs with their neighbours'."""
    agreed = costs
    for _ in range(N_ROUNDS):
        agreed = _with_neighbours(costs, agreed[neighbours])
    return agreed


def _potentials(costs, shares):
    """Return what makes the softmax of ``potentials - costs / SOFTNESS`` (n, K) give the classes their shares."""
    expected = shares > 0
    scores, target = -costs[:, expected] / SOFTNESS, (shares[expected] * len(costs)).log()
    potentials = torch.full_like(shares, -torch.inf)
    found = torch.zeros_like(target)
    for _ in range(N_BALANCES):
        found = found + target - torch.logsumexp((scores + found).log_softmax(1), 0)
    potentials[expected] = found
    return potentials
