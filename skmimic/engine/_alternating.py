"""Algorithm 1 of the paper, line by line."""

import torch

from ._descent import Descent, check_finite
from ._results import OptimizationTrace, Status

__all__ = ["alternate"]


def alternate(problem, observed, latents, settings, report=None, observe=None, keep=None):
    """Alternate T1 surrogate steps and T2 latent steps, T times.

    Parameters
    ----------
    problem : Problem
        Its surrogate is learned in place.
    observed : tensor (n, c, h, w)
    latents : Latents
        Start of every row.
    settings : Settings
    report : callable or None, default=None
        Called with a sentence after each round.
    observe : callable or None, default=None
        Called with the number of latent steps so far and the latents, at the start and after each round.
    keep : callable or None, default=None
        Called with the trace so far after each round: what an interruption leaves is of whole rounds.

    Returns
    -------
    latents : Latents
    trace : OptimizationTrace

    Raises
    ------
    NotFiniteError
        If the objective leaves the finite numbers; the message names the round.

    References
    ----------
    MimicGAN, Algorithm 1. G(z) does not change during the surrogate steps and is computed once a round; the state of
    both optimisers persists over rounds.
    """
    descent = Descent(problem, observed, latents, settings)
    objectives, status = [descent.objective()], Status.COMPLETED
    observe = observe or _ignore
    observe(0, descent.latents)
    for t in range(settings.T):
        with torch.no_grad():
            images = problem.generator.decode(descent.latents.z)
        for _ in range(settings.T1 if descent.parameters else 0):
            descent.surrogate_step(images)
        for _ in range(settings.T2):
            descent.latent_step()
        objectives.append(descent.objective())
        check_finite(objectives[-1], settings, f"alternating solver, round {t + 1} of {settings.T}")
        observe((t + 1) * settings.T2, descent.latents)
        if keep is not None:
            keep(OptimizationTrace(mean_objectives(objectives)))
        if report is not None:
            report(f"alternating solver: round {t + 1} of {settings.T}")
        if has_settled(objectives, settings.tol):
            status = Status.CONVERGED
            break
    return descent.latents.detached(), OptimizationTrace(mean_objectives(objectives), status)


def _ignore(step, latents):
    """Observe nothing."""


def has_settled(objectives, tol):
    """Whether the mean objective changed by less than the fraction `tol` in each of the last two rounds."""
    if tol <= 0 or len(objectives) < 4:
        return False
    means = torch.stack([objective.mean() for objective in objectives[-3:]])
    return bool((means.diff().abs() <= tol * means[-1].abs()).all())


def mean_objectives(objectives):
    """Convert recorded objectives (n,) to a tuple of means."""
    return tuple(torch.stack([objective.mean() for objective in objectives]).tolist())
