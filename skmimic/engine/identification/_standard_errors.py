"""How surely the shared numbers are known: by the curvature of the objective, and by the starts that came as low."""

import copy
import math
from dataclasses import dataclass

import torch

from ...surrogates import N_DEVIATIONS
from .._closed_form import unit_of
from .._problem import Latents
from .._quasi_newton import QuasiNewton
from ..solvers import has_units, learned_parts

__all__ = ["learned_numbers", "standard_errors"]

N_ROWS, FEWEST_ROWS = 16, 4  # whose curvature is computed
N_DECODED = 1024  # images made for it: a latent of a row needs one
MOST_VALUES = 2**26  # of the slopes of one row, 256 MB
MOST_NUMBERS = 32
N_STEPS = 40  # evaluations that bring these rows nearer their optimum; after 20 they follow the truth less closely
STEP = 0.1  # of the unit of a number or latent, over which slopes are taken
LEAST_GAP = 0.02  # smaller differences of pixels are weighted as if they were as large
SINGULAR = 1e-6  # of the largest curvature: less counts as so much
INFLATION = 3.0  # of the errors at 16x16: rounds stop, and generators draw, off the optimum by more than rows differ
SIDE = 16  # pixels: what a generator draws wrong is as large as strokes are, so that more pixels tell no more
TEMPERATURE = 4.0  # of the posterior by which starts count: their latents have not settled, either; see docs/design.md


def standard_errors(problem, observed, latents, settings, rivals=()):
    """Estimate the standard errors of the numbers that a learned surrogate describes.

    With its latents eliminated, the objective of a row is a function of the p shared numbers, with a gradient g and a
    curvature. The mean curvature is H. Gradients vary from row to row, and the more, the steeper the objective: their
    covariance is taken for phi H, with the dispersion phi the mean of ``g H^-1 g / p``. One number for all directions
    can be told from few rows, a matrix cannot. So n rows leave the shared numbers the covariance ``phi H^-1 / n``.

    Few rows have several optima. exp(-objective) is the posterior density of what explains the rows. So what was
    learned from other starts counts with this weight, tempered, and its scatter around the best is added.

    Parameters
    ----------
    problem : Problem
        As it was learned in; its surrogate is the one that was learned.
    observed : tensor (n, c, h, w)
        The rows that it was learned on.
    latents : Latents
        Of these rows.
    settings : Settings
    rivals : sequence of (float, tensor (p,))
        What was learned from other starts: by how much its objective is higher, of all rows together, and its numbers
        less those of the best.

    Returns
    -------
    dict
        Names of `Surrogate.describe` to numbers or tuples of them. Empty where nothing is shared, or where the unit of
        a shared number or the loss is the user's own.

    References
    ----------
    P. McCullagh and J. A. Nelder, Generalized Linear Models, 1989, section 9.2 (dispersion of a quasi-likelihood).
    """
    problem = problem.with_(surrogate=copy.deepcopy(problem.surrogate))
    numbers = _numbers_of(problem.surrogate)
    n_own = latents.z.shape[1] + (0 if latents.deviations is None else N_DEVIATIONS)
    is_small = len(numbers) <= MOST_NUMBERS and n_own * observed[0].numel() <= MOST_VALUES
    if not numbers or not is_small or callable(problem.loss) or not has_units(problem.surrogate):
        return {}
    rows = slice(max(min(N_ROWS, N_DECODED // n_own), FEWEST_ROWS))
    walk = QuasiNewton(problem.for_rows(observed[rows]), observed[rows], latents.rows(rows), settings)
    walk.project_rows(N_STEPS)
    profiles = [_Row(walk, index).profile(numbers) for index in range(len(walk.value))]
    gradients, curvatures = (torch.stack(parts) for parts in zip(*profiles, strict=True))
    if not bool(gradients.isfinite().all() and curvatures.isfinite().all()):
        return {}
    excess = max(math.prod(observed.shape[-2:]) / SIDE**2, 1.0)  # pixels that tell no more
    covariance = excess * INFLATION**2 * _covariance(gradients, curvatures) / len(observed)
    return _of_description(problem.surrogate, numbers, covariance + _scatter(numbers, rivals, excess * TEMPERATURE))


def learned_numbers(surrogate):
    """Return the numbers (p,) of a surrogate that are learned and have a unit, one after the other.

    Parameters
    ----------
    surrogate : Surrogate

    Returns
    -------
    tensor (p,)
    """
    numbers = [number.values.data.view(-1)[number.index] for number in _numbers_of(surrogate)]
    return torch.stack(numbers).double().cpu() if numbers else torch.zeros(0, dtype=torch.float64)


@dataclass(frozen=True)
class _Number:
    """One of the learned numbers of a surrogate, moved in place."""

    values: torch.Tensor
    index: int
    unit: float

    def ends(self, read):
        """Return what a function of nothing returns with the number `STEP` units higher, and as much lower."""
        place = self.values.data.view(-1)
        first, ends = place[self.index].clone(), []
        for side in (1, -1):
            place[self.index] = first + side * STEP * self.unit
            ends.append(read())
        place[self.index] = first
        return ends


def _numbers_of(surrogate):
    """List the numbers that are learned, of parts that have a unit."""
    learned = [(part, value) for part, values in learned_parts(surrogate) if part.unit for _, value in values]
    return [_Number(value, index, part.unit) for part, value in learned for index in range(value.numel())]


class _Row:
    """The objective of one row around its latents; a deviation counts as a latent, in its standard deviation."""

    def __init__(self, walk, index):
        row, problem = slice(index, index + 1), walk.problem
        self.observed, self.latents = walk.observed[row], walk.latents.detached().rows(row)
        self.problem = problem if problem.offsets is None else problem.with_(offsets=problem.offsets[row])
        self.unit = unit_of(problem.generator.prior, self.latents.z.shape[1])

    def profile(self, numbers):
        """Compute gradient (p,) and curvature (p, p) by the shared numbers, the latents eliminated.

        The curvature is that of reweighted least squares. What the walk has left of the gradient by the latents goes
        into the gradient by a Newton step.
        """
        with torch.no_grad():
            mimicked = self.problem.mimic(self.latents)
            ends = [number.ends(self._mimicked) for number in numbers]
            shared = torch.stack([above - below for above, below in ends]) / (2 * STEP)
        pull, weights = self._pull(mimicked), self._weights(mimicked)
        own_pull, is_free = self._own_pull()
        own = self._own_slopes(mimicked) * is_free[:, None]  # (k, c*h*w)
        among = (weights * own) @ own.T + torch.diag(self._prior_curvature(own))
        mixed = (weights * own) @ shared.T  # (k, p)
        carried = torch.linalg.solve(among, mixed)
        gradient = shared @ pull - carried.T @ (own_pull * is_free)
        curvature = (weights * shared) @ shared.T - mixed.T @ carried
        return gradient.double().cpu(), curvature.double().cpu()

    def _mimicked(self):
        return self.problem.mimic(self.latents).flatten()

    def _pull(self, mimicked):
        """Gradient (c*h*w,) of the fidelity by the mimicked pixels."""
        mimicked = mimicked.clone().requires_grad_()
        (pull,) = torch.autograd.grad(self.problem.distance(self.observed, mimicked).sum(), mimicked)
        return pull.flatten()

    def _weights(self, mimicked):
        """Weights (c*h*w,) of the pixels with which least squares have the gradient of the fidelity."""
        observed = torch.nan_to_num(self.observed)
        gap = mimicked - observed
        gap = torch.where(gap < 0, gap.clamp_max(-LEAST_GAP), gap.clamp_min(LEAST_GAP))
        return (self._pull(observed + gap) / gap.flatten()).clamp_min(0)

    def _own_pull(self):
        """Gradient (k,) of the objective by latents and deviations in their units, and which ones no bound holds."""
        moving = self.latents.fresh()
        pulls = torch.autograd.grad(self.problem.objective(self.observed, moving).sum(), moving.tensors())
        z, downhill = self.latents.z, self.latents.z - 1e-3 * self.unit * pulls[0].sign()
        is_free = [(self.problem.generator.prior.project(downhill) != z)[0]]
        is_free += [torch.ones_like(each[0], dtype=torch.bool) for each in pulls[1:]]
        units = (self.unit, self.problem.deviation_sd)
        return torch.cat([unit * each[0] for unit, each in zip(units, pulls, strict=False)]), torch.cat(is_free)

    def _prior_curvature(self, own):
        """Curvature (k,) of the priors of latents and deviations in their units."""
        curvature = torch.ones_like(own[:, 0])
        curvature[: self.latents.z.shape[1]] = max(float(self.problem.latent_weight), SINGULAR)
        return curvature

    @torch.no_grad()
    def _own_slopes(self, mimicked):
        """Slopes (k, c*h*w) of the mimicked pixels by latents and deviations in their units."""
        z, deviations = self.latents.tensors()[0], self.latents.deviations
        steps = STEP * torch.eye(z.shape[1]).to(z)
        moved = [Latents(z + self.unit * steps, None if deviations is None else deviations.expand(len(steps), -1))]
        if deviations is not None:
            steps = STEP * torch.eye(N_DEVIATIONS).to(z)
            moved.append(Latents(z.expand(len(steps), -1), deviations + self.problem.deviation_sd * steps))
        images = torch.cat([self.problem.repeated(len(one.z)).mimic(one) for one in moved])
        return (images - mimicked).flatten(1) / STEP


def _covariance(gradients, curvatures):
    """Covariance (p, p) that a single row leaves the numbers, from gradients (n, p) and curvatures (n, p, p)."""
    values, basis = torch.linalg.eigh(curvatures.mean(0))
    values = values.clamp_min(SINGULAR * float(values.max().clamp_min(SINGULAR)))
    dispersion = ((gradients @ basis).square() / values).mean()
    return dispersion * (basis / values) @ basis.T


def _scatter(numbers, rivals, temperature):
    """Scatter (p, p) of what was learned from other starts around the best, each by its tempered posterior density."""
    rivals = [(gap, moved) for gap, moved in rivals if len(moved) == len(numbers)]
    if not rivals:
        return 0
    weights = torch.softmax(-torch.tensor([0.0, *(gap for gap, _ in rivals)], dtype=torch.float64) / temperature, 0)
    moved = torch.stack([moved for _, moved in rivals]) / torch.tensor([number.unit for number in numbers])
    return (moved * weights[1:, None]).T @ moved


def _of_description(surrogate, numbers, covariance):
    """Carry the covariance of the numbers over to what the surrogate describes, as far as that depends on them."""
    told = {name: _numeric(value) for name, value in surrogate.describe().items()}
    is_angle = torch.tensor([name.endswith("_deg") for name, values in told.items() for _ in values])

    def read():
        return torch.tensor([one for value in surrogate.describe().values() for one in _numeric(value)]).double()

    moved = torch.stack([above - below for above, below in (number.ends(read) for number in numbers)])
    moved = torch.where(is_angle, (moved + 180) % 360 - 180, moved) / (2 * STEP)
    errors = torch.einsum("pk,pq,qk->k", moved, covariance, moved).clamp_min(0).sqrt()
    parts = zip(told, errors.split([len(values) for values in told.values()]), strict=True)
    found = {name: tuple(part.tolist()) for name, part in parts if bool((part > 0).any())}
    return {name: part if isinstance(surrogate.describe()[name], tuple) else part[0] for name, part in found.items()}


def _numeric(value):
    """List the numbers of one entry of a description; words have none."""
    values = value if isinstance(value, tuple) else (value,)
    return [float(one) for one in values] if all(type(one) in (int, float) for one in values) else []
