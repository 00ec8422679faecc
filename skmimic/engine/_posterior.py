"""Several plausible projections of a row: draws from the posterior of its latents, the corruption frozen."""

from dataclasses import dataclass

import torch

from ..surrogates import N_DEVIATIONS
from ..utils import aligned_linear
from ._closed_form import unit_of
from ._problem import Latents, Problem
from ._quasi_newton import row_walk
from ._unseen import agreeing, completed, distances_to, partial_rows, seen_pixels

__all__ = ["PosteriorSampler"]

N_STARTS = 100  # prior samples among which a draw finds its start
SMALLEST_SD = 1e-3  # of the noise; a perfect fit still leaves the rounding of the pixels


@dataclass(frozen=True)
class _Perturbed:
    """Gaussian posterior of latents and deviations with the observation and the prior moved by one draw.

    Its minimum is a draw from the posterior, exactly so when G and f^ are affine (randomise, then optimise).
    """

    problem: Problem
    noise_sd: torch.Tensor  # (n,)
    shift: Latents  # one row, for all rows

    @property
    def generator(self):
        return self.problem.generator

    @property
    def surrogate(self):
        return self.problem.surrogate

    @property
    def deviation_sd(self):
        return self.problem.deviation_sd

    def objective(self, observed, latents):
        """Compute ``||y + e - f^(G(z))||^2 / (2 s^2)`` plus the moved priors, of each row (n,)."""
        misfit = _misfit(self.problem.mimic(latents), observed)
        total = 0.5 * misfit / self.noise_sd.square()
        weight, prior = self.problem.latent_weight, self.generator.prior
        if weight:
            total = total + weight * prior.penalty(latents.z - self.shift.z)
        if latents.deviations is not None:
            moved = latents.deviations - self.shift.deviations
            total = total + 0.5 * moved.square().sum(1) / self.deviation_sd**2
        return total

    def shared_penalty(self):
        """Give no penalty, as what rows share is held."""
        return torch.zeros(())


class PosteriorSampler:
    """Draw latents from the posterior of each row: move the observation and the prior at random, optimise again.

    The noise of the pixels is taken to be independent and Gaussian, of the standard deviation that the residual of
    the row shows. All rows share the draws, so a row's samples do not depend on its neighbours.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    n_samples : int
    seed : int
    n_steps : int
        Latent steps for each sample.
    candidates : Candidates or None, default=None
        Prior samples, where the latents start; not needed with a closed form.
    closed_form : ClosedForm or None, default=None
        When generator and surrogate are affine: the samples are then exact.

    References
    ----------
    Bardsley, Solonen, Haario, Laine, "Randomize-Then-Optimize", SIAM Journal on Scientific Computing 36, 2014.
    """

    def __init__(self, problem, settings, n_samples, seed, n_steps, candidates=None, closed_form=None):
        self.problem, self.settings, self.n_samples, self.seed = problem, settings, n_samples, seed
        self.n_steps, self.candidates, self.closed_form = n_steps, candidates, closed_form
        if closed_form is not None:
            self.eigenvalues, self.basis = torch.linalg.eigh(closed_form.mixing @ closed_form.mixing.T)
        else:
            self.mimicked = candidates.mimicked(problem.surrogate)

    def __call__(self, observed, z):
        """Draw samples around projections.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
        z : tensor (n, d)
            The projections.

        Returns
        -------
        tensor (n, n_samples, c, h, w)
            Images, on the CPU.
        """
        random = torch.Generator().manual_seed(self.seed)
        draw = self._solved if self.closed_form is None else self._exact
        device = self.problem.generator.device if self.closed_form is None else "cpu"
        observed, z = observed.to(device), z.to(device) if self.closed_form is None else z.double()
        problem = self.problem.for_rows(observed)
        noise_sd = self._noise_sd(problem, observed, z)
        starts = torch.Generator().manual_seed(self.seed + 1)
        samples = [draw(problem, observed, z, noise_sd, random, starts).cpu() for _ in range(self.n_samples)]
        return torch.stack(samples, dim=1)

    @torch.no_grad()
    def _noise_sd(self, problem, observed, z):
        """Standard deviation (n,) of the residual over the live pixels, degrees of freedom taken into account."""
        mimicked = self.closed_form.mimic(z) if self.closed_form is not None else problem.mimic(problem.latents(z))
        squares = _misfit(mimicked, observed)
        n_live = self._n_live(observed).to(squares)
        n_free = torch.maximum(n_live - z.shape[1], n_live / 2)
        return (squares / n_free).sqrt().clamp(min=SMALLEST_SD)

    def _n_live(self, observed):
        """Number (n,) of values that each row has seen and that change with the image under the surrogate."""
        white, black = observed.new_ones(1, *observed.shape[1:]), -observed.new_ones(1, *observed.shape[1:])
        surrogate = self.problem.surrogate if self.closed_form is None else self.closed_form.surrogate
        live = surrogate(white) != surrogate(black)
        return (live & ~observed.isnan()).flatten(1).sum(1).clamp_min(1)

    def _start(self, observed, random):
        """Take for each row the nearest of a few prior samples, others in each draw: they lead to other modes."""
        few = torch.randperm(len(self.mimicked), generator=random)[:N_STARTS].to(observed.device)
        seen, rows = seen_pixels(observed), completed(observed).flatten(1)
        distances = distances_to(rows, self.mimicked[few], None if seen is None else seen.flatten(1))
        return self.candidates.z[few][distances.argmin(1)]

    def _exact(self, problem, observed, z, noise_sd, random, starts):
        """Solve the perturbed least squares; in the eigenbasis of A A' every row has its own diagonal."""
        form, prior, weight = self.closed_form, problem.generator.prior, problem.latent_weight
        noise = _normal(random, observed, observed[0].numel())
        unit, centre = unit_of(prior, z.shape[1]), prior.mean(z.shape[1]).to(z)
        variance = noise_sd.square()[:, None]
        noisy = completed(observed).flatten(1) - form.offset + noise_sd[:, None] * noise
        pull = aligned_linear(noisy, self.basis.T @ form.mixing) / variance
        target = centre + unit / max(weight, 1e-300) ** 0.5 * _normal(random, z, z.shape[1])
        precision = weight / unit**2
        solved = (pull + precision * (target @ self.basis)) / (self.eigenvalues / variance + precision)
        drawn = aligned_linear(solved, self.basis)
        for index, seen in partial_rows(observed):  # of another A each
            mixing = form.mixing[:, seen]
            system = mixing @ mixing.T / variance[index] + precision * torch.eye(len(mixing)).to(mixing)
            drawn[index] = torch.linalg.solve(
                system, mixing @ noisy[index, seen] / variance[index] + precision * target[0]
            )
        return form.decode(drawn)

    def _solved(self, problem, observed, z, noise_sd, random, starts):
        noise = _normal(random, observed, observed[0].numel()).view(1, *observed.shape[1:])
        prior, weight = problem.generator.prior, problem.latent_weight
        unit = unit_of(prior, z.shape[1]) / weight**0.5 if weight else 0.0
        start = problem.latents(self._start(observed, starts))
        shift = Latents(unit * _normal(random, z, z.shape[1]))
        if start.deviations is not None:
            moved = problem.deviation_sd * _normal(random, z, N_DEVIATIONS)
            shift = Latents(shift.z, moved)
        noisy = observed + noise_sd.view(-1, 1, 1, 1) * noise
        walk = row_walk(_Perturbed(problem, noise_sd, shift), noisy, start, self.settings)
        walk.project_rows(self.n_steps)
        with torch.no_grad():
            return problem.generator.decode(walk.latents.z)


def _misfit(mimicked, observed):
    """Sum the squared differences (n,) over the pixels that each row has seen."""
    mimicked, observed = agreeing(mimicked, observed)
    return (mimicked - observed).flatten(1).square().sum(1)


def _normal(random, like, n_values):
    """Draw one row (1, n_values), the same on every device and in every precision."""
    return torch.randn(1, n_values, generator=random).to(like)
