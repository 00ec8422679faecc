"""What a projection returns."""

from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from ..surrogates import FittedSurrogate
from ._trajectory import Snapshot

__all__ = ["OptimizationTrace", "ProjectionResult", "Solved", "Status"]


class Status(Enum):
    """How a solver ended; the value is the sentence to show."""

    COMPLETED = "All rounds were run."
    CONVERGED = "The objective settled before the last round."
    INTERRUPTED = "Interrupted: the values are the best so far; call again to go on."
    NOT_IDENTIFIABLE = (
        "Too few rows to tell the corruption from the image: the surrogate is the identity. Pass more rows."
    )


@dataclass(frozen=True)
class OptimizationTrace:
    """How the objective fell.

    Attributes
    ----------
    objectives : tuple of float
        Mean objective over the rows at each record, the first before any step.
    status : Status
    """

    objectives: tuple = ()
    status: Status = Status.COMPLETED

    def __getstate__(self):
        """Name the status: skops stores no enumerations."""
        return {"objectives": self.objectives, "status": self.status.name}

    def __setstate__(self, state):
        """Look the status up again."""
        vars(self).update(objectives=state["objectives"], status=Status[state["status"]])

    def interrupted(self):
        """Return the same objectives as those of an interrupted run."""
        return replace(self, status=Status.INTERRUPTED)

    @property
    def n_rounds(self):
        """Number of records after the start."""
        return max(len(self.objectives) - 1, 0)


@dataclass(frozen=True)
class ProjectionResult:
    """Projection of a batch.

    Attributes
    ----------
    latents : ndarray (n, latent_dim)
    images : ndarray (n, C, H, W)
        G(z), in the range of the data.
    mimicked : ndarray (n, C, H, W)
        f^(G(z)), in the range of the data.
    losses : ndarray (n,)
        Fidelity L(Y, f^(G(z))) of each row at the returned latents.
    surrogate : FittedSurrogate
    trace : OptimizationTrace
    trajectory : tuple of Snapshot
        The rows on their way, in the range of the data; empty unless asked for.
    labels : ndarray (n,) of int or None
        Which of `surrogates` each row went through.
    surrogates : tuple of FittedSurrogate
        One for each corruption, the most frequent one first.
    samples : ndarray (n, n_samples, C, H, W) or None
        Plausible images of each row, in the range of the data; None unless asked for.
    identifiable : bool or None
        Whether the rows tell the rotation, zoom and inversion that they share from the images; None if that was not
        tested, as where nothing was learned.
    """

    latents: np.ndarray
    images: np.ndarray
    mimicked: np.ndarray
    losses: np.ndarray
    surrogate: FittedSurrogate
    trace: OptimizationTrace = field(default_factory=OptimizationTrace)
    trajectory: tuple[Snapshot, ...] = ()
    labels: np.ndarray | None = None
    surrogates: tuple[FittedSurrogate, ...] = ()
    samples: np.ndarray | None = None
    identifiable: bool | None = None

    @property
    def spread(self):
        """Standard deviation of each pixel over the samples, (n, C, H, W); None without samples."""
        return None if self.samples is None else self.samples.std(axis=1, ddof=1)


@dataclass(frozen=True)
class Solved:
    """What a solver of phase A came to.

    Attributes
    ----------
    problem : Problem
        With the surrogate that was learned.
    latents : Latents
        Of the last round.
    trace : OptimizationTrace
    rivals : tuple of (float, Surrogate), default=()
        What other starts led to, and by how much the objective, summed over the rows, was higher when they were left.
    """

    problem: object
    latents: object
    trace: OptimizationTrace
    rivals: tuple = ()
