"""Corruptions that move the content of images: rotation, zoom, shift."""

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ._base import Corruption
from ._checks import check_number

__all__ = ["Affine", "Rotation", "Zoom"]


def _matrix(height, width, degrees=0.0, zoom=1.0, shear_degrees=0.0):
    """Where the sampling grid looks for the pixel at (x, y), in half sides: a rotation and a shear, by the zoom.

    A shear turns by half of what it slants; so much more is turned that the nearest rotation is the one asked for.
    """
    slant = math.tan(math.radians(shear_degrees))
    angle = math.radians(degrees) + math.atan(slant / 2)
    cosine, sine = math.cos(angle) / zoom, math.sin(angle) / zoom
    right, down = slant * cosine - sine, slant * sine + cosine
    return [[cosine, right * (height / width), 0.0], [sine * (width / height), down, 0.0]]


def _zoom_without_corners(height, width, degrees):
    """Smallest zoom with which no pixel of a rotated image is looked for beyond the middle of a border pixel."""
    angle = math.radians(degrees)
    ratio = max(height - 1, 1) / max(width - 1, 1)
    return abs(math.cos(angle)) + max(ratio, 1 / ratio) * abs(math.sin(angle))


class _Warp(Corruption):
    """Base class of what samples images bilinearly at the positions of an affine grid; outside lies `fill`."""

    is_affine_in_images = True

    @abstractmethod
    def _sampling(self, height, width):
        """Return the 2x3 matrix of the grid."""

    def _apply(self, images):
        return self._apply_each([self], images)

    @classmethod
    def _apply_each(cls, corruptions, images):
        matrices = [one._sampling(*images.shape[-2:]) for one in corruptions]
        theta = torch.tensor(matrices, dtype=images.dtype, device=images.device).expand(len(images), 2, 3)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        fill = torch.tensor([one.fill for one in corruptions], dtype=images.dtype, device=images.device)
        fill = fill.reshape(-1, 1, 1, 1)
        return F.grid_sample(images - fill, grid, align_corners=False) + fill  # the padding is zero


@dataclass(frozen=True, repr=False)
class Rotation(_Warp):
    """Rotate images about their centre; corners that come into view show `fill`, or are cut off.

    Parameters
    ----------
    degrees : float
        Angle. Positive turns the content counter-clockwise as displayed, with rows running down.
    crop : bool, default=False
        Whether to enlarge the rotated image by the smallest factor with which nothing from outside comes into view,
        ``|cos| + |sin|`` for a square: the small crop of the paper, section 4.
    fill : float, default=-1
        What comes into view. -1 is black of images in [-1, 1]; 0 that of images in [0, 1].

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import Rotation
    >>> image = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> Rotation(90)(image).round(decimals=3)
    tensor([[[[0., 0.],
              [1., 0.]]]])
    """

    degrees: float
    crop: bool = False
    fill: float = -1.0

    def __post_init__(self):
        check_number("Rotation", "fill", self.fill)
        check_number("Rotation", "degrees", self.degrees)

    def _sampling(self, height, width):
        zoom = _zoom_without_corners(height, width, self.degrees) if self.crop else 1.0
        return _matrix(height, width, self.degrees, zoom)


@dataclass(frozen=True, repr=False)
class Zoom(_Warp):
    """Scale the content of images about their centre; the border that comes into view shows `fill`.

    Parameters
    ----------
    factor : float
        Positive. Below 1 shrinks the content, above 1 enlarges and crops it.
    fill : float, default=-1
        What comes into view. -1 is black of images in [-1, 1]; 0 that of images in [0, 1].

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import Zoom
    >>> Zoom(0.5)(torch.ones(1, 1, 4, 4))[0, 0, 0]
    tensor([-1., -1., -1., -1.])
    """

    factor: float
    fill: float = -1.0

    def __post_init__(self):
        check_number("Zoom", "fill", self.fill)
        check_number("Zoom", "factor", self.factor, 0, strict=True)

    def _sampling(self, height, width):
        return _matrix(height, width, zoom=self.factor)


@dataclass(frozen=True, repr=False)
class Affine(_Warp):
    """Rotate, zoom, shear and then shift images in one interpolation; what comes into view shows `fill`.

    Parameters
    ----------
    rotation : float, default=0
        Angle in degrees, as in `Rotation`.
    zoom : float, default=1
        Positive factor, as in `Zoom`.
    shift : (float, float), default=(0, 0)
        Pixels by which the content moves to the right and down.
    fill : float, default=-1
        What comes into view. -1 is black of images in [-1, 1]; 0 that of images in [0, 1].
    shear : float, default=0
        Degrees from -80 to 80 by which the columns slant. `rotation` is then that of the nearest rotation, as a fitted
        surrogate's ``describe()`` tells both.

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

    rotation: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    fill: float = -1.0
    shear: float = 0.0

    def __post_init__(self):
        check_number("Affine", "fill", self.fill)
        check_number("Affine", "shear", self.shear, -80, 80)
        check_number("Affine", "rotation", self.rotation)
        check_number("Affine", "zoom", self.zoom, 0, strict=True)
        if len(self.shift) != 2:
            raise ValueError(f"Affine: shift must be a pair (right, down) of pixels, got {self.shift!r}.")
        for value in self.shift:
            check_number("Affine", "shift", value)

    def _sampling(self, height, width):
        right, down = 2 * self.shift[0] / width, 2 * self.shift[1] / height
        matrix = _matrix(height, width, self.rotation, self.zoom, self.shear)
        return [[a, b, -a * right - b * down] for a, b, _ in matrix]
