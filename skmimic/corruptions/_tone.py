"""Corruptions of the values of pixels: inversion, gain and bias, blur, noise."""

from dataclasses import dataclass

import torch

from ..utils import gaussian_blur
from ._base import Corruption
from ._checks import check_number, check_seed

__all__ = ["GaussianBlur", "Invert", "Noise", "Photometric"]


@dataclass(frozen=True, repr=False)
class Invert(Corruption):
    """Turn dark into bright: ``-x``.

    Examples
    --------
    >>> from skmimic.corruptions import Invert
    >>> Invert()
    Invert()
    """

    is_affine_in_images = True

    def _apply(self, images):
        return -images


@dataclass(frozen=True, repr=False)
class Photometric(Corruption):
    """Change contrast and brightness, ``gain * x + bias``, clipped to [-1, 1] as a sensor would.

    Parameters
    ----------
    gain : float, default=1
        Contrast; negative values invert.
    bias : float, default=0
        Brightness, in units of the range [-1, 1].

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import Photometric
    >>> Photometric(gain=0.5, bias=0.75)(torch.tensor([[[[-1.0, 0.0, 1.0]]]]))
    tensor([[[[0.2500, 0.7500, 1.0000]]]])
    """

    gain: float = 1.0
    bias: float = 0.0

    def __post_init__(self):
        check_number("Photometric", "gain", self.gain)
        check_number("Photometric", "bias", self.bias)

    def _apply(self, images):
        return (self.gain * images + self.bias).clamp(-1, 1)


@dataclass(frozen=True, repr=False)
class GaussianBlur(Corruption):
    """Blur images with a Gaussian kernel of radius three sigma; the border pixels are repeated outwards.

    Parameters
    ----------
    sigma : float
        Positive standard deviation in pixels.

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import GaussianBlur
    >>> flat = torch.full((1, 1, 5, 5), 0.5)
    >>> torch.allclose(GaussianBlur(1.0)(flat), flat)
    True
    """

    is_affine_in_images = True

    sigma: float

    def __post_init__(self):
        check_number("GaussianBlur", "sigma", self.sigma, 0, strict=True)

    def _apply(self, images):
        return gaussian_blur(images, self.sigma)


@dataclass(frozen=True, repr=False)
class Noise(Corruption):
    """Add Gaussian noise, clipped to [-1, 1]; the i-th image of a batch always gets the same noise.

    Parameters
    ----------
    sigma : float
        Standard deviation, not negative, in units of the range [-1, 1].
    random_state : int, default=0
        Seed of the noise. An integer, so that the corruption is one fixed function.

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import Noise
    >>> images = torch.zeros(1, 1, 4, 4)
    >>> torch.equal(Noise(0.1)(images), Noise(0.1)(images))
    True
    """

    sigma: float
    random_state: int = 0

    def __post_init__(self):
        check_number("Noise", "sigma", self.sigma, 0)
        check_seed("Noise", self.random_state)

    def _apply(self, images):
        generator = torch.Generator().manual_seed(self.random_state)
        noise = torch.stack([torch.randn(images.shape[1:], generator=generator) for _ in images])
        return (images + self.sigma * noise.to(images)).clamp(-1, 1)
