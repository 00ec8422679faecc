"""First weights, drawn from a torch.Generator and nothing else."""

import math

import torch
from torch import nn

from ._dcgan import DCGANGenerator
from ._spectral import SpectralConv2d, SpectralLinear

__all__ = ["initialise"]

DCGAN_STD = 0.02  # Radford et al., 2016


@torch.no_grad()
def initialise(module, generator):
    """Draw the weights of a module in place.

    Layers under batch or spectral normalisation, and the last of a DCGAN generator, start at a standard deviation of
    0.02; others at He's. The first layer of a generator gets biases as large as its weighted latents: otherwise the
    mean latent gives zero features, a blank image and no gradient to leave it by.

    Parameters
    ----------
    module : torch.nn.Module
    generator : torch.Generator
    """
    small = isinstance(module, DCGANGenerator)
    for layer in module.modules():
        if isinstance(layer, (SpectralConv2d, SpectralLinear)):
            _draw(layer, DCGAN_STD, generator)
            layer.left.normal_(generator=generator)
            layer.left /= layer.left.norm()
        elif isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            _draw(layer, DCGAN_STD if small else math.sqrt(2 / layer.weight[0].numel()), generator)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.weight.normal_(1.0, DCGAN_STD, generator=generator)
            layer.bias.zero_()
    if small:
        spread = DCGAN_STD * math.sqrt(module.config["latent_dim"] / 3)  # of the weighted uniform latents
        module.first.bias.normal_(0.0, spread, generator=generator)


def _draw(layer, std, generator):
    layer.weight.normal_(0.0, std, generator=generator)
    layer.bias.zero_()
