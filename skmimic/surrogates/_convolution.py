"""Convolution block with a shortcut (paper, section 3.1.1 and figure 3)."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from ._base import Surrogate

__all__ = ["Convolution"]


def _convolution(n_in, n_out, generator):
    """Make a 3x3 convolution initialised from its own random generator, not from the global one."""
    layer = nn.utils.skip_init(nn.Conv2d, n_in, n_out, 3, padding=1, dtype=torch.float32)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


class Convolution(Surrogate):
    """Add a small convolutional network to the images: blur, edges, stroke width, colour shifts.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    width : int, default=8
        Channels of the hidden layers.
    n_layers : int, default=3
        Number of 3x3 convolutions; the paper has 4.
    start : {"identity", "random"}, default="identity"
        ``"identity"`` starts the last layer at zero, so that the shortcut alone acts; ``"random"`` is the paper's.
    seed : int, default=0
        Seed of the initial weights.
    """

    def __init__(self, image_shape, width=8, n_layers=3, start="identity", seed=0):
        super().__init__()
        self.image_shape, self.width, self.n_layers, self.start = tuple(image_shape), width, n_layers, start
        generator = torch.Generator().manual_seed(seed)
        sizes = [image_shape[0]] + [width] * (n_layers - 1) + [image_shape[0]]
        self.layers = nn.ModuleList(_convolution(a, b, generator) for a, b in itertools.pairwise(sizes))
        if start == "identity":
            nn.init.zeros_(self.layers[-1].weight)

    def forward(self, images, deviations=None):
        """Return images + network(images), no non-linearity after the sum."""
        hidden = images
        for layer in self.layers[:-1]:
            hidden = F.relu(layer(hidden))
        return images + self.layers[-1](hidden)

    def recipe(self):
        """Return the class with its sizes."""
        keywords = {"image_shape": self.image_shape, "width": self.width, "n_layers": self.n_layers}
        return Convolution, {**keywords, "start": self.start}

    @torch.no_grad()
    def describe(self):
        """Return how much the block changes a flat grey picture and a single bright point, in half pixel ranges."""
        c, h, w = self.image_shape
        probe = torch.full_like(self.layers[0].weight[:1, :1, :1, :1], -1.0).repeat(2, c, h, w)
        probe[1, :, h // 2, w // 2] = 1.0
        change = (self.forward(probe) - probe).abs().flatten(1)
        return {"convolution_on_background": change[0].mean().item(), "convolution_on_point": change[1].max().item()}
