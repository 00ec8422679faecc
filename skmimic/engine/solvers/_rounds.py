"""Shared numbers, latents and deviations of the rows together by L-BFGS, in rounds of which the first overshoots."""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch.func import functional_call

from ...surrogates import Surrogate
from .._alternating import mean_objectives
from .._descent import check_finite
from .._initialisation import start_latents
from .._problem import Latents
from .._results import OptimizationTrace, Solved

__all__ = ["PLAN", "Round", "has_units", "learned_parts", "solve_in_rounds"]


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
        Whether the rough twin of the generator will do, in the last round until one start is chosen.
    """

    share: float
    deviation_sd: float
    relaxation: float = 1.0
    is_rough: bool = False


PLAN = Round(0.8, 0.1, 2.0, is_rough=True), Round(0.8, 0.005, is_rough=True)
SETTLED = 0.08  # of a unit, 0.02 pixels of 28: the most that a shared number moves in the last part; see docs/design.md
FEWEST_PARTS = 2
TOLD = 0.08  # of the objective, by which a start loses; right ones were .06 higher after two parts, lower after four
MOST_TOLD = 6  # parts, after which the lowest goes on alone
SAME = 0.3  # unit, within which two starts lead to the same
MEMORY = 20


def has_units(surrogate):
    """Whether it is known for all learned numbers of a surrogate by how much they move together with latents."""
    return all(part.unit for part, _ in learned_parts(surrogate))


def solve_in_rounds(problem, observed, settings, candidates, random, rivals=(), keep=None):
    """Estimate a surrogate that has units on a batch of rows.

    Each round starts every row at the nearest candidate under the present surrogate. Latents that fit the rows hold the
    shared numbers where they are, and so do deviations of the rows: left alone, a pose moves a third of the way. So the
    first round goes on by twice what it moved. The last one holds the deviations tightly and goes on, part by part,
    until the shared numbers have settled. Of several starts, the one of the lowest objective goes on.

    Parameters
    ----------
    problem : Problem
        Its surrogate is learned in place.
    observed : tensor (n, c, h, w)
    settings : Settings
        T bounds the rounds, and half of it the parts of the last one; T1 scales the evaluations of a round or part.
    candidates : Candidates
    random : torch.Generator
    rivals : sequence of Surrogate
        The same surrogate at other starts.
    keep : callable or None, default=None
        Called with the trace so far and the surrogate after each round of the first start, and of the lowest at last.

    Returns
    -------
    Solved

    Raises
    ------
    NotFiniteError
        If the objective leaves the finite numbers.
    """
    rounds = [_Rounds(problem, observed, settings, candidates, random, keep)]
    for rival in rivals:  # kept only if it turns out the lowest
        rounds.append(_Rounds(problem.with_(surrogate=rival), observed, settings, candidates, random, None))
    for each in rounds:
        each.begin()
    best, others = _contest(rounds) if rivals else (rounds[0], ())
    best.keep = keep
    best.settle()
    return Solved(best.problem, best.walk.latents(), best.trace, others)


def _contest(rounds):
    """Let starts go on until one is clearly lower than all that lead elsewhere; returns it, and the others."""
    others = []
    while True:
        best, *rest = sorted(rounds, key=_Rounds.height)
        near = [each for each in rest if each.may_still_win(best)]
        is_over = not near or best.is_at_end or best.n_parts == MOST_TOLD
        others += [each for each in rest if is_over or each not in near]
        if is_over:
            break
        rounds = [best, *near]
        for each in rounds:
            each.go_on()
    for each in (best, *others):
        each.refine()
    for each in others:
        each.walk.write()
    return best, tuple((each.height() - best.height(), each.problem.surrogate) for each in others)


class _Rounds:
    """The rounds from one start."""

    def __init__(self, problem, observed, settings, candidates, random, keep):
        self.problem, self.observed, self.settings, self.keep = problem, observed, settings, keep
        start = "nearest" if settings.start in ("auto", "encoder") else settings.start
        self._start = partial(start_latents, start, observed=observed, random=random, candidates=candidates)
        self.objectives, self.staged, self.walk, self.n_parts, self.moved = [], None, None, 0, math.inf

    @property
    def trace(self):
        """Mean objectives at the start and the end of each round."""
        return OptimizationTrace(mean_objectives(self.objectives))

    @property
    def is_at_end(self):
        """Whether the last round has no part left."""
        return self.n_parts >= max(self.settings.T // 2, 1)

    def height(self):
        """Compute the objective, summed over the rows; infinite where it is no number."""
        height = self.walk.objectives().sum().item()
        return height if math.isfinite(height) else math.inf

    def may_still_win(self, best):
        """Whether these lead elsewhere than the lowest rounds, and are not clearly higher."""
        told = TOLD if self.n_parts >= FEWEST_PARTS else math.inf
        return self.height() < (1 + told) * best.height() and self.walk.distance_to(best.walk) > SAME

    def begin(self):
        """Take all rounds but the last, and the first part of that."""
        *first, last = PLAN[-max(self.settings.T, 1) :]
        for stage in first:
            self._enter(stage)
            self.walk.minimise(self._count(stage))
            self._leave(stage)
        self._enter(last)
        self.go_on()

    def go_on(self):
        """Take another part of the last round, if there is one."""
        if not self.is_at_end:
            self.moved = self.walk.minimise(self._count(PLAN[-1]))
            self.n_parts += 1

    def refine(self):
        """Leave the rough twin of the generator; the numbers have to settle without it."""
        if self.walk.problem is not self.staged:
            self.walk.problem, self.moved = self.staged, math.inf

    def settle(self):
        """Go on with the last round until the shared numbers have settled."""
        self.refine()
        while not self.is_at_end and (self.n_parts < FEWEST_PARTS or self.moved >= SETTLED):
            self.go_on()
        self._leave(PLAN[-1])

    def _count(self, stage):
        return max(round(stage.share * self.settings.T1), 1)

    def _enter(self, stage):
        self.staged = staged = self.problem.with_(deviation_sd=stage.deviation_sd)
        rough = staged.rough if stage.is_rough else None
        self.walk = _Walk(rough or staged, self.observed, self._start(problem=staged))
        self.objectives.append(self.walk.objectives())

    def _leave(self, stage):
        self.walk.write(stage.relaxation)
        self.objectives.append(self.walk.objectives())
        check_finite(self.objectives[-1], self.settings, f"joint solver, round {PLAN.index(stage) + 1} of {len(PLAN)}")
        if self.keep is not None:
            self.keep(self.trace, self.problem.surrogate)


def learned_parts(surrogate):
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
        numbers = [
            (name, value, part.unit) for part, values in learned_parts(problem.surrogate) for name, value in values
        ]
        self.names, self.values, self.units = (list(column) for column in zip(*numbers, strict=True))
        self.first = [value.detach().clone() for value in self.values]
        self.sizes = [value.numel() for value in self.values]
        self.shape = latents.z.shape
        blocks = [torch.zeros(sum(self.sizes)).to(observed), latents.z.detach().flatten() / self.scale]
        if latents.deviations is not None:
            blocks.append(latents.deviations.flatten() / problem.deviation_sd)
        self.vector, self.optimiser = torch.cat(blocks).requires_grad_(), None

    def shared(self):
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
        surrogate, values = self.problem.surrogate, dict(zip(self.names, self.shared(), strict=True))
        mimic = _At(surrogate, values)
        return self.problem.with_(surrogate=mimic).objective(self.observed, self._latents())

    def objectives(self):
        """Compute the objective (n,) of each row at the present values."""
        with torch.no_grad():
            return self._objectives()

    def distance_to(self, other):
        """Return the most by which a shared number differs from that of another walk, in units."""
        pairs = zip(self.shared(), other.shared(), self.units, strict=True)
        return max(float((one - two).detach().abs().max()) / unit for one, two, unit in pairs)

    def minimise(self, n_evaluations):
        """Evaluate so many times; returns the most that a shared number has moved, in its unit."""
        if self.optimiser is None:
            self.optimiser = torch.optim.LBFGS(
                [self.vector],
                max_iter=n_evaluations,
                max_eval=n_evaluations,
                history_size=MEMORY,
                line_search_fn="strong_wolfe",
                tolerance_grad=0,
                tolerance_change=0,
            )

        def closure():
            self.optimiser.zero_grad()
            value = self._objectives().sum()
            value.backward()
            return value

        before = self.vector.detach()[: sum(self.sizes)].clone()
        self.optimiser.step(closure)
        return float((self.vector.detach()[: len(before)] - before).abs().max())

    @torch.no_grad()
    def write(self, relaxation=1.0):
        """Put the shared numbers into the surrogate, so many times as far as they moved."""
        for value, first, now in zip(self.values, self.first, self.shared(), strict=True):
            value.copy_(first + relaxation * (now - first))


class _At:
    """A surrogate with other numbers than its own."""

    def __init__(self, surrogate, values):
        self._surrogate, self._values = surrogate, values

    def __call__(self, images, deviations=None):
        return functional_call(self._surrogate, self._values, (images, deviations))

    def __getattr__(self, name):
        return getattr(self._surrogate, name)
