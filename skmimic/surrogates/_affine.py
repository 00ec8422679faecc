"""Spatial transformer with six shared parameters and per-row deviations (paper, section 3.1.1, STL)."""

import math

import torch
import torch.nn.functional as F

from ._base import Surrogate

__all__ = ["N_DEVIATIONS", "Affine", "affine_matrix", "describe_affine", "sampling_grid", "warp"]

N_DEVIATIONS = 6
FLAT = 1e-2  # part of its area that a picture keeps under a map that is not undone
FILL = -1.0  # what lies outside a picture that has no background: the darkest value of the canonical range


def warp(images, matrices, aspect=None, fill=FILL):
    """Resample images on affine sampling grids.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        In [-1, 1].
    matrices : tensor (2, 3) or (n, 2, 3) or (n, 6)
        Map output to input coordinates. Both are measured from the middle of the picture, with one unit for both axes:
        half the side of a square of the same area. So a rotation is a rotation in oblong pictures, too.
    aspect : float or None, default=None
        Height by width of what the pictures show. None takes that of their pixels; give it where pixels are not
        square, as in a picture that was shrunk to whole numbers of pixels.
    fill : float, default=-1.0
        What lies outside, in [-1, 1].

    Returns
    -------
    tensor (n, c, h, w)
    """
    shape = images.shape
    grid = sampling_grid(matrices, shape[-2:], aspect)
    if len(grid) == 1:  # one grid for all: as channels of one picture they share its weights
        images = images.reshape(1, -1, *shape[-2:])
    return F.grid_sample(images - fill, grid, align_corners=False).reshape(shape) + fill


def sampling_grid(matrices, size, aspect=None):
    """Make the grids on which `warp` samples.

    Parameters
    ----------
    matrices : tensor (2, 3) or (n, 2, 3) or (n, 6)
        As those of `warp`.
    size : tuple of int
        Height and width.
    aspect : float or None, default=None
        As that of `warp`.

    Returns
    -------
    tensor (1 or n, h, w, 2)
        Places (x, y) in the picture, from -1 to 1 between its edges.
    """
    matrices = matrices.reshape(-1, 2, 3)
    aspect = size[0] / size[1] if aspect is None else aspect
    if aspect != 1:
        matrices = matrices * _by_half_sides(aspect).to(matrices)
    return F.affine_grid(matrices, [len(matrices), 1, *size], align_corners=False)


def _by_half_sides(aspect):
    """Factors (2, 3) that bring a matrix to torch's coordinates, in which each axis has its own half side as unit."""
    side = math.sqrt(aspect)  # half the height in our unit; half the width is one by it
    return torch.tensor([[1.0, aspect, side], [1 / aspect, 1.0, 1 / side]], dtype=torch.float64)


def affine_matrix(rotation_deg=0.0, scale=1.0, shift=(0.0, 0.0)):
    """Build the sampling matrix of a rotation followed by a zoom.

    Parameters
    ----------
    rotation_deg : float, default=0.0
        Degrees; positive as in `skmimic.corruptions.Rotation`.
    scale : float, default=1.0
        Below 1 shrinks the content, above 1 enlarges it.
    shift : tuple of two floats, default=(0.0, 0.0)
        Shift of the sampling grid (x, y) in half sides of a square of the picture's area.

    Returns
    -------
    tensor (2, 3)
    """
    cosine, sine = math.cos(math.radians(rotation_deg)) / scale, math.sin(math.radians(rotation_deg)) / scale
    return torch.tensor([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]], dtype=torch.float32)


def describe_affine(matrix, image_shape):
    """Read a sampling matrix as rotation, scale, shear and shift.

    Parameters
    ----------
    matrix : tensor (2, 3)
    image_shape : tuple (C, H, W)

    Returns
    -------
    dict
        ``rotation_deg`` in degrees, ``scale`` (x, y) of the content, ``shear_deg`` in degrees, ``shift_px`` (x, y) of
        the content in pixels.
    """
    matrix = matrix.detach().cpu().double().reshape(2, 3)
    linear, half_side = matrix[:, :2], math.sqrt(image_shape[1] * image_shape[2]) / 2
    (a, b), (c, d) = linear.tolist()
    determinant = a * d - b * c
    x_length = math.hypot(a, c)
    if abs(determinant) < 1e-6 or x_length < 1e-6:
        return {"rotation_deg": float("nan"), "scale": (0.0, 0.0), "shear_deg": 0.0, "shift_px": (0.0, 0.0)}
    rotation = math.atan2(c - b, a + d) if determinant > 0 else math.atan2(c, a)
    shear = math.atan2(a * b + c * d, abs(determinant))
    offset = -torch.linalg.solve(linear, half_side * matrix[:, 2])
    return {
        "rotation_deg": math.degrees(rotation),
        "scale": (1 / x_length, x_length / determinant),
        "shear_deg": math.degrees(shear),
        "shift_px": tuple(offset.tolist()),
    }


def _similar(matrix):
    """Bring a matrix (2, 3) to the nearest one of a turn, one zoom and a shift."""
    a, b, x, c, d, y = matrix.flatten().unbind()
    along, across = (a + d) / 2, (c - b) / 2
    return torch.stack([along, -across, x, across, along, y]).view(2, 3)


class Affine(Surrogate):
    """Warp all images by one learned affine map, each row with an optional deviation of its own.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    fill : float, default=-1.0
        What comes into view from outside, in [-1, 1]: the background of the images.
    """

    takes_deviations = True
    is_affine_in_images = True
    _is_held = False  # to a turn, one zoom and a shift, while it is learned
    unit = 0.02

    def __init__(self, image_shape, fill=FILL):
        super().__init__()
        self.image_shape, self.fill = tuple(image_shape), float(fill)
        self.theta = torch.nn.Parameter(affine_matrix())

    def forward(self, images, deviations=None):
        """Warp the images; `deviations` (n, 6) are added to the shared matrix."""
        theta = (_similar(self.theta) if self._is_held else self.theta).reshape(1, N_DEVIATIONS)
        return warp(images, theta if deviations is None else theta + deviations, fill=self.fill)

    def undo(self, observed):
        """Warp the images by the inverse map; None of a map that flattens them."""
        theta = self.theta.detach().cpu().double()
        linear = theta[:, :2]
        if abs(float(torch.linalg.det(linear))) < FLAT:
            return None
        inverse = torch.linalg.inv(linear)
        back = torch.cat([inverse, -inverse @ theta[:, 2:]], 1)
        return warp(observed, back.to(self.theta), fill=self.fill)

    @torch.no_grad()
    def hold(self, is_held=True):
        """Hold the map to the nearest turn, one zoom and shift while it is learned, or let it go where it is.

        Parameters
        ----------
        is_held : bool, default=True
            Copies that are made of the recipe are free.
        """
        self.theta.copy_(_similar(self.theta))
        self._is_held = is_held

    def recipe(self):
        """Return the class with the image shape and the fill."""
        return Affine, {"image_shape": self.image_shape, "fill": self.fill}

    def describe(self):
        """Return rotation (degrees), scale, shear (degrees) and shift (pixels); see `describe_affine`."""
        return describe_affine(self.theta, self.image_shape)
