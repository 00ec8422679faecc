"""First weights, drawn from a torch.Generator and nothing else."""

import math

import torch
from torch import nn

from ._dcgan import DCGANDiscriminator, DCGANGenerator

__all__ = ["initialise"]

DCGAN_STD = 0.02  # Radford et al., 2016


@torch.no_grad()
def initialise(module, generator):
    """Draw the weights of a module in place.

    Generator and discriminator of a DCGAN start at a standard deviation of 0.02, other networks at He's. The first
    layer of a generator gets biases as large as its weighted latents: otherwise the mean latent gives zero features,
    a blank image and no gradient to leave it by.

    Parameters
    ----------
    module : torch.nn.Module
    generator : torch.Generator
    """
    small = isinstance(module, (DCGANGenerator, DCGANDiscriminator))
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            std = DCGAN_STD if small else math.sqrt(2 / layer.weight[0].numel())
            layer.weight.normal_(0.0, std, generator=generator)
            layer.bias.zero_()
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.weight.normal_(1.0, DCGAN_STD, generator=generator)
            layer.bias.zero_()
    if isinstance(module, DCGANGenerator):
        spread = DCGAN_STD * math.sqrt(module.config["latent_dim"] / 3)  # of the weighted uniform latents
        module.first.bias.normal_(0.0, spread, generator=generator)
