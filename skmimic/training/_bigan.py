"""Adversarial training of a generator and an encoder (Donahue et al., 2017; Dumoulin et al., 2017)."""

import copy
import functools

import torch

from ..generators.architectures import fold
from ..generators.architectures._networks import bigan_discriminator_network, generator_network
from ._dcgan import REAL_LABEL, cross_entropy
from ._loop import run_training
from ._recipe import Recipe
from ._statistics import mixed_batches, settle_batch_norm

__all__ = ["BidirectionalRecipe", "train_bigan"]

BATCH = 256


class BidirectionalRecipe(Recipe):
    """Generator and encoder together against a discriminator of pairs.

    Parameters
    ----------
    image_shape : tuple of int
    latent_dim, width : int
    settings : TrainingSettings
    device : torch.device
    prior : Prior
    seed : int
    """

    name = "BiGAN"
    loss_names = ("discriminator", "generator and encoder")

    def __init__(self, image_shape, latent_dim, width, settings, device, prior, seed):
        bounded = prior.config["kind"] == "box"
        networks = {
            "generator": generator_network(image_shape, latent_dim, width),
            "discriminator": bigan_discriminator_network(image_shape, latent_dim, width, bounded),
        }
        super().__init__(networks, ("generator", "discriminator"), settings, seed, device, prior)

    def blocks(self):
        """Return the parameters that each optimiser moves, by name."""
        discriminator = self.modules["discriminator"]
        makers = [*self.modules["generator"].parameters(), *discriminator.encoder.parameters()]
        return {"makers": makers, "judge": discriminator.judge_parameters()}

    def step(self, images, draws):
        """Move the discriminator, then generator and encoder together."""
        latents = self.latents(len(images), draws)
        with self.precision():
            generated = self.modules["generator"](latents)
            encoded = self.modules["discriminator"].encoder(images)
        judged = self._judge((images, encoded.detach()), (generated.detach(), latents))
        return torch.stack([judged, self._make((images, encoded), (generated, latents))])

    def _judge(self, real, fake):
        loss = self._confuse(real, REAL_LABEL) + self._confuse(fake, 0.0)
        return self.descend("judge", loss)

    def _make(self, real, fake):
        judge = self.modules["discriminator"].judge_parameters()
        for parameter in judge:
            parameter.requires_grad_(False)
        loss = self.descend("makers", self._confuse(real, 1 - REAL_LABEL) + self._confuse(fake, 1.0))
        for parameter in judge:
            parameter.requires_grad_(True)
        return loss

    def _confuse(self, pair, label):
        with self.precision():
            logits = self.modules["discriminator"].joint(*pair)
        return cross_entropy(logits.float(), label)

    def finished(self, images):
        """Return the frozen generator, discriminator and encoder."""
        generator, discriminator = (self.averages[role].module.cpu() for role in ("generator", "discriminator"))
        draws = torch.Generator().manual_seed(0)
        latents = self.prior.sample(len(images), generator.config["latent_dim"], draws)
        settle_batch_norm(generator, latents.split(BATCH))
        generator = fold(generator)
        settle_batch_norm(discriminator, mixed_batches(images, generator, latents, BATCH))
        settle_batch_norm(discriminator.encoder, images.split(BATCH))
        discriminator = fold(discriminator)
        return generator, discriminator, copy.deepcopy(discriminator.encoder)


def train_bigan(
    images, latent_dim, width, prior, settings, *, device="cpu", seed=None, checkpoint=None, callback=None, verbose=0
):
    """Train a BiGAN.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        On the CPU: uint8, or floats in [-1, 1].
    latent_dim : int
        Size of a latent.
    width : int
        Channels of the map nearest to the image.
    prior : Prior
        A box of [-1, 1], or the standard normal.
    settings : TrainingSettings
    device : torch.device or str, default="cpu"
    seed, checkpoint, callback, verbose : as in `run_training`

    Returns
    -------
    TrainedNetworks

    Raises
    ------
    NotFiniteError
        If a loss becomes NaN or infinite.
    """
    make_recipe = functools.partial(
        BidirectionalRecipe, tuple(images.shape[1:]), latent_dim, width, settings, torch.device(device), prior
    )
    return run_training(
        make_recipe, images, settings, seed=seed, checkpoint=checkpoint, callback=callback, verbose=verbose
    )
