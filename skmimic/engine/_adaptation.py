"""What phase A hands to phase B."""

from dataclasses import dataclass, field, replace

from ..surrogates import FittedSurrogate, Identity
from ._class_guide import ClassGuide
from ._encoder import FittedEncoder
from ._results import OptimizationTrace, Status
from ._rows import RowProjector
from ._settings import Settings

__all__ = ["Adaptation", "no_corruption"]


@dataclass(frozen=True)
class Adaptation:
    """Outcome of phase A, all that phase B needs; plain numpy inside.

    Attributes
    ----------
    surrogate : FittedSurrogate
    settings : Settings
        With solver and start resolved.
    deviation_sd : float or None
    encoder : FittedEncoder or None
    seed : int
    trace : OptimizationTrace
    latents : ndarray (n, d) or None
        Of the rows of the batch, from the alternating solver.
    trajectory : tuple of Snapshot
        Of the rows of the batch, from the alternating solver with ``Settings.record``.
    identifiable : bool or None
        Whether the rows tell the corruption from the images, see `is_identifiable`; None if that was not tested.
    guide : ClassGuide or None
        Holds rows to their classes; only where labels of a source are used.
    """

    surrogate: FittedSurrogate
    settings: Settings
    deviation_sd: float | None = None
    encoder: FittedEncoder | None = None
    seed: int = 0
    trace: OptimizationTrace = field(default_factory=OptimizationTrace)
    latents: object = None
    trajectory: tuple = ()
    identifiable: bool | None = None
    guide: ClassGuide | None = None

    @property
    def components(self):
        """The adaptation itself: one corruption for all rows."""
        return (self,)

    def interrupted(self):
        """Return what there is as the outcome of an interrupted phase A, which says so; without an encoder to come."""
        settings = self.settings
        if self.encoder is None and settings.solver == "amortized":
            settings = replace(settings, solver="joint")
        return replace(self, settings=settings, trace=self.trace.interrupted())

    def row_projector(self, generator, batch_size, linear_map=None):
        """Prepare phase B."""
        return RowProjector(generator, self, batch_size, linear_map)


def no_corruption(settings, seed=0, status=Status.COMPLETED):
    """Return the adaptation that assumes no corruption (paper Eq. 3).

    Parameters
    ----------
    settings : Settings
    seed : int, default=0
    status : Status

    Returns
    -------
    Adaptation
    """
    solver = "joint" if settings.solver in ("auto", "amortized") else settings.solver
    identity = FittedSurrogate(Identity(), "identity")
    identifiable = False if status is Status.NOT_IDENTIFIABLE else None
    trace = OptimizationTrace((), status)
    return Adaptation(identity, replace(settings, solver=solver), seed=seed, trace=trace, identifiable=identifiable)
