"""The loop: gradient of the summed objective for the blocks that move, one step, projection."""

import torch

from ..exceptions import NotFiniteError
from ._optimisers import OPTIMISERS

__all__ = ["Descent", "check_finite", "has_settled", "observed_steps"]

CHECK_EVERY = 25


def check_finite(objective, settings, where):
    """Raise NotFiniteError if any row's objective is NaN or infinite.

    Parameters
    ----------
    objective : tensor (n,)
    settings : Settings
    where : str
        Which phase and round, for the message.
    """
    if not bool(torch.isfinite(objective).all()):
        raise NotFiniteError(
            f"{where}: the objective is not finite (lr_latent={settings.lr_latent:g}, "
            f"lr_surrogate={settings.lr_surrogate:g}). Lower the learning rates, or check the generator's weights."
        )


class Descent:
    """Projected gradient descent on latents, surrogate, or both.

    Parameters
    ----------
    problem : Problem
    observed : tensor (n, c, h, w)
    latents : Latents
        The start; copied.
    settings : Settings
    """

    def __init__(self, problem, observed, latents, settings):
        self.problem, self.observed, self.settings = problem, observed, settings
        self.noise = torch.Generator().manual_seed(0) if settings.stochastic_clipping else None
        self.latents = latents.fresh()
        self.parameters = [parameter for parameter in problem.surrogate.parameters() if parameter.requires_grad]
        make = OPTIMISERS[settings.optimiser]
        self.latent_optimiser = make(self.latents.tensors())
        self.surrogate_optimiser = make(self.parameters)

    def objective(self):
        """Compute the objective (n,) at the present values, without gradients."""
        with torch.no_grad():
            return self.problem.objective(self.observed, self.latents)

    def latent_step(self, rate=1.0):
        """Move the latents, the surrogate held."""
        self._step(self.latents.tensors(), [], rate)

    def joint_step(self, rate=1.0):
        """Move latents and surrogate together."""
        self._step(self.latents.tensors(), self.parameters, rate)

    def surrogate_step(self, images):
        """Move the surrogate, the images G(z) held; the adversarial term has no gradient here."""
        loss = self.problem.fidelity(self.observed, images, self.latents.deviations).sum()
        gradients = torch.autograd.grad(loss, self.parameters)
        self.surrogate_optimiser.step(gradients, [self.settings.lr_surrogate] * len(gradients))

    def _step(self, latent_blocks, surrogate_blocks, rate):
        loss = self.problem.objective(self.observed, self.latents).sum() + self.problem.shared_penalty()
        gradients = torch.autograd.grad(loss, latent_blocks + surrogate_blocks)
        n_latent = len(latent_blocks)
        self.latent_optimiser.step(gradients[:n_latent], [rate * value for value in self._latent_rates()])
        if surrogate_blocks:
            self.surrogate_optimiser.step(
                gradients[n_latent:], [rate * self.settings.lr_surrogate] * len(surrogate_blocks)
            )
        self._project()

    def _latent_rates(self):
        """Deviations move at the surrogate's rate, but no faster than a fifth of their standard deviation."""
        if self.latents.deviations is None:
            return [self.settings.lr_latent]
        return [self.settings.lr_latent, min(self.settings.lr_surrogate, self.problem.deviation_sd / 5)]

    @torch.no_grad()
    def _project(self):
        prior, z = self.problem.generator.prior, self.latents.z
        allowed = prior.project(z)
        if self.noise is not None:  # one draw for all rows, so that rows stay independent of their neighbours
            draw = prior.sample(1, z.shape[1], self.noise).to(z)
            allowed = torch.where(allowed == z, z, draw)
        z.copy_(allowed)

    def project_rows(self, n_steps, observe=None):
        """Run latent steps until every row has settled; rows that have settled stay as they are.

        Parameters
        ----------
        n_steps : int
        observe : callable or None, default=None
            Called with the number of steps so far and the latents, at each of `observed_steps` that is reached.
        """
        frozen, kept, last = None, None, None
        if observe is not None:
            observe(0, self.latents)
        for step in range(n_steps):
            self.latent_step(rate=self.settings.rate_at(step, n_steps))
            if frozen is not None:
                self._restore(frozen, kept)
            if observe is not None and ((step + 1) % CHECK_EVERY == 0 or step + 1 == n_steps):
                observe(step + 1, self.latents)
            if (step + 1) % CHECK_EVERY == 0 and step + 1 < n_steps and self.settings.tol > 0:
                frozen, kept, last = self._settle(frozen, last)
                if bool(frozen.all()):
                    return

    def _settle(self, frozen, last):
        now = self.objective()
        settled = torch.zeros_like(now, dtype=torch.bool)
        if last is not None:
            settled = has_settled(last, now, self.settings.tol)
        frozen = settled if frozen is None else frozen | settled
        return frozen, [tensor.detach().clone() for tensor in self.latents.tensors()], now

    @torch.no_grad()
    def _restore(self, frozen, kept):
        for tensor, value in zip(self.latents.tensors(), kept, strict=True):
            tensor.copy_(torch.where(frozen[:, None], value, tensor))


def has_settled(last, now, tol):
    """Tell of which rows (n,) the objective fell by no more than a fraction since the last comparison."""
    return last - now <= tol * now.abs()  # equal when both are zero


def observed_steps(n_steps):
    """Return the steps at which `Descent.project_rows` is observed: the start, every 25th and the last."""
    return [*range(0, n_steps, CHECK_EVERY), n_steps]
