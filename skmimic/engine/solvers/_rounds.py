"""Shared numbers, latents and deviations of the rows together by L-BFGS, in rounds of which the first overshoot."""

from dataclasses import dataclass

import torch
from torch.func import functional_call

from ...surrogates import Surrogate
from .._alternating import mean_objectives
from .._descent import check_finite
from .._initialisation import start_latents
from .._problem import Latents
from .._results import OptimizationTrace

__all__ = ["PLAN", "Round", "has_units", "solve_in_rounds"]


@dataclass(frozen=True)
class Round:
    """One round: fresh latents, and so many evaluations of objective and gradient.

    Attributes
    ----------
    share : float
        Of T1 evaluations.
    deviation_sd : float
        Of the rows' own affine deviations.
    relaxation : float, default=1.0
        The shared numbers go on by so many times what they moved.
    is_rough : bool, default=False
        Whether the rough twin of the generator will do.
    """

    share: float
    deviation_sd: float
    relaxation: float = 1.0
    is_rough: bool = False


PLAN = (Round(0.8, 0.03, 2.0, is_rough=True),) * 3 + (Round(0.8, 0.005),)
SETTLED = 0.08  # of a unit, 0.02 pixels of 28: the most that a shared number moves in the last part; see docs/design.md
FEWEST_PARTS = 2
MEMORY = 20


def has_units(surrogate):
    """Whether it is known for all learned numbers of a surrogate by how much they move together with latents."""
    return all(part.unit for part, _ in _learned(surrogate))


def solve_in_rounds(problem, observed, settings, candidates, random, plan=PLAN, keep=None):
    """Estimate a surrogate that has units on a batch of rows.

    Each round starts every row at the nearest candidate under the present surrogate. Latents that fit the rows hold the
    shared numbers where they are, and so do deviations of the rows: left alone, a pose moves a third of the way. So the
    first rounds go on by twice what they moved. The last one holds the deviations tightly and goes on, part by part,
    until the shared numbers have settled.

    Parameters
    ----------
    problem : Problem
        Its surrogate is learned in place.
    observed : tensor (n, c, h, w)
    settings : Settings
        T bounds the rounds, and half of it the parts of the last one; T1 scales the evaluations of a round or part.
    candidates : Candidates
    random : torch.Generator
    plan : sequence of Round
    keep : callable or None, default=None
        Called with the trace so far after each round.

    Returns
    -------
    latents : Latents
        Of the last round.
    trace : OptimizationTrace

    Raises
    ------
    NotFiniteError
        If the objective leaves the finite numbers.
    """
    start = "nearest" if settings.start in ("auto", "encoder") else settings.start
    plan, objectives, walk = plan[-max(settings.T, 1) :], [], None
    for index, stage in enumerate(plan):
        staged = problem.with_(deviation_sd=stage.deviation_sd)
        latents = start_latents(start, staged, observed, random, candidates)
        rough = staged.rough if stage.is_rough else None
        walk = _Walk(rough or staged, observed, latents)
        objectives.append(walk.objectives())
        n_evaluations = max(round(stage.share * settings.T1), 1)
        walk.minimise(n_evaluations, max(settings.T // 2, 1) if index == len(plan) - 1 else 1)
        walk.write(stage.relaxation)
        objectives.append(walk.objectives())
        check_finite(objectives[-1], settings, f"joint solver, round {index + 1} of {len(plan)}")
        if keep is not None:
            keep(OptimizationTrace(mean_objectives(objectives)))
    return walk.latents(), OptimizationTrace(mean_objectives(objectives))


def _learned(surrogate):
    """List the parts that learn, each with its numbers by name."""
    listed = []
    for prefix, part in surrogate.named_modules():
        if isinstance(part, Surrogate):
            own = [(f"{prefix}.{name}".lstrip("."), value) for name, value in part.named_parameters(recurse=False)]
            listed += [(part, [(name, value) for name, value in own if value.requires_grad])]
    outside = {id(value) for _, values in listed for _, value in values}
    others = [(name, value) for name, value in surrogate.named_parameters() if id(value) not in outside]
    others = [(name, value) for name, value in others if value.requires_grad]
    return [(part, values) for part, values in listed if values] + ([(surrogate, others)] if others else [])


class _Walk:
    """The objective as a function of one vector, in units in which its numbers move alike."""

    def __init__(self, problem, observed, latents):
        self.problem, self.observed = problem, observed
        self.scale = float(problem.generator.prior.scale)
        numbers = [(name, value, part.unit) for part, values in _learned(problem.surrogate) for name, value in values]
        self.names, self.values, self.units = (list(column) for column in zip(*numbers, strict=True))
        self.first = [value.detach().clone() for value in self.values]
        self.sizes = [value.numel() for value in self.values]
        self.shape = latents.z.shape
        blocks = [torch.zeros(sum(self.sizes)).to(observed), latents.z.detach().flatten() / self.scale]
        if latents.deviations is not None:
            blocks.append(latents.deviations.flatten() / problem.deviation_sd)
        self.vector = torch.cat(blocks).requires_grad_()

    def _shared(self):
        """The shared numbers, each shaped as it is learned."""
        parts = self.vector[: sum(self.sizes)].split(self.sizes)
        return [a + unit * b.view(a.shape) for a, unit, b in zip(self.first, self.units, parts, strict=True)]

    def _latents(self):
        n, size = self.shape
        rest = self.vector[sum(self.sizes) :]
        z, own = self.scale * rest[: n * size].view(n, size), rest[n * size :]
        deviations = self.problem.deviation_sd * own.view(n, -1) if len(own) else None
        return Latents(self.problem.generator.prior.project(z), deviations)

    def latents(self):
        """The present latents."""
        with torch.no_grad():
            return self._latents().detached()

    def _objectives(self):
        surrogate, values = self.problem.surrogate, dict(zip(self.names, self._shared(), strict=True))
        mimic = _At(surrogate, values)
        return self.problem.with_(surrogate=mimic).objective(self.observed, self._latents())

    def objectives(self):
        """Compute the objective (n,) of each row at the present values."""
        with torch.no_grad():
            return self._objectives()

    def minimise(self, each, n_parts):
        """Evaluate so many times in each part, until the shared numbers have settled or there is no part left."""
        optimiser = torch.optim.LBFGS(
            [self.vector],
            max_iter=each,
            max_eval=each,
            history_size=MEMORY,
            line_search_fn="strong_wolfe",
            tolerance_grad=0,
            tolerance_change=0,
        )

        def closure():
            optimiser.zero_grad()
            value = self._objectives().sum()
            value.backward()
            return value

        for part in range(n_parts):
            before = self.vector.detach()[: sum(self.sizes)].clone()
            optimiser.step(closure)
            moved = (self.vector.detach()[: len(before)] - before).abs().max()
            if part + 1 >= FEWEST_PARTS and float(moved) < SETTLED:
                return

    @torch.no_grad()
    def write(self, relaxation):
        """Put the shared numbers into the surrogate, so many times as far as they moved."""
        for value, first, now in zip(self.values, self.first, self._shared(), strict=True):
            value.copy_(first + relaxation * (now - first))


class _At:
    """A surrogate with other numbers than its own."""

    def __init__(self, surrogate, values):
        self._surrogate, self._values = surrogate, values

    def __call__(self, images, deviations=None):
        return functional_call(self._surrogate, self._values, (images, deviations))

    def __getattr__(self, name):
        return getattr(self._surrogate, name)
