"""Source labels and the classes' shares of a batch tell which class a row belongs to; phase B then holds it there."""

from dataclasses import dataclass

import numpy as np
import torch

from ..utils import RowRunner, aligned_linear

__all__ = ["ClassGuide", "LabelledSource", "RowGuide", "is_enough", "learn_guide"]

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
CHUNK = 256


@dataclass(frozen=True)
class LabelledSource:
    """Labelled source images, and how often their classes are expected among the rows of a batch.

    Attributes
    ----------
    images : ndarray (n, c, h, w) float32
        In [-1, 1], distinct.
    labels : ndarray (n,) of int
        From 0 to K - 1, each at least once.
    shares : ndarray (K,)
        Positive or zero, sum one.
    """

    images: np.ndarray
    labels: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True)
class ClassGuide:
    """What phase A learned of the classes; plain numpy inside.

    Attributes
    ----------
    source : LabelledSource
    origin : ndarray (f,) float32
    axes : ndarray (q, f) float32
        Images are compared by their features along these axes, from the origin.
    references : ndarray (n, q) float32
        The source images there.
    batch : ndarray (m, q) float32
        The projections of the batch that phase A saw.
    agreed : ndarray (m, K) float32
        Cost of every class for these rows, in mean distances, averaged with those of rows that look like them.
    potentials : ndarray (K,) float32
        What has to be added to the scores of the classes for them to have their shares.
    unit : float
        The mean distance.
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
    unit: float
    bandwidth: float

    def on(self, generator):
        """Return a function that maps free projections (n, c, h, w) to their `RowGuide`."""
        tensors = (self.references, self.batch, self.agreed, self.potentials, self.source.labels, self.source.images)
        references, batch, agreed, potentials, labels, images = (
            torch.from_numpy(part).to(generator.device) for part in tensors
        )
        n_classes, flat = len(potentials), images.flatten(1)
        by_class = [references[labels == index] for index in range(n_classes)]
        images_by_class = [flat[labels == index] for index in range(n_classes)]
        space = _Space(generator, *(torch.from_numpy(part).to(generator.device) for part in (self.origin, self.axes)))

        @torch.no_grad()
        def guide_for(projected):
            codes = space(projected)
            costs = _with_neighbours(_class_costs(codes, by_class) / self.unit, agreed[_nearest(codes, batch).indices])
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
        """Compute minus the weighted log probability (n,) of each image's class among Gaussian kernels on the source.

        Parameters
        ----------
        images : tensor (n, c, h, w)
        """
        flat = images.flatten(1)
        densities = [torch.logsumexp(self._exponents(flat, references), 1) for references in self.references]
        logs = torch.stack(densities, 1).log_softmax(1)
        return -self.weights * logs.gather(1, self.labels[:, None])[:, 0]

    def _exponents(self, flat, references):
        """Squared distances in units of the kernel; what a row has in common with all references cancels out."""
        return aligned_linear(flat, references, -references.square().sum(1) / 2) / self.bandwidth**2


def is_enough(n_rows, n_classes):
    """Whether a batch has enough rows for the shares of its classes to tell something."""
    return n_rows >= FEWEST_EACH * n_classes


def learn_guide(generator, projector, observed, source):
    """Find the classes of a batch: near the source's, like their neighbours', and as frequent as expected.

    Parameters
    ----------
    generator : LoadedGenerator
        With a discriminator, images are compared by what its last layer sees; else by their pixels.
    projector : RowProjector
        Of phase B, without a guide.
    observed : tensor (n, c, h, w)
        Distinct rows, in [-1, 1].
    source : LabelledSource

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
    images = torch.from_numpy(source.images).to(generator.device)
    labels = torch.from_numpy(source.labels).to(generator.device)
    run = RowRunner(CHUNK)
    space = _Space(generator, *_principal_axes(run(lambda part: _features(generator, part), _spread_out(images))))
    references = run(space, images)
    batch = run(space, projector(observed.to(projector.precision))[1].to(generator.device, torch.float32))
    by_class = [references[labels == index] for index in range(len(source.shares))]
    unit = run(lambda part: torch.cdist(part, references).mean(1), batch).mean().clamp_min(_TINY).item()
    costs = run(lambda part: _class_costs(part, by_class), batch) / unit
    agreed = _agreed(costs, run(lambda part: _nearest(part, batch).indices, batch))
    potentials = _potentials(agreed.double().cpu(), torch.from_numpy(source.shares).double())
    flat = images.flatten(1)
    spacing = run(lambda part: _nearest(part, flat, 2).values[:, -1], flat).median().item()
    arrays = (part.cpu().float().numpy() for part in (space.origin, space.axes, references, batch, agreed, potentials))
    return ClassGuide(source, *arrays, unit, max(BANDWIDTH * spacing, _TINY))


_TINY = torch.finfo(torch.float32).eps


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
    return (generator.features(images) if generator.has_discriminator else images).flatten(1)


def _spread_out(images):
    """Take every so manieth image, as they lie in the order of their classes."""
    return images[:: -(-len(images) // N_FOR_AXES)]


def _principal_axes(features):
    """Return the mean (f,) and the axes (q, f) of the largest variances."""
    origin = features.mean(0)
    _, deviations, axes = torch.linalg.svd((features - origin).double(), full_matrices=False)
    n_axes = max(int((deviations[:N_AXES] ** 2 > FLAT * deviations[0] ** 2).sum()), 1)
    return origin, axes[:n_axes].float()


def _nearest(codes, rows, count=N_NEIGHBOURS):
    return torch.cdist(codes, rows).topk(min(count, len(rows)), largest=False)


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
