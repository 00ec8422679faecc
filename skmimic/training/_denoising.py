"""An encoder that reads the latents of clean images from perturbed ones."""

import copy
import functools

import torch

from ..generators.architectures import fold
from ..generators.architectures._networks import encoder_network
from ..utils import CANONICAL
from ._loop import run_training
from ._perturbations import perturbed
from ._recipe import Recipe

__all__ = ["DenoisingRecipe", "train_denoising_encoder"]

LATENT_WEIGHT = (
    0.05  # of |z|^2 beside the squared error of an image, pixels in [-1, 1]; as the method was first measured
)


class DenoisingRecipe(Recipe):
    """Encoder E under ``||G(E(x + noise)) - x||^2 + 0.05 ||E(x + noise)||^2``, the generator G frozen.

    Where the encoder begins with random weights it also learns from pairs that the generator makes for free, (G(z), z).

    Parameters
    ----------
    generator : Generator
        Its own encoder is where the training begins, if it is one of the registry.
    noise : float
        As in `perturbed`.
    settings : TrainingSettings
    device : torch.device
    width : int
        Of an encoder that begins with random weights.
    seed : int
    """

    name = "denoising encoder"
    loss_names = ("reconstruction",)

    def __init__(self, generator, noise, settings, device, width, seed):
        self.loaded, self.noise, self.bounds = generator.on(device), noise, generator.data_range
        own = generator.registered_encoder()
        bounded = generator.prior.config["kind"] == "uniform"
        plan = encoder_network(generator.image_shape, generator.latent_dim, width, bounded)
        network = plan if own is None else (own.architecture, own.config)
        super().__init__({"encoder": network}, ("encoder",), settings, seed, device, generator.prior)
        self.has_begun = own is not None
        if own is not None:
            for module in (self.modules["encoder"], self.averages["encoder"].module):
                module.load_state_dict(own.state_dict())
        self.options |= {"generator": generator.fingerprint, "noise": noise}

    def blocks(self):
        """Return the parameters of the encoder."""
        return {"encoder": list(self.modules["encoder"].parameters())}

    def encode(self, images):
        """Map images in [-1, 1] to latents with the encoder as it is now."""
        return self.modules["encoder"](CANONICAL.convert(images, self.bounds))

    def step(self, images, draws):
        """Move the encoder."""
        with self.precision():
            latents = self.encode(perturbed(images, self.encode, self.noise, draws))
        error = (self.loaded.decode(latents.float()) - images).square().flatten(1).sum(1).mean()
        loss = error + LATENT_WEIGHT * latents.square().sum(1).mean()
        if not self.has_begun:
            loss = loss + self._error_of_pairs(len(images), draws)
        self.descend("encoder", loss)
        return error.detach()[None] / images[0].numel()

    def _error_of_pairs(self, n, draws):
        z = self.prior.sample(n, self.loaded.latent_dim, draws).to(self.device)
        with torch.no_grad():
            made = self.loaded.decode(z)
        return (self.encode(perturbed(made, self.encode, self.noise, draws)) - z).square().sum(1).mean()

    def finished(self, images):
        """Return the frozen encoder."""
        return None, None, fold(copy.deepcopy(self.averages["encoder"].module).cpu())


def train_denoising_encoder(
    generator, images, noise, settings, *, width=32, device="cpu", seed=None, checkpoint=None, callback=None, verbose=0
):
    """Train an encoder to see clean images behind perturbed ones; no labels and no classifier are used.

    Parameters
    ----------
    generator : Generator
        Frozen; the training begins with its own encoder, if that is one of the registry, else with random weights.
    images : tensor (n, c, h, w)
        Clean, on the CPU: uint8, or floats in [-1, 1].
    noise : float
        Largest amplitude of the perturbations, as a part of the range of the pixels.
    settings : TrainingSettings
    width : int, default=32
        Channels after the first convolution of an encoder that begins with random weights.
    device : torch.device or str, default="cpu"
    seed, checkpoint, callback, verbose : as in `run_training`

    Returns
    -------
    TrainedNetworks
        With an encoder only.

    Raises
    ------
    NotFiniteError
        If a loss becomes NaN or infinite.
    """
    make_recipe = functools.partial(DenoisingRecipe, generator, noise, settings, torch.device(device), width)
    return run_training(
        make_recipe, images, settings, seed=seed, checkpoint=checkpoint, callback=callback, verbose=verbose
    )
