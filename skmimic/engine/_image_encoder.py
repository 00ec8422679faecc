"""Latents that an encoder of images gives: trained on the observations now (iGAN), or the generator's own (BiGAN)."""

from dataclasses import replace

import numpy as np
import torch

from ..exceptions import NotFiniteError
from ..generators.architectures import build
from ..generators.architectures._networks import encoder_network
from ..surrogates import Identity
from ..utils import Versioned, align_layers, is_out_of_memory, shielded
from ._adaptation import no_corruption
from ._interruption import carrying
from ._problem import Latents, Problem
from ._results import OptimizationTrace
from ._unseen import completed

__all__ = ["GeneratorEncoder", "ImageEncoder", "learn_image_encoder"]

WIDTH = 64  # channels next to the image, as in the discriminator of a DCGAN
BATCH, N_JUDGED = 128, 256  # rows of a step, and rows that judge which weights were best
CHECK_EVERY = 50  # steps


class ImageEncoder(Versioned):
    """Frozen handle of an encoder that was trained on observations; its state is sizes and numpy arrays.

    Parameters
    ----------
    network : torch.nn.Module
        Of the registry: images (n, c, h, w) to unbounded numbers (n, d).
    """

    def __init__(self, network):
        self.architecture, self.config = network.architecture, dict(network.config)
        self.arrays = {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}

    def to_torch(self, prior, device="cpu"):
        """Return the map of observed images to allowed latents, on a device."""
        with shielded():
            network = build(self.architecture, self.config)
            network.load_state_dict({name: torch.tensor(np.asarray(value)) for name, value in self.arrays.items()})
            network = align_layers(network.requires_grad_(False).eval().to(device))
        return lambda observed: Latents(_allowed(prior, network(observed)))


class GeneratorEncoder:
    """The encoder that a generator brings along (BiGAN); pickles with the generator's frozen handle.

    Parameters
    ----------
    generator : Generator
        With an encoder.
    """

    def __init__(self, generator):
        self.generator = generator

    def to_torch(self, prior, device="cpu"):
        """Return the map of observed images to latents, as the encoder gives them, on a device."""
        loaded = self.generator.on(device)
        return lambda observed: Latents(loaded.encode(observed))


def _allowed(prior, raw):
    return prior.project(prior.squash(raw))


def learn_image_encoder(generator, observed, settings, n_steps, rate, seed=0, report=None):
    """Train an encoder E with the architecture of a discriminator such that G(E(Y)) is near Y (iGAN).

    Minimises ``sum_j L(Y_j, G(E(Y_j)))`` over the weights of E by Adam, whose rate falls along a cosine, on at most 128
    rows a step. The weights with the lowest mean loss, of at most 256 rows looked at every 50 steps, are kept.

    Parameters
    ----------
    generator : LoadedGenerator
    observed : tensor (n, c, h, w)
        In [-1, 1].
    settings : Settings
        Their loss and `lambda_adv` make L; there is no latent prior beyond the allowed latents.
    n_steps : int
    rate : float
        First learning rate.
    seed : int, default=0
        Of the first weights and of the batches.
    report : callable or None, default=None
        Called with a sentence every 50 steps.

    Returns
    -------
    Adaptation
        Without corruption; its trace holds the mean loss at each look.

    Raises
    ------
    NotFiniteError
        If the training diverges.
    KeyboardInterrupt
        Carries the best adaptation so far as its attribute `partial`, None before the first look after a step; as does
        any other exception that is no `Exception`.

    References
    ----------
    MimicGAN, section 4.2, "iGAN"; which optimiser and how many steps is not said.
    """
    batch = BATCH
    while True:
        training = _Training(generator, observed, settings, batch, seed)
        try:
            with carrying(training.interrupted):
                training.run(n_steps, rate, report)
                return training.adaptation()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or batch < 8:
                raise
            batch //= 2


class _Training:
    """An encoder in training, and the best that it has been."""

    def __init__(self, generator, observed, settings, batch, seed):
        self.observed, self.settings, self.seed, self.batch = observed, settings, seed, batch
        self.problem = Problem(generator, Identity(), settings.loss, 0.0, None, settings.lambda_adv)
        self.random = torch.Generator().manual_seed(seed)
        name, config = encoder_network(generator.image_shape, generator.latent_dim, WIDTH, bounded=False)
        self.network = build(name, config, self.random).to(generator.device)
        self.best, self.objectives = None, []

    def run(self, n_steps, rate, report):
        optimiser = torch.optim.Adam(self.network.parameters(), rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps, 0.02 * rate)
        self._look(0, rate)
        for step in range(1, n_steps + 1):
            optimiser.zero_grad()
            self._losses(self.observed[self._rows()]).mean().backward()
            optimiser.step()
            schedule.step()
            if step % CHECK_EVERY == 0 or step == n_steps:
                self._look(step, rate)
                if report is not None:
                    report(f"encoder: step {step} of {n_steps}, mean loss {self.objectives[-1]:.4g}")

    def _rows(self):
        if len(self.observed) <= self.batch:
            return slice(None)
        return torch.randint(len(self.observed), (self.batch,), generator=self.random).to(self.observed.device)

    def _losses(self, observed):
        prior = self.problem.generator.prior
        return self.problem.objective(observed, Latents(_allowed(prior, self.network(completed(observed)))))

    @torch.no_grad()
    def _look(self, step, rate):
        losses = torch.cat([self._losses(part) for part in self.observed[:N_JUDGED].split(self.batch)])
        mean = float(losses.mean())
        if not bool(torch.isfinite(losses).all()):
            raise NotFiniteError(
                f"encoder of the observations, step {step}: the loss is not finite (lr={rate:g}). Lower lr, or check "
                "the generator's weights."
            )
        if self.best is None or mean < min(self.objectives):
            self.best = ImageEncoder(self.network)
        self.objectives.append(mean)

    def adaptation(self):
        """Return the best encoder so far as the outcome of phase A."""
        plain = no_corruption(self.settings, self.seed)
        return replace(plain, encoder=self.best, trace=OptimizationTrace(tuple(self.objectives)))

    def interrupted(self):
        """Return the best encoder so far, or None while it is as it was drawn."""
        return self.adaptation().interrupted() if len(self.objectives) > 1 else None
