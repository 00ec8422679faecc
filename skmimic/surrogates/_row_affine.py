"""An affine map before which each row is turned by an angle of its own; a network reads it from the observed row."""

import math

import torch
from torch import nn

from ..utils import align_layers, seeded_globally
from ._affine import FILL, Affine

__all__ = ["RowAffine", "angle_reader", "turn_offsets"]

WIDTH, N_HIDDEN = 16, 256
MOST_SD = 4.0  # standard deviations by which a row may be turned


class RowAffine(Affine):
    """Turn each image by an angle of its own, then warp all by one affine map.

    The angles are not free: a network reads them from the observed rows. Without the rows, as in
    `FittedSurrogate.apply`, only the shared map is applied.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
        At least 4 pixels a side.
    rotation_sd : float, default=0.1
        Standard deviation of the rows' angles in radians, the unit of the network's output.
    width : int, default=16
        Channels of the first convolution.
    fill : float, default=-1.0
        As in `Affine`.
    """

    is_affine_in_images = False  # no closed form: each row has a map of its own

    def __init__(self, image_shape, rotation_sd=0.1, width=WIDTH, fill=FILL):
        super().__init__(image_shape, fill)
        self.rotation_sd, self.width = float(rotation_sd), width
        with seeded_globally(0):
            reader = angle_reader(self.image_shape, width)
        self.reader = align_layers(reader).requires_grad_(False)

    def read_offsets(self, observed):
        """Read the angles of observed rows; returns additions (n, 6) to the shared affine parameters."""
        with torch.no_grad():
            angles = self.reader(observed)[:, 0].clamp(-MOST_SD, MOST_SD)
            return turn_offsets(self.theta, self.rotation_sd * angles)

    def draw_offsets(self, n_rows, random):
        """Draw angles with the rows' standard deviation; returns additions (n, 6) as `read_offsets` does."""
        theta = self.theta.detach()
        angles = torch.randn(n_rows, generator=random, dtype=torch.float32).to(theta)
        return turn_offsets(theta, self.rotation_sd * angles)

    def recipe(self):
        """Return the class with its sizes."""
        _, keywords = super().recipe()
        return RowAffine, {**keywords, "rotation_sd": self.rotation_sd, "width": self.width}

    def describe(self):
        """Return what `Affine.describe` returns, and ``rotation_sd_deg``, the spread of the rows' angles (degrees)."""
        return {**super().describe(), "rotation_sd_deg": math.degrees(self.rotation_sd)}


def angle_reader(image_shape, width=WIDTH, norm=None):
    """Make a network from observed rows (n, c, h, w) to angles (n, 1) in standard deviations.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    width : int, default=16
        Channels of the first convolution.
    norm : callable or None, default=None
        Makes a normalisation of so many channels, for behind each convolution.

    Returns
    -------
    torch.nn.Sequential
    """
    (channels, *sides), layers = image_shape, []
    for size in (width, 2 * width):
        for _ in range(2):
            layers += [nn.Conv2d(channels, size, 3, padding=1), *([] if norm is None else [norm(size)]), nn.ReLU()]
            channels = size
        layers.append(nn.MaxPool2d(2))
    n_features = channels * math.prod(side // 4 for side in sides)
    layers += [nn.Flatten(), nn.Linear(n_features, N_HIDDEN), nn.ReLU(), nn.Linear(N_HIDDEN, 1)]
    return nn.Sequential(*layers).float()


def turn_offsets(theta, angles):
    """Compute what a turn before the shared map adds to its parameters.

    Parameters
    ----------
    theta : tensor (2, 3)
        The shared sampling matrix.
    angles : tensor (n,)
        Radians, positive as in `affine_matrix`.

    Returns
    -------
    tensor (n, 6)
    """
    cosine, sine = torch.cos(angles), torch.sin(angles)
    turns = torch.stack([cosine, -sine, sine, cosine], 1).view(-1, 2, 2)
    return (turns @ theta - theta).flatten(1)
