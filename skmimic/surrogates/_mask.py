"""Multiplicative mask (paper, section 3.1.1)."""

import torch
from torch import nn

from ._base import Surrogate

__all__ = ["Mask"]


class Mask(Surrogate):
    """Blend every pixel of every channel with a fill value: ``m * x + (1 - m) * fill``.

    With ``fill=0`` this is the paper's mask: a multiplication without bias, independent over channels.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    start : {"identity", "random"}, default="identity"
        ``"identity"`` starts at m = 1; ``"random"`` draws m from U(0, 1), as the paper says.
    fill : float, default=0.0
        What a masked pixel shows, in [-1, 1].
    learn : bool, default=True
        Whether m is learned; False for a mask that was read off the observations with `set_dead`.
    seed : int, default=0
        Seed of the random start.
    """

    is_affine_in_images = True

    def __init__(self, image_shape, start="identity", fill=0.0, learn=True, seed=0):
        super().__init__()
        self.image_shape, self.start, self.fill_value, self.learn = tuple(image_shape), start, fill, learn
        if start == "identity":
            weight = torch.ones(self.image_shape, dtype=torch.float32)
        else:
            random = torch.Generator().manual_seed(seed)
            weight = torch.rand(self.image_shape, generator=random, dtype=torch.float32)
        if learn:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)
        self.register_buffer("fill", torch.full(self.image_shape, float(fill), dtype=torch.float32))

    @torch.no_grad()
    def set_dead(self, dead, values):
        """Mask the pixels that were seen constant over the rows.

        Parameters
        ----------
        dead : tensor (c, h, w) of bool
        values : tensor (c, h, w)
            What these pixels show, in [-1, 1].
        """
        self.weight[dead] = 0.0
        self.fill[dead] = values[dead]

    def forward(self, images, deviations=None):
        """Return the masked images."""
        return self.weight * images + (1 - self.weight) * self.fill

    def recipe(self):
        """Return the class with its settings."""
        keywords = {"image_shape": self.image_shape, "start": self.start}
        return Mask, {**keywords, "fill": self.fill_value, "learn": self.learn}

    def describe(self):
        """Return the fraction of pixel values whose weight is below one half."""
        return {"fraction_masked": (self.weight < 0.5).float().mean().item()}
