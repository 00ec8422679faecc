"""Gain and bias of the pixel values."""

import torch
from torch import nn

from ._base import Surrogate

__all__ = ["Photometric"]

FAINT = 1e-2  # gain that is not undone


class Photometric(Surrogate):
    """Scale and shift the values of each channel: ``gain * x + bias``. A gain of -1 inverts.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    """

    is_affine_in_images = True
    unit = 0.02

    def __init__(self, image_shape):
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.gain = nn.Parameter(torch.ones(image_shape[0], dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(image_shape[0], dtype=torch.float32))

    def forward(self, images, deviations=None):
        """Return the recoloured images."""
        return self.gain[:, None, None] * images + self.bias[:, None, None]

    def undo(self, observed):
        """Return ``(y - bias) / gain`` within [-1, 1]; None where a channel has hardly any contrast."""
        gain = self.gain.detach()[:, None, None]
        if float(gain.abs().min()) < FAINT:
            return None
        return ((observed - self.bias.detach()[:, None, None]) / gain).clamp(-1, 1)

    def recipe(self):
        """Return the class with the image shape."""
        return Photometric, {"image_shape": self.image_shape}

    def describe(self):
        """Return gain (1 = unchanged) and bias (in half pixel ranges) of each channel."""
        return {"gain": tuple(self.gain.tolist()), "bias": tuple(self.bias.tolist())}
