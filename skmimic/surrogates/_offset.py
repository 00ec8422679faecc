"""One image that is added to all rows."""

import torch
from torch import nn

from ._base import Surrogate

__all__ = ["Offset"]


class Offset(Surrogate):
    """Add the same values to every image: ``x + m``, one number for each pixel of each channel.

    This is what a universal perturbation does (Moosavi-Dezfooli et al., 2017), or dust on a sensor. "auto" doesn't try
    it: what a generator lacks would go into it.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    """

    is_affine_in_images = True

    def __init__(self, image_shape):
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.offset = nn.Parameter(torch.zeros(self.image_shape, dtype=torch.float32))

    def forward(self, images, deviations=None):
        """Return the images with the offset on them."""
        return images + self.offset

    def undo(self, observed):
        """Return ``y - m`` within [-1, 1]."""
        return (observed - self.offset.detach()).clamp(-1, 1)

    def recipe(self):
        """Return the class with the image shape."""
        return Offset, {"image_shape": self.image_shape}

    def describe(self):
        """Return root mean square and largest size of the offset, in half pixel ranges."""
        return {
            "offset_rms": self.offset.square().mean().sqrt().item(),
            "offset_max": self.offset.abs().max().item(),
        }
