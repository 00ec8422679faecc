"""Gaussian blur of one learned width."""

import math

import torch
from torch import nn

from ..utils import gaussian_blur
from ._base import Surrogate

__all__ = ["Blur"]


class Blur(Surrogate):
    """Blur all images with a Gaussian kernel whose width is learned.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    sigma : float, default=0.5
        First standard deviation in pixels.
    """

    is_affine_in_images = True
    unit = 0.05

    def __init__(self, image_shape, sigma=0.5):
        super().__init__()
        self.image_shape, self.first_sigma = tuple(image_shape), float(sigma)
        self.radius = max(self.image_shape[1:]) // 2
        self.log_sigma = nn.Parameter(torch.tensor(math.log(self.first_sigma), dtype=torch.float32))

    def forward(self, images, deviations=None):
        """Return the blurred images."""
        return gaussian_blur(images, self.log_sigma.exp(), self.radius)

    def recipe(self):
        """Return the class with the first width."""
        return Blur, {"image_shape": self.image_shape, "sigma": self.first_sigma}

    def describe(self):
        """Return the standard deviation of the kernel in pixels."""
        return {"blur_px": self.log_sigma.exp().item()}
