"""Source labels and the classes' shares of a batch tell which class a row belongs to; phase B then holds it there."""

from dataclasses import dataclass

import numpy as np
import torch

from ..utils import RowRunner, aligned_linear

__all__ = ["ClassGuide", "LabelledSource", "RowGuide", "is_enough", "learn_guide"]

FEWEST_EACH = 20  # rows of a batch for each class; with fewer the shares of the classes mislead
N_REFERENCES = 3  # nearest source images of a class, whose mean distance is the distance to the class
N_NEIGHBOURS = 5  # rows of the batch that a row is compared with, itself among them
AGREEMENT, N_ROUNDS = 0.9, 10  # weight of the neighbours against a row's own distances, and how often they are asked
SOFTNESS = 0.02  # entropic regularisation of the assignment, in mean distances
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
    rows : ndarray (n, p) float32
        The batch that phase A saw, in [-1, 1].
    memberships : ndarray (n, K) float32
        Share of every class in each of these rows, sum one.
    bandwidth : float
        Standard deviation of the Gaussian kernel around a source image.
    """

    source: LabelledSource
    rows: np.ndarray
    memberships: np.ndarray
    bandwidth: float

    def on(self, device):
        """Return a function that maps observed rows (n, c, h, w) to their `RowGuide`."""
        rows, memberships = (torch.from_numpy(part).to(device) for part in (self.rows, self.memberships))
        references = torch.from_numpy(self.source.images).flatten(1).to(device)
        labels = torch.from_numpy(self.source.labels).to(device)
        by_class = [references[labels == index] for index in range(memberships.shape[1])]

        @torch.no_grad()
        def guide_for(observed):
            nearest = torch.cdist(observed.flatten(1), rows).topk(min(N_NEIGHBOURS, len(rows)), largest=False).indices
            share, label = memberships[nearest].mean(1).max(1)
            return RowGuide(by_class, label, WEIGHT * references.shape[1] * share, self.bandwidth)

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
    averaged with those of the rows that look like it: Zhou et al., Learning with local and global consistency, 2003;
    Cuturi, Sinkhorn distances, 2013.
    """
    images = projector(observed.to(projector.precision))[1].to(generator.device, torch.float32)
    references = torch.from_numpy(source.images).to(generator.device)
    labels = torch.from_numpy(source.labels).to(generator.device)
    run = RowRunner(CHUNK)
    features = [run(lambda part: _features(generator, part), part) for part in (images, references)]
    distances, mean = run(lambda part: _class_distances(part, features[1], labels, len(source.shares)), features[0])
    rows, flat = observed.flatten(1).to(generator.device, torch.float32), references.flatten(1)
    costs = _agreed(distances / mean.mean(), run(lambda part: _nearest(part, rows, N_NEIGHBOURS).indices, rows))
    memberships = _assigned(costs.double().cpu(), torch.from_numpy(source.shares).double())
    spacing = run(lambda part: _nearest(part, flat, 2).values[:, -1], flat).median().item()
    bandwidth = max(BANDWIDTH * spacing, torch.finfo(torch.float32).eps)
    return ClassGuide(source, rows.cpu().numpy(), memberships.float().numpy(), bandwidth)


@torch.no_grad()
def _features(generator, images):
    return (generator.features(images) if generator.has_discriminator else images).flatten(1)


def _nearest(part, rows, count):
    return torch.cdist(part, rows).topk(min(count, len(rows)), largest=False)


def _class_distances(part, references, labels, n_classes):
    """Return the distance (n, K) of rows to every class, and their mean distance (n,) to all references."""
    distances = torch.cdist(part, references)
    nearest = []
    for index in range(n_classes):
        of_class = distances[:, labels == index]
        nearest.append(of_class.topk(min(N_REFERENCES, of_class.shape[1]), largest=False).values.mean(1))
    return torch.stack(nearest, 1), distances.mean(1)


def _agreed(costs, neighbours):
    """Average the costs (n, K) of a row with those of its neighbours (n, k), and theirs with their neighbours'."""
    agreed = costs
    for _ in range(N_ROUNDS):
        agreed = (1 - AGREEMENT) * costs + AGREEMENT * agreed[neighbours].mean(1)
    return agreed


def _assigned(costs, shares):
    """Assign rows to classes at the least cost (n, K), such that the classes have their shares; rows sum to one."""
    expected = shares > 0
    scores, target = -costs[:, expected] / SOFTNESS, (shares[expected] * len(costs)).log()
    potentials = torch.zeros_like(target)
    for _ in range(N_BALANCES):
        potentials = potentials + target - torch.logsumexp((scores + potentials).log_softmax(1), 0)
    memberships = torch.zeros_like(costs)
    memberships[:, expected] = (scores + potentials).softmax(1)
    return memberships
