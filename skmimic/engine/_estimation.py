"""Phase A: estimate the corruption from a batch of rows."""

import math
from dataclasses import replace

import torch

from ..exceptions import GeneratorMismatchError, NotFiniteError
from ..surrogates import FittedSurrogate, Identity, Surrogate, resolve_surrogate
from ..utils import is_out_of_memory, is_vector
from ._adaptation import Adaptation
from ._alternating import alternate
from ._encoder import train_encoder
from ._initialisation import draw_candidates, start_latents
from ._interruption import carrying
from ._rows import make_problem
from ._surrogate_check import check_surrogate
from ._trajectory import Recorder
from .identification import LARGE, Bench, is_identifiable, is_learned, learn_surrogate, select_surrogate

__all__ = ["estimate_corruption", "fresh_surrogate", "has_parameters", "resolve_solver", "with_encoder"]

AMORTIZED_FROM, AMORTIZED_FROM_LARGE = 500, 5000  # rows; below, training an encoder takes longer than it saves


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
        Carries the best adaptation so far as its attribute `partial`, of a complete round at least, or None. Any other
        exception that is no `Exception`, as SystemExit, does the same.
    """
    settings = replace(settings, solver=resolve_solver(settings.solver, observed.shape))
    report = report or _silent
    best, failure = None, None
    with carrying(lambda: best and best.interrupted()):
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


def resolve_solver(solver, shape):
    """Choose between the joint and the amortized solver, if that is left open.

    Parameters
    ----------
    solver : str
        Of `Settings`.
    shape : tuple (n, c, h, w)
        Of the rows that are to be projected.

    Returns
    -------
    str
        Never "auto", which is "amortized" from 500 rows on, from 5,000 for images of more than 32x32 pixels.
    """
    if solver == "auto":
        enough = AMORTIZED_FROM if math.prod(shape[-2:]) <= LARGE else AMORTIZED_FROM_LARGE
        return "amortized" if shape[0] >= enough else "joint"
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
            generator.cache.clear()
            observed = observed[: len(observed) // 2]


def _learn(generator, observed, settings, surrogate, seed, report):
    random = torch.Generator().manual_seed(seed)
    if not has_parameters(surrogate, generator, seed):
        return Adaptation(FittedSurrogate(*fresh_surrogate(surrogate, generator, seed)), settings, seed=seed)
    if settings.solver == "alternating":
        return _learn_by_algorithm_1(generator, observed, settings, surrogate, seed, random, report)
    problem = make_problem(generator, Identity(), settings)
    bench = Bench(problem, observed, settings, draw_candidates(generator, random), random, report)
    with carrying(lambda: bench.best and _adaptation(bench.best, settings, seed).interrupted()):
        if surrogate == "auto":
            learned = select_surrogate(bench)
        else:
            learned = learn_surrogate(bench, *fresh_surrogate(surrogate, generator, seed))
        adaptation = _adaptation(learned, settings, seed, bench.standard_errors(learned))
        return replace(adaptation, identifiable=_is_identifiable(bench.candidates, observed))


def _is_identifiable(candidates, observed):
    """Whether the rows tell the pose that they share; None for images of one row or column."""
    return None if is_vector(observed.shape[1:]) else is_identifiable(candidates.images, observed)


def has_parameters(surrogate, generator, seed):
    """Whether a surrogate of the user's choice has anything to learn."""
    if isinstance(surrogate, str) and surrogate == "auto":
        return True
    return is_learned(resolve_surrogate(surrogate, generator.image_shape, seed, generator.background))


def fresh_surrogate(surrogate, generator, seed):
    """Build a trainable surrogate, try it on a few images if it is the user's own, and name its family."""
    fresh = resolve_surrogate(surrogate, generator.image_shape, seed, generator.background).to(generator.device).eval()
    for part in fresh.modules():
        shape = tuple(getattr(part, "image_shape", None) or generator.image_shape)
        if isinstance(part, Surrogate) and shape != tuple(generator.image_shape):
            raise GeneratorMismatchError(
                f"surrogate: {type(part).__name__} is made for images of shape {shape}, the generator gives "
                f"{tuple(generator.image_shape)}. Make it for those, or pass the class, "
                f"surrogate={type(part).__name__}."
            )
    if isinstance(surrogate, str):
        return fresh, surrogate
    check_surrogate(fresh, generator, type(fresh).__name__)
    return fresh, type(fresh).__name__


def _adaptation(learned, settings, seed, errors=None):
    fitted = FittedSurrogate(learned.surrogate, learned.family, errors)
    return Adaptation(fitted, settings, learned.deviation_sd, None, seed, learned.trace)


def _learn_by_algorithm_1(generator, observed, settings, surrogate, seed, random, report):
    fresh, family = fresh_surrogate("paper" if surrogate == "auto" else surrogate, generator, seed)
    problem = make_problem(generator, fresh, settings)
    start = "mean" if settings.start in ("auto", "encoder") else settings.start
    first = start_latents(start, problem, observed, random)
    recorder = Recorder(problem) if settings.record else None
    best = None

    def keep(trace):
        nonlocal best
        best = Adaptation(FittedSurrogate(fresh, family), settings, seed=seed, trace=trace)

    with carrying(lambda: best and best.interrupted()):
        latents, trace = alternate(problem, observed, first, settings, report, recorder, keep)
    trajectory = recorder.snapshots() if recorder else ()
    z = latents.z.cpu().numpy()
    return Adaptation(FittedSurrogate(fresh, family), settings, None, None, seed, trace, z, trajectory)


def with_encoder(generator, observed, adaptation, report=None):
    """Train an encoder on the rows if the settings ask for one."""
    settings = adaptation.settings
    if settings.solver != "amortized" and settings.start != "encoder":
        return adaptation
    problem = make_problem(
        generator, adaptation.surrogate.to_torch(generator.device), settings, adaptation.deviation_sd
    )
    random = torch.Generator().manual_seed(adaptation.seed)
    return replace(adaptation, encoder=train_encoder(problem, observed, settings, random, report or _silent))
