"""Variational autoencoder (Kingma and Welling, 2014)."""

import functools

import torch

from ..generators.architectures import build, fold
from ..generators.architectures._networks import encoder_network, generator_network
from ._loop import run_training
from ._recipe import Recipe
from ._statistics import settle_batch_norm

__all__ = ["VariationalRecipe", "train_vae"]

LEAST_ERROR = 1e-4  # mean squared error below which the decoder counts as exact


class VariationalRecipe(Recipe):
    """Encoder and decoder under the evidence lower bound.

    The variance of the decoder is the mean squared error at hand, so that no weight between reconstruction and prior
    has to be chosen (Rybkin et al., 2021).

    Parameters
    ----------
    image_shape : tuple of int
    latent_dim, width : int
    settings : TrainingSettings
    device : torch.device
    prior : Prior
        The standard normal.
    seed : int
    """

    name = "VAE"
    loss_names = ("reconstruction", "divergence")

    def __init__(self, image_shape, latent_dim, width, settings, device, prior, seed):
        networks = {
            "generator": generator_network(image_shape, latent_dim, width),
            "encoder": encoder_network(image_shape, 2 * latent_dim, width, bounded=False),
        }
        super().__init__(networks, ("generator", "encoder"), settings, seed, device, prior)

    def blocks(self):
        """Return the parameters that each optimiser moves, by name."""
        return {"both": [parameter for module in self.modules.values() for parameter in module.parameters()]}

    def step(self, images, draws):
        """Move encoder and decoder together."""
        with self.precision():
            mean, log_variance = self.modules["encoder"](images).chunk(2, dim=1)
            noise = torch.randn(mean.shape, generator=draws).to(mean)
            decoded = self.modules["generator"](mean + noise * torch.exp(log_variance / 2))
        divergence = _divergence(mean.float(), log_variance.float()).mean()
        error = (decoded.float() - images).square().mean()
        reconstruction = images[0].numel() / 2 * torch.log(error + LEAST_ERROR)
        self.descend("both", reconstruction + divergence)
        return torch.stack([error, divergence]).detach()

    def finished(self, images):
        """Return the frozen decoder and the encoder's mean."""
        encoder = _mean_of(self.averages["encoder"].module.cpu().eval())
        decoder = self.averages["generator"].module.cpu()
        with torch.no_grad():
            settle_batch_norm(decoder, [encoder(images)])
        return fold(decoder), None, encoder


def _divergence(mean, log_variance):
    """Kullback-Leibler divergence (n,) of the encoded distribution from the standard normal."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def _mean_of(encoder):
    """Keep the first half of the outputs, the mean."""
    latent_dim = encoder.config["latent_dim"] // 2
    state = encoder.state_dict()
    for name in list(state)[-2:]:  # weight and bias of the last layer
        state[name] = state[name][:latent_dim]
    mean = build(encoder.architecture, {**encoder.config, "latent_dim": latent_dim})
    mean.load_state_dict(state)
    return fold(mean)


def train_vae(
    images, latent_dim, width, prior, settings, *, device="cpu", seed=None, checkpoint=None, callback=None, verbose=0
):
    """Train a variational autoencoder.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        On the CPU: uint8, or floats in [-1, 1].
    latent_dim : int
        Size of a latent.
    width : int
        Channels of the map nearest to the image.
    prior : Prior
        The standard normal.
    settings : TrainingSettings
    device : torch.device or str, default="cpu"
    seed, checkpoint, callback, verbose : as in `run_training`

    Returns
    -------
    TrainedNetworks
        Without discriminator.

    Raises
    ------
    NotFiniteError
        If a loss becomes NaN or infinite.
    """
    make_recipe = functools.partial(
        VariationalRecipe, tuple(images.shape[1:]), latent_dim, width, settings, torch.device(device), prior
    )
    return run_training(
        make_recipe, images, settings, seed=seed, checkpoint=checkpoint, callback=callback, verbose=verbose
    )
