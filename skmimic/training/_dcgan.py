"""Adversarial training of a generator (Goodfellow et al., 2014; Radford et al., 2016)."""

import functools

import torch
from torch.nn import functional

from ..generators.architectures import fold
from ..generators.architectures._networks import discriminator_network, generator_network
from ._loop import run_training
from ._recipe import Recipe
from ._statistics import mixed_batches, settle_batch_norm

__all__ = ["REAL_LABEL", "AdversarialRecipe", "cross_entropy", "train_dcgan"]

BATCH = 256
REAL_LABEL = 0.9  # one-sided label smoothing (Salimans et al., 2016)


class AdversarialRecipe(Recipe):
    """Generator against discriminator, with the non-saturating loss.

    Parameters
    ----------
    image_shape : tuple of int
    latent_dim, width : int
    settings : TrainingSettings
    device : torch.device
    prior : Prior
    seed : int
    """

    name = "DCGAN"
    loss_names = ("discriminator", "generator")

    def __init__(self, image_shape, latent_dim, width, settings, device, prior, seed):
        networks = {
            "generator": generator_network(image_shape, latent_dim, width),
            "discriminator": discriminator_network(image_shape, width),
        }
        super().__init__(networks, ("generator",), settings, seed, device, prior)

    def blocks(self):
        """Return the parameters that each optimiser moves, by name."""
        return {role: list(module.parameters()) for role, module in self.modules.items()}

    def step(self, images, draws):
        """Move the discriminator, then the generator."""
        with self.precision():
            generated = self.modules["generator"](self.latents(len(images), draws))
        return torch.stack([self._judge(images, generated.detach()), self._forge(generated)])

    def _judge(self, images, generated):
        with self.precision():
            real, fake = (self.modules["discriminator"](batch).float() for batch in (images, generated))
        loss = cross_entropy(real, REAL_LABEL) + cross_entropy(fake, 0.0)
        return self.descend("discriminator", loss)

    def _forge(self, generated):
        discriminator = self.modules["discriminator"].requires_grad_(False)
        with self.precision():
            loss = cross_entropy(discriminator(generated).float(), 1.0)
        loss = self.descend("generator", loss)
        discriminator.requires_grad_(True)
        return loss

    def finished(self, images):
        """Return the frozen generator and discriminator, their statistics estimated on as many latents as images."""
        averaged, discriminator = self.averages["generator"].module.cpu(), self.modules["discriminator"].cpu()
        draws = torch.Generator().manual_seed(0)
        latents = self.prior.sample(len(images), averaged.config["latent_dim"], draws)
        settle_batch_norm(averaged, latents.split(BATCH))
        generator = fold(averaged)
        settle_batch_norm(discriminator, mixed_batches(images, generator, latents, BATCH))
        return generator, fold(discriminator), None


def cross_entropy(logits, label):
    """Return the mean binary cross entropy of logits against one label."""
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def train_dcgan(
    images, latent_dim, width, prior, settings, *, device="cpu", seed=None, checkpoint=None, callback=None, verbose=0
):
    """Train a DCGAN.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        On the CPU: uint8, or floats in [-1, 1].
    latent_dim : int
        Size of a latent.
    width : int
        Channels of the map nearest to the image.
    prior : Prior
    settings : TrainingSettings
    device : torch.device or str, default="cpu"
    seed, checkpoint, callback, verbose : as in `run_training`

    Returns
    -------
    TrainedNetworks
        Without encoder.

    Raises
    ------
    NotFiniteError
        If a loss becomes NaN or infinite.
    """
    make_recipe = functools.partial(
        AdversarialRecipe, tuple(images.shape[1:]), latent_dim, width, settings, torch.device(device), prior
    )
    return run_training(
        make_recipe, images, settings, seed=seed, checkpoint=checkpoint, callback=callback, verbose=verbose
    )
