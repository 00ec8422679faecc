"""Rows projected by L-BFGS, every row with a memory and a step length of its own, from one start or several."""

import copy
import math

import torch

from ._descent import CHECK_EVERY, Descent, has_settled
from ._problem import Latents

__all__ = ["Contest", "QuasiNewton", "row_walk"]

MEMORY = 10
TOGETHER = 64  # rows of all starts of a contest: fewer cost less in one evaluation than in one for each start
LONGEST_STEP = 0.5  # root mean square, in standard deviations of the priors
SUFFICIENT = 1e-4  # part of the decrease foreseen by the gradient that a step must bring
TRIAL_SHARE = 1 / 4  # of all evaluations, for each start of a contest
FINAL_SHARE = 1 / 10  # of all evaluations, that a rough walk ends with in float32
SLACK = 4e-3  # of the objective, that a rough step may raise it by: a few times its noise; see docs/design.md
OF_ROWS = "point", "value", "gradient", "unit", "length", "direction"  # of a walk, a row for each row
SHORTER, SHORTEST = 0.3, 1e-3  # factor after a step that was refused; below this length the memory is dropped


class QuasiNewton:
    """Projected L-BFGS on the latents; the surrogate is held.

    Rows share nothing but the moment of an evaluation: what a row does is the same in any company. A step that does not
    lower a row's objective is not taken, so without slack the latents are the best so far at any time.

    Parameters
    ----------
    problem : Problem
    observed : tensor (n, c, h, w)
    latents : Latents
        The start; copied.
    settings : Settings
        ``lr_latent`` is the root mean square of a row's first step.
    slack : float, default=0.0
        Fraction of the objective by which a step may raise it, where the objective is noisy.

    References
    ----------
    Nocedal and Wright, Numerical Optimization, 2006, algorithms 7.4 and 3.1.
    """

    def __init__(self, problem, observed, latents, settings, slack=0.0):
        self.problem, self.observed, self.settings, self.slack = problem, observed, settings, slack
        self.latent_dim, self.scale = latents.z.shape[1], float(problem.generator.prior.scale)
        self.point = self._allowed(self._packed(latents))
        self.value, self.gradient = self._evaluated(self.point)
        n, size = self.point.shape
        self.pairs = self.point.new_zeros(2, MEMORY, n, size)  # steps, and the changes of the gradient
        self.curvatures = self.point.new_zeros(MEMORY, n)  # 1 / (step . change); 0 where there is no pair yet
        rms = self.gradient.square().mean(1).sqrt().clamp_min(1e-12)
        self.unit = settings.lr_latent / self.scale / rms  # of the inverse Hessian, before there is a memory
        self.length = self.point.new_ones(n)
        self.direction = self._direction()

    @property
    def latents(self):
        """The present latents."""
        return self._unpacked(self.point)

    def objective(self):
        """Return the objective (n,) at the present latents."""
        return self.value

    def project_rows(self, n_steps, observe=None):
        """Evaluate objective and gradient `n_steps` times, or until every row has settled.

        Parameters
        ----------
        n_steps : int
        observe : callable or None, default=None
            Called with the number of evaluations so far and the latents, at each of `observed_steps` that is reached.
        """
        if observe is not None:
            observe(0, self.latents)
        self.go_on(0, n_steps, observe)

    def go_on(self, n_done, n_steps, observe=None):
        """Do what `project_rows` does, after `n_done` of the evaluations."""
        settled, last = torch.zeros_like(self.value, dtype=torch.bool), self.value
        for step in range(n_done + 1, n_steps + 1):
            self.step(~settled)
            if step % CHECK_EVERY and step < n_steps:
                continue
            if observe is not None:
                observe(step, self.latents)
            if self.settings.tol > 0:
                if step - n_done >= CHECK_EVERY:  # after fewer a row that was refused one step would count as settled
                    settled = settled | has_settled(last, self.value, self.settings.tol)
                last = self.value
                if bool(settled.all()):
                    return

    @torch.no_grad()
    def step(self, moves=None):
        """Try one step of every row, or of those where `moves` (n,) is true, and keep it where it helps."""
        moves = torch.ones_like(self.value, dtype=torch.bool) if moves is None else moves
        trial = self._allowed(self.point + self.length[:, None] * self.direction)
        value, gradient = self._evaluated(trial)
        step, change = trial - self.point, gradient - self.gradient
        foreseen = (self.gradient * step).sum(1).clamp_max(0.0)
        taken = moves & (value <= self.value + self.slack * self.value.abs() + SUFFICIENT * foreseen)
        self._remember(step, change, taken)
        self.point = torch.where(taken[:, None], trial, self.point)
        self.gradient = torch.where(taken[:, None], gradient, self.gradient)
        self.value = torch.where(taken, value, self.value)
        self.length = torch.where(taken, 1.0, SHORTER * self.length)
        stuck = self.length < SHORTEST
        self._forget(stuck)
        self.direction = torch.where((taken | stuck)[:, None], self._direction(), self.direction)

    def adopt(self, rival):
        """Go on from where another walk of the same rows stands, with its memory, in those rows where it is lower."""
        lower = (rival.value < self.value) | self.value.isnan()
        for name in OF_ROWS:
            setattr(self, name, _chosen(lower, getattr(rival, name), getattr(self, name)))
        self.pairs = torch.where(lower[:, None], rival.pairs, self.pairs)
        self.curvatures = torch.where(lower, rival.curvatures, self.curvatures)

    def split(self, problem, observed):
        """Cut into walks of as many rows as `observed` has, of the same problem for these alone.

        Parameters
        ----------
        problem : Problem
        observed : tensor (n, c, h, w)

        Returns
        -------
        list of QuasiNewton
        """
        parts = []
        for start in range(0, len(self.value), len(observed)):
            part, rows = copy.copy(self), slice(start, start + len(observed))
            part.problem, part.observed = problem, observed
            for name in OF_ROWS:
                setattr(part, name, getattr(self, name)[rows])
            part.pairs, part.curvatures = self.pairs[:, :, rows], self.curvatures[:, rows]
            parts.append(part)
        return parts

    def end_in(self, problem):
        """Go on in another problem, near the first one, without slack; the memory of the steps is kept."""
        self.problem, self.slack = problem, 0.0
        self.value, self.gradient = self._evaluated(self.point)
        self.length = torch.ones_like(self.length)
        self.direction = self._direction()

    def _remember(self, step, change, taken):
        """Add the pair of each row that was taken and shows positive curvature to its memory."""
        product, square = (step * change).sum(1), change.square().sum(1).clamp_min(1e-12)
        useful = taken & (product > 1e-10 * square)
        shifted = torch.cat([self.pairs[:, 1:], torch.stack([step, change])[:, None]], 1)
        self.pairs = torch.where(useful[:, None], shifted, self.pairs)
        newest = 1 / product.clamp_min(1e-12)
        self.curvatures = torch.where(useful, torch.cat([self.curvatures[1:], newest[None]]), self.curvatures)
        self.unit = torch.where(useful, product / square, self.unit)

    def _forget(self, stuck):
        """Start rows that find no lower point along their direction again from their gradient, more carefully."""
        self.curvatures = torch.where(stuck, 0.0, self.curvatures)
        self.unit = torch.where(stuck, 0.1 * self.unit, self.unit)
        self.length = torch.where(stuck, 1.0, self.length)

    @torch.no_grad()
    def _direction(self):
        """Compute minus the inverse Hessian times the gradient by the two-loop recursion, no longer than allowed."""
        memory = list(zip(*self.pairs.unbind(), self.curvatures[:, :, None], strict=True))
        direction, weights = -self.gradient, []
        for step, change, curvature in reversed(memory):
            weights.append(curvature * (step * direction).sum(1, keepdim=True))
            direction = torch.addcmul(direction, weights[-1], change, value=-1)
        direction = self.unit[:, None] * direction
        for (step, change, curvature), weight in zip(memory, reversed(weights), strict=True):
            back = curvature * (change * direction).sum(1, keepdim=True)
            direction = torch.addcmul(direction, weight - back, step)
        rms = direction.square().mean(1).sqrt()
        return direction * (LONGEST_STEP / rms.clamp_min(LONGEST_STEP))[:, None]

    def _evaluated(self, point):
        """Compute the objective (n,) and its gradient (n, size)."""
        with torch.enable_grad():
            point = point.detach().requires_grad_()
            value = self.problem.objective(self.observed, self._unpacked(point))
            (gradient,) = torch.autograd.grad(value.sum(), point)
        return value.detach(), gradient

    def _packed(self, latents):
        """Put latents and deviations side by side, in units of their standard deviations."""
        parts = [latents.z.detach() / self.scale]
        if latents.deviations is not None:
            parts.append(latents.deviations.detach() / self.problem.deviation_sd)
        return torch.cat(parts, 1)

    def _unpacked(self, point):
        z, rest = self.scale * point[:, : self.latent_dim], point[:, self.latent_dim :]
        return Latents(z, self.problem.deviation_sd * rest if rest.shape[1] else None)

    @torch.no_grad()
    def _allowed(self, point):
        """Bring latents back to where the prior allows them."""
        z = self.problem.generator.prior.project(self.scale * point[:, : self.latent_dim]) / self.scale
        return torch.cat([z, point[:, self.latent_dim :]], 1)


class Contest:
    """Walks from several starts, by turns for a quarter of the evaluations each; then the lowest of each row goes on.

    Parameters
    ----------
    problem, observed, settings
        As those of `QuasiNewton`.
    starts : list of Latents
        One to four.
    rough : Problem or None, default=None
        The same problem, computed faster and less exactly. Trial and walk are held in it; the last `FINAL_SHARE` of the
        evaluations are those of `problem`.
    """

    def __init__(self, problem, observed, starts, settings, rough=None):
        self.problem, self.observed, self.is_rough = problem, observed, rough is not None
        self.n_starts = len(starts)
        self.first, slack = (rough, SLACK) if self.is_rough else (problem, 0.0)
        if self.n_starts * len(observed) <= TOGETHER:
            first, observed = self.first.repeated(self.n_starts), observed.repeat(self.n_starts, 1, 1, 1)
            self.walks = [QuasiNewton(first, observed, Latents.joined(starts), settings, slack)]
        else:
            self.walks = [QuasiNewton(self.first, observed, start, settings, slack) for start in starts]

    @property
    def latents(self):
        """The present latents; until the contest is decided those of the first walk."""
        return self.walks[0].latents.rows(slice(len(self.observed)))

    def objective(self):
        """Return the objective (n,) at the present latents."""
        return self.walks[0].objective()[: len(self.observed)]

    def project_rows(self, n_steps, observe=None):
        """Evaluate objective and gradient `n_steps` times over all starts; arguments as those of `QuasiNewton`."""
        if observe is not None:
            observe(0, self.latents)
        n_done = self._decide(n_steps, observe)
        if self.is_rough:
            n_done = self._go_on_roughly(n_done, n_steps, observe)
        self.walks[0].go_on(n_done, n_steps, observe)

    def _decide(self, n_steps, observe):
        """Hold the trial, keep one walk, and return the number of evaluations that this took."""
        n_trials = self.n_starts * int(TRIAL_SHARE * n_steps) if self.n_starts > 1 else 0
        for done in range(self.n_starts, n_trials + 1, self.n_starts):
            for walk in self.walks:
                walk.step()
            if observe is not None and done % CHECK_EVERY < self.n_starts:
                observe(done - done % CHECK_EVERY, self.latents)
        first, *rivals = [part for walk in self.walks for part in walk.split(self.first, self.observed)]
        for rival in rivals:
            first.adopt(rival)
        self.walks = [first]
        return n_trials

    def _go_on_roughly(self, n_done, n_steps, observe):
        """Do all but the last evaluations, leave the rough problem, and return the number of evaluations so far."""
        walk, n_rough = self.walks[0], n_steps - math.ceil(FINAL_SHARE * n_steps)
        for step in range(n_done + 1, n_rough + 1):
            walk.step()
            if observe is not None and step % CHECK_EVERY == 0:
                observe(step, self.latents)
        walk.end_in(self.problem)
        self.is_rough = False
        return max(n_done, n_rough)


def row_walk(problem, observed, starts, settings, rough=None):
    """Choose how rows walk with the surrogate held.

    Parameters
    ----------
    problem, observed, settings
        As those of `QuasiNewton`.
    rough : Problem or None, default=None
        For a contest, see there; one start is held in it, too.
    starts : Latents, or list of Latents
        The first is the best guess; a descent of first order takes no other.

    Returns
    -------
    Contest, QuasiNewton or Descent
    """
    starts = [starts] if isinstance(starts, Latents) else starts
    if settings.optimiser != "lbfgs":
        return Descent(problem, observed, starts[0], settings)
    if len(starts) == 1 and rough is None:
        return QuasiNewton(problem, observed, starts[0], settings)
    return Contest(problem, observed, starts, settings, rough)


def _chosen(rows, one, other):
    """Take the rows (first axis) that are marked from one tensor, the rest from the other."""
    return torch.where(rows.view(-1, *[1] * (one.dim() - 1)), one, other)
