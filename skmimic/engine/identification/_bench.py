"""What the trials on one batch share: a surrogate is learned, or measured as it is."""

import math
from dataclasses import dataclass, replace
from functools import partial

import torch

from ...surrogates import FittedSurrogate, Surrogate
from .._descent import Descent
from .._initialisation import start_latents
from .._joint import ANNEALED, residual, solve_jointly
from .._problem import Latents
from .._quasi_newton import row_walk
from .._results import OptimizationTrace
from ..solvers import PLAN, has_units, solve_in_rounds
from ._policy import Policy
from ._standard_errors import learned_numbers, standard_errors

__all__ = ["LARGE", "Bench", "Learned", "final", "is_learned", "on_common_rows", "projected"]

LARGE = 32 * 32  # pixels above which an image counts as large


@dataclass(frozen=True)
class Learned:
    """A surrogate learned on the batch.

    Attributes
    ----------
    surrogate : Surrogate
    family : str
    deviation_sd : float or None
        Standard deviation of the per-row deviations in phase B.
    residual : float
        Mean fidelity of the rows.
    trace : OptimizationTrace
    latents : Latents or None
        Of the rows that were projected to measure it.
    last : Latents or None
        Of the rows that it was learned on, as learning left them.
    rivals : tuple of (float, tensor)
        What was learned from other starts, as `standard_errors` takes it.
    """

    surrogate: Surrogate
    family: str
    deviation_sd: float | None
    residual: float
    trace: OptimizationTrace
    latents: Latents | None = None
    last: Latents | None = None
    rivals: tuple = ()


class Bench:
    """The parts that every trial on one batch shares.

    Parameters
    ----------
    problem : Problem
        Its surrogate is replaced in each trial.
    observed : tensor (n, c, h, w)
    settings : Settings
    candidates : Candidates
    random : torch.Generator
    report : callable
        Called with a sentence as the work goes on.
    policy : Policy or None, default=None
    """

    def __init__(self, problem, observed, settings, candidates, random, report, policy=None):
        self.problem, self.observed, self.settings = problem, observed, settings
        self.policy = policy = policy or Policy()
        self._learned_prior = policy.structured_prior  # of the problem's weight, while numbers with units are learned
        if problem.generator.is_linear:
            self._learned_prior, weight = 1.0, policy.linear_prior * problem.latent_weight
            self.problem = problem = problem.with_(latent_weight=weight)
        is_thrifty = math.prod(observed.shape[-2:]) > LARGE and len(observed) >= policy.few_rows
        self.n_structured = policy.n_large if is_thrifty else policy.n_structured
        self.candidates = candidates.first(policy.n_candidates_large) if is_thrifty else candidates
        self.random, self.report = random, report
        self.best, self._is_accepted = None, False  # what an interruption keeps, and whether trials have to beat it

    def keep(self, learned):
        """Let an interruption keep what was learned, unless better was accepted before; returns it."""
        if not self._is_accepted:
            self.best = learned
        return learned

    def accept(self, learned):
        """Take what was learned for the best so far; returns it."""
        self.best, self._is_accepted = learned, True
        return learned

    def learn(self, surrogate, family, schedule, n_rows, tether=None, rivals=()):
        """Learn a surrogate: in rounds where its numbers have units, else by small steps, as the schedule says."""
        if not is_learned(surrogate):
            return self.project(surrogate, family)
        in_rounds = has_units(surrogate)
        sd = PLAN[-1].deviation_sd if in_rounds else schedule[-1]
        sd = sd if surrogate.takes_deviations else None

        def keep(trace, at=surrogate):
            self.keep(Learned(FittedSurrogate(at, family).to_torch(), family, sd, math.nan, trace))

        rows = self.observed[:n_rows]
        problem = self.problem.with_(surrogate=surrogate, tether=tether).for_rows(rows)
        if in_rounds or schedule == ANNEALED:
            problem = problem.with_(latent_weight=self._learned_prior * problem.latent_weight)
        solve = partial(solve_in_rounds, rivals=rivals) if in_rounds else partial(solve_jointly, schedule=schedule)
        solved = solve(problem, rows, self.settings, self.candidates, self.random, keep=keep)
        self.report(f"learned the family {family!r}")
        return self._learned(solved, rows, family, sd, in_rounds)

    def _learned(self, solved, rows, family, deviation_sd, in_rounds):
        surrogate, left = solved.problem.surrogate, residual(solved.problem, rows, solved.latents).mean().item()
        learned = Learned(surrogate, family, deviation_sd, left, solved.trace)
        if not in_rounds:
            return learned
        at = learned_numbers(surrogate)
        rivals = tuple((gap, learned_numbers(rival) - at) for gap, rival in solved.rivals)
        return replace(learned, last=solved.latents, rivals=rivals)

    def standard_errors(self, learned):
        """Estimate the standard errors of what was learned; empty where it was not learned in all the rounds."""
        if learned.last is None or len(PLAN) > self.settings.T:
            return {}
        weight = self._learned_prior * self.problem.latent_weight
        problem = self.problem.with_(
            surrogate=learned.surrogate, deviation_sd=learned.deviation_sd, latent_weight=weight
        )
        rows, latents = self.observed[: len(learned.last.z)], learned.last
        if problem.has_deviations != (latents.deviations is not None):
            latents = problem.latents(latents.z)
        return standard_errors(problem, rows, latents, self.settings, learned.rivals)

    def project(self, surrogate, family, deviation_sd=None, n_rows=None):
        """Measure a surrogate as it is: the residual of some rows, `Policy.n_measured` of them, projected with it."""
        problem = self.problem.with_(surrogate=surrogate, deviation_sd=deviation_sd)
        rows = self.observed[: n_rows or self.policy.n_measured]
        start = start_latents("nearest", problem, rows, self.random, self.candidates)
        problem = problem.for_rows(rows)
        walk = row_walk(problem, rows, start, self.settings, problem.rough)
        walk.project_rows(self.settings.n_row_steps(self.settings.T * self.settings.T1 // 3))
        value = residual(problem, rows, walk.latents.detached()).mean().item()
        trace = OptimizationTrace((walk.objective().mean().item(),))
        return Learned(surrogate, family, deviation_sd, value, trace, walk.latents.detached())

    def fit_to_projections(self, surrogate, projected):
        """Fit a surrogate to rows as they were projected last, the images held, and return the mean residual.

        No generator is asked, so this costs little: whether a surrogate promises more than the present one.
        """
        problem = self.problem.with_(surrogate=surrogate, deviation_sd=projected.deviation_sd)
        descent = Descent(problem, self.observed[: self.policy.n_measured], projected.latents, self.settings)
        with torch.no_grad():
            images = problem.generator.decode(projected.latents.z)
        for _ in range(self.settings.T1):
            descent.surrogate_step(images)
        return residual(problem, descent.observed, projected.latents).mean().item()


def is_learned(surrogate):
    """Whether a surrogate, or a part of one, has numbers to learn, not only such as the user gave and froze."""
    return any(value.requires_grad for value in surrogate.parameters())


def on_common_rows(bench, learned):
    """Project a surrogate on rows that are the same for all, however many and however far each was learned on.

    What comes with latents has been projected on them already.
    """
    return bench.project(learned.surrogate, learned.family) if learned.latents is None else learned


def projected(bench, learned):
    """Measure the objective of rows that are the same for all."""
    return final(on_common_rows(bench, learned))


def final(learned):
    return learned.trace.objectives[-1]
