"""Latents and surrogate move together, in rounds with fresh nearest-sample starts."""

from dataclasses import replace

import torch

from ._alternating import mean_objectives
from ._descent import Descent, check_finite
from ._initialisation import start_latents
from ._results import OptimizationTrace, Solved
from ._settings import cosine

__all__ = ["ANNEALED", "CONSTANT", "residual", "solve_jointly"]

ANNEALED = (0.05, 0.02, 0.005)  # deviations sd of the three rounds: a large one absorbs what the rows share
CONSTANT = (0.2, 0.2, 0.2)  # rows really differ, as between two data sets
ROUND_SHARE, FASTER = 0.1, 2.0


def solve_jointly(problem, observed, settings, candidates, random, schedule=ANNEALED, keep=None):
    """Estimate the surrogate on a batch of rows.

    Each round starts every row at the nearest candidate under the present surrogate, then takes joint steps. The
    latents of a round are thrown away: only the surrogate is carried on.

    Parameters
    ----------
    problem : Problem
        Its surrogate is learned in place.
    observed : tensor (n, c, h, w)
    settings : Settings
        A tenth of T * T1 steps a round, the latents at twice their rate: the corruption is found long before the
        latents have settled, and drifts with them after that.
    candidates : Candidates
    random : torch.Generator
    schedule : sequence of float
        Standard deviation of the per-row deviations, one a round.
    keep : callable or None, default=None
        Called with the trace so far after each round: what an interruption leaves is of whole rounds.

    Returns
    -------
    Solved

    Raises
    ------
    NotFiniteError
        If the objective leaves the finite numbers.
    """
    n_steps = max(round(ROUND_SHARE * settings.T * settings.T1), 1)
    settings = replace(settings, lr_latent=FASTER * settings.lr_latent)
    start = "nearest" if settings.start in ("auto", "encoder") else settings.start
    objectives, descent = [], None
    for index, deviation_sd in enumerate(schedule):
        stage = problem.with_(deviation_sd=deviation_sd)
        descent = Descent(stage, observed, start_latents(start, stage, observed, random, candidates), settings)
        objectives.append(descent.objective())
        is_last = index == len(schedule) - 1
        for step in range(n_steps):
            descent.joint_step(rate=cosine(step, n_steps) if is_last else 1.0)
        objectives.append(descent.objective())
        check_finite(objectives[-1], settings, f"joint solver, round {index + 1} of {len(schedule)}")
        if keep is not None:
            keep(OptimizationTrace(mean_objectives(objectives)))
    return Solved(problem, descent.latents.detached(), OptimizationTrace(mean_objectives(objectives)))


def residual(problem, observed, latents):
    """Compute the fidelity of each row, without the priors.

    Parameters
    ----------
    problem : Problem
    observed : tensor (n, c, h, w)
    latents : Latents

    Returns
    -------
    tensor (n,)
    """
    with torch.no_grad():
        images = problem.generator.decode(latents.z)
        return problem.fidelity(observed, images, latents.deviations)
