"""What a projection returns."""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from ..surrogates import FittedSurrogate
from ._trajectory import Snapshot

__all__ = ["OptimizationTrace", "ProjectionResult", "Status"]


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
    """

    latents: np.ndarray
    images: np.ndarray
    mimicked: np.ndarray
    losses: np.ndarray
    surrogate: FittedSurrogate
    trace: OptimizationTrace = field(default_factory=OptimizationTrace)
    trajectory: tuple[Snapshot, ...] = ()
