"""Corruptions that move the content of images: rotation, zoom, shift."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ._base import Corruption
from ._checks import check_number

__all__ = ["Affine", "Rotation", "Zoom"]


def _matrix(degrees=0.0, zoom=1.0):
    """Where the sampling grid looks for the pixel at (x, y): a rotation divided by the zoom."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle) / zoom, math.sin(angle) / zoom
    return [[cosine, -sine, 0.0], [sine, cosine, 0.0]]


def _warp(images, matrix):
    """Sample images bilinearly at the positions of an affine grid; what comes from outside is -1."""
    theta = torch.tensor(matrix, dtype=images.dtype, device=images.device).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images + 1, grid, align_corners=False) - 1  # +1: the zero padding is then -1


@dataclass(frozen=True, repr=False)
class Rotation(Corruption):
    """Rotate images about their centre; corners that come into view are -1.

    Parameters
    ----------
    degrees : float
        Angle. Positive turns the content counter-clockwise as displayed, with rows running down.

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import Rotation
    >>> image = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> Rotation(90)(image).round(decimals=3)
    tensor([[[[0., 0.],
              [1., 0.]]]])
    """

    is_affine_in_images = True

    degrees: float

    def __post_init__(self):
        check_number("Rotation", "degrees", self.degrees)

    def _apply(self, images):
        return _warp(images, _matrix(degrees=self.degrees))


@dataclass(frozen=True, repr=False)
class Zoom(Corruption):
    """Scale the content of images about their centre; the border that comes into view is -1.

    Parameters
    ----------
    factor : float
        Positive. Below 1 shrinks the content, above 1 enlarges and crops it.

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import Zoom
    >>> Zoom(0.5)(torch.ones(1, 1, 4, 4))[0, 0, 0]
    tensor([-1., -1., -1., -1.])
    """

    is_affine_in_images = True

    factor: float

    def __post_init__(self):
        check_number("Zoom", "factor", self.factor, 0, strict=True)

    def _apply(self, images):
        return _warp(images, _matrix(zoom=self.factor))


@dataclass(frozen=True, repr=False)
class Affine(Corruption):
    """Rotate, zoom and then shift images in one interpolation; what comes into view is -1.

    Parameters
    ----------
    rotation : float, default=0
        Angle in degrees, as in `Rotation`.
    zoom : float, default=1
        Positive factor, as in `Zoom`.
    shift : (float, float), default=(0, 0)
        Pixels by which the content moves to the right and down.

    See Also
    --------
    Rotation : Only the angle.
    Zoom : Only the factor.

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import Affine
    >>> Affine(shift=(1, 0))(torch.tensor([[[[0.5, 0.25]]]]))
    tensor([[[[-1.0000,  0.5000]]]])
    """

    is_affine_in_images = True

    rotation: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self):
        check_number("Affine", "rotation", self.rotation)
        check_number("Affine", "zoom", self.zoom, 0, strict=True)
        if len(self.shift) != 2:
            raise ValueError(f"Affine: shift must be a pair (right, down) of pixels, got {self.shift!r}.")
        for value in self.shift:
            check_number("Affine", "shift", value)

    def _apply(self, images):
        height, width = images.shape[-2:]
        right, down = 2 * self.shift[0] / width, 2 * self.shift[1] / height
        matrix = _matrix(self.rotation, self.zoom)
        return _warp(images, [[a, b, -a * right - b * down] for a, b, _ in matrix])
