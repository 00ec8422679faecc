"""The two phases: A estimates the corruption from a batch, B projects each row alone with the corruption frozen."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch

from ..exceptions import GeneratorMismatchError, NotFiniteError
from ..surrogates import FittedSurrogate, Identity, resolve_surrogate
from ..utils import RowRunner, is_out_of_memory, refuse_fork
from ._alternating import alternate
from ._closed_form import ClosedForm
from ._descent import Descent, check_finite, observed_steps
from ._encoder import FittedEncoder, train_encoder
from ._evidence import fill_in
from ._hypotheses import is_identifiable
from ._initialisation import Candidates, start_latents
from ._posterior import PosteriorSampler
from ._problem import Latents, Problem
from ._results import OptimizationTrace, Status
from ._selection import Bench, Learned, learn_surrogate, select_surrogate
from ._settings import Settings
from ._trajectory import Recorder, Snapshot

__all__ = ["Adaptation", "RowProjector", "computing", "estimate_corruption", "no_corruption"]

AMORTIZED_FROM = 500  # rows; below, training an encoder takes longer than projecting without
REFINEMENT_RATE = 0.4  # of lr_latent, after an encoder start


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

    @property
    def components(self):
        """The adaptation itself: one corruption for all rows."""
        return (self,)

    def row_projector(self, generator, batch_size, linear_map=None):
        """Prepare phase B."""
        return RowProjector(generator, self, batch_size, linear_map)


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """Allow gradients inside, whatever grad or inference mode the caller is in."""
    refuse_fork()
    with torch.inference_mode(False), torch.enable_grad():
        yield


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


def estimate_corruption(generator, observed, settings, surrogate="auto", seed=0, report=None):
    """Phase A: learn the surrogate, and with the amortized solver an encoder, from a batch of rows.

    Parameters
    ----------
    generator : LoadedGenerator
    observed : tensor (n, c, h, w)
        In [-1, 1], n > 1.
    settings : Settings
    surrogate : str, Surrogate or factory, default="auto"
    seed : int, default=0
    report : callable or None, default=None
        Called with a sentence as the work goes on.

    Returns
    -------
    Adaptation

    Raises
    ------
    NotFiniteError
        If every restart leaves the finite numbers.
    KeyboardInterrupt
        Carries the best adaptation so far as its attribute `partial`.
    """
    settings = replace(settings, solver=resolve_solver(settings.solver, len(observed)))
    report = report or _silent
    best, failure = None, None
    try:
        for restart in range(settings.n_init):
            try:
                trial = _attempt(generator, observed, settings, surrogate, seed + restart, report)
            except NotFiniteError as error:
                failure = error
                continue
            if best is None or _final_objective(trial) < _final_objective(best):
                best = trial
        if best is None:
            raise failure
        return with_encoder(generator, observed, best, report)
    except KeyboardInterrupt as interrupt:
        interrupt.partial = best or getattr(interrupt, "partial", None)
        raise


def resolve_solver(solver, n_rows):
    """Choose between the joint and the amortized solver, if that is left open."""
    if solver == "auto":
        return "amortized" if n_rows >= AMORTIZED_FROM else "joint"
    return "joint" if solver == "closed_form" else solver


def _final_objective(adaptation):
    return adaptation.trace.objectives[-1] if adaptation.trace.objectives else float("inf")


def _silent(sentence):
    """Report nothing."""


def _attempt(generator, observed, settings, surrogate, seed, report):
    """Run phase A once; on lack of memory again with half the rows."""
    while True:
        try:
            return _learn(generator, observed, settings, surrogate, seed, report)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or len(observed) < 8:
                raise
            observed = observed[: len(observed) // 2]


def _learn(generator, observed, settings, surrogate, seed, report):
    random = torch.Generator().manual_seed(seed)
    if not has_parameters(surrogate, generator, seed):
        return Adaptation(FittedSurrogate(*fresh_surrogate(surrogate, generator, seed)), settings, seed=seed)
    if settings.solver == "alternating":
        return _learn_by_algorithm_1(generator, observed, settings, surrogate, seed, random, report)
    problem = _problem(generator, Identity(), settings)
    bench = Bench(problem, observed, settings, Candidates(generator, random), random, report)
    try:
        if surrogate == "auto":
            learned = select_surrogate(bench)
        else:
            learned = learn_surrogate(bench, *fresh_surrogate(surrogate, generator, seed))
    except KeyboardInterrupt as interrupt:
        interrupt.partial = _interrupted(bench.current, settings, seed)
        raise
    return replace(_adaptation(learned, settings, seed), identifiable=_is_identifiable(bench.candidates, observed))


def _is_identifiable(candidates, observed):
    """Whether the rows tell the pose that they share; None for images of one row or column."""
    return is_identifiable(candidates.images, observed) if min(observed.shape[-2:]) > 1 else None


def has_parameters(surrogate, generator, seed):
    """Whether a surrogate of the user's choice has anything to learn."""
    if isinstance(surrogate, str) and surrogate == "auto":
        return True
    fresh, _ = fresh_surrogate(surrogate, generator, seed)
    return any(parameter.requires_grad for parameter in fresh.parameters())


def fresh_surrogate(surrogate, generator, seed):
    """Build a trainable surrogate, try it on two images, and name its family."""
    fresh = resolve_surrogate(surrogate, generator.image_shape, seed).to(generator.device).eval()
    images = torch.zeros(2, *generator.image_shape, dtype=torch.float32, device=generator.device)
    with torch.no_grad():
        mimicked = fresh(images)
    if not isinstance(mimicked, torch.Tensor) or mimicked.shape != images.shape:
        raise GeneratorMismatchError(
            f"surrogate: {type(fresh).__name__} must keep the shape {tuple(images.shape)} of the images that it is "
            f"given, got {tuple(getattr(mimicked, 'shape', ()))}."
        )
    return fresh, surrogate if isinstance(surrogate, str) else type(fresh).__name__


def _interrupted(surrogate, settings, seed):
    if surrogate is None:
        return None
    learned = Learned(surrogate, "interrupted", None, float("nan"), OptimizationTrace((), Status.INTERRUPTED))
    return _adaptation(learned, replace(settings, solver="joint"), seed)


def _adaptation(learned, settings, seed):
    fitted = FittedSurrogate(learned.surrogate, learned.family)
    return Adaptation(fitted, settings, learned.deviation_sd, None, seed, learned.trace)


def _problem(generator, surrogate, settings, deviation_sd=None):
    return Problem(generator, surrogate, settings.loss, settings.latent_weight, deviation_sd, settings.lambda_adv)


def _learn_by_algorithm_1(generator, observed, settings, surrogate, seed, random, report):
    fresh, family = fresh_surrogate("paper" if surrogate == "auto" else surrogate, generator, seed)
    problem = _problem(generator, fresh, settings)
    start = "mean" if settings.start in ("auto", "encoder") else settings.start
    first = start_latents(start, problem, observed, random)
    recorder = Recorder(problem) if settings.record else None
    try:
        latents, trace = alternate(problem, observed, first, settings, report, recorder)
    except KeyboardInterrupt as interrupt:
        interrupt.partial = _interrupted(fresh, settings, seed)
        raise
    trajectory = recorder.snapshots() if recorder else ()
    z = latents.z.cpu().numpy()
    return Adaptation(FittedSurrogate(fresh, family), settings, None, None, seed, trace, z, trajectory)


def with_encoder(generator, observed, adaptation, report=None):
    """Train an encoder on the rows if the settings ask for one."""
    settings = adaptation.settings
    if settings.solver != "amortized" and settings.start != "encoder":
        return adaptation
    problem = _problem(generator, adaptation.surrogate.to_torch(generator.device), settings, adaptation.deviation_sd)
    random = torch.Generator().manual_seed(adaptation.seed)
    return replace(adaptation, encoder=train_encoder(problem, observed, settings, random, report or _silent))


class RowProjector:
    """Phase B: project rows with the corruption frozen; every row alone, in chunks of one shape.

    Parameters
    ----------
    generator : LoadedGenerator
    adaptation : Adaptation
    batch_size : int
    linear_map : tuple of ndarray or None
        ``(components, mean)`` of a linear generator; with a surrogate that is affine in the images the latents are
        then exact.
    """

    def __init__(self, generator, adaptation, batch_size, linear_map=None):
        self.generator, self.settings, self.adaptation = generator, adaptation.settings, adaptation
        surrogate = adaptation.surrogate.to_torch(generator.device)
        self.problem = _problem(generator, surrogate, self.settings, adaptation.deviation_sd)
        self.runner = RowRunner(batch_size)
        self.closed_form = self.encoder = self.candidates = None
        is_linear = surrogate.is_affine_in_images and surrogate.missing is None
        if linear_map is not None and is_linear and self.settings.solver != "alternating":
            self.closed_form = ClosedForm(*linear_map, adaptation.surrogate.to_torch(), generator.image_shape)
        elif adaptation.encoder is not None:
            self.encoder = adaptation.encoder.to_torch(generator.prior, generator.device)
        elif self._start() == "nearest":
            self.candidates = Candidates(generator, torch.Generator().manual_seed(adaptation.seed))
            self.mimicked = self.candidates.mimicked(surrogate)

    def __call__(self, observed):
        """Project observed images.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
            In [-1, 1]; float64 for a linear generator, else float32.

        Returns
        -------
        z : tensor (n, d)
        images : tensor (n, c, h, w)
        mimicked : tensor (n, c, h, w)
        losses : tensor (n,)
            All on the CPU.
        """
        with computing():
            return self.runner(self._chunk, observed)

    @property
    def precision(self):
        """The dtype of the observed images that it takes."""
        return torch.float32 if self.closed_form is None else torch.float64

    @property
    def batch_size(self):
        """Rows of a chunk after any lack of memory."""
        return self.runner.batch_size

    def evaluated(self, observed):
        """Project observed images; returns what `__call__` returns, and the objectives (n,) that were reached."""
        with computing():
            return self.runner(self._evaluated, observed)

    def sample(self, observed, z, n_samples, labels=None):
        """Draw plausible images (n, n_samples, c, h, w) around the projections z (n, d); the labels are not needed."""
        seed, steps = self.adaptation.seed, max(self.settings.T * self.settings.T2 // 2, 1)
        with computing():
            candidates = self.candidates
            if candidates is None and self.closed_form is None:
                candidates = Candidates(self.generator, torch.Generator().manual_seed(seed))
            sampler = PosteriorSampler(
                self.problem, self.settings, n_samples, seed, steps, candidates, self.closed_form
            )
            return self.runner(sampler, observed, z)

    def follow(self, observed):
        """Project observed images as `__call__` does, and keep them as they were on the way.

        Parameters
        ----------
        observed : tensor (n, c, h, w)

        Returns
        -------
        found : tuple of tensors
            z, images, mimicked images and losses.
        trajectory : tuple of Snapshot
            The last one holds the images that were found.
        """
        with computing():
            *found, images, mimicked = self.runner(self._followed, observed)
        path = zip(self._steps(), images.unbind(1), mimicked.unbind(1), strict=True)
        return tuple(found), tuple(Snapshot(step, x.numpy(), y.numpy()) for step, x, y in path)

    def _followed(self, observed):
        recorder = Recorder(self.problem)
        found = self._chunk(observed, recorder)
        if self.closed_form is not None:
            recorder.keep(0, *found[1:3])
        return *found, *recorder.stacked(len(self._steps()))

    def _steps(self):
        return [0] if self.closed_form is not None else observed_steps(self._n_steps())

    def _n_steps(self):
        return self.settings.T2 if self.encoder else self.settings.T * self.settings.T2

    def _chunk(self, observed, observe=None):
        return self._evaluated(observed, observe)[:-1]

    def _evaluated(self, observed, observe=None):
        if self.closed_form is not None:
            z, images, mimicked = self.closed_form(observed.double())
            losses = self._loss(mimicked, observed)
            check_finite(losses, self.settings, "least-squares projection of rows")
            return z, images, mimicked, losses, losses
        observed = observed.to(self.generator.device)
        descent = Descent(self.problem, observed, self._first(observed), self._phase_b_settings())
        descent.project_rows(self._n_steps(), observe)
        objectives = descent.objective()
        check_finite(objectives, self.settings, "projection of rows")
        return *self._read(observed, descent.latents.detached()), objectives.cpu()

    def read(self, observed, z):
        """Decode latents that phase A has found already; arguments and values as in `__call__`.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
        z : tensor (n, d)

        Returns
        -------
        tuple of tensors
        """
        with computing():
            return self.runner(lambda rows, latents: self._read(rows, Latents(latents)), observed, z)

    @torch.no_grad()
    def _read(self, observed, latents):
        observed = observed.to(self.generator.device)
        images = self.generator.decode(latents.z.to(observed.device))
        mimicked = self.problem.surrogate(images, latents.deviations)
        return tuple(part.cpu() for part in (latents.z, images, mimicked, self._loss(mimicked, observed)))

    def _loss(self, mimicked, observed):
        return self.problem.distance(observed, mimicked)

    def _start(self):
        if self.settings.start not in ("auto", "encoder"):
            return self.settings.start
        return "mean" if self.settings.solver == "alternating" else "nearest"

    def _first(self, observed):
        if self.encoder is not None:
            with torch.no_grad():
                return self.encoder(observed)
        if self.candidates is not None:
            return self.problem.latents(
                self.candidates.nearest(fill_in(observed, self.problem.surrogate.missing), self.mimicked)
            )
        random = torch.Generator().manual_seed(self.adaptation.seed)
        shared = start_latents(self._start(), self.problem, observed[:1], random)  # one draw for all rows
        return Latents(*(tensor.expand(len(observed), -1) for tensor in shared.tensors()))

    def _phase_b_settings(self):
        if self.encoder is None:
            return self.settings
        return replace(self.settings, lr_latent=REFINEMENT_RATE * self.settings.lr_latent)
