"""Pixels that are lost in other places in every row."""

import torch

from ._base import Surrogate

__all__ = ["MissingPixels"]

SHARPNESS = 3.0  # how fast a pixel that shows the value counts as lost, per unit of its absolute difference
SAME = 1e-3


class MissingPixels(Surrogate):
    """Every row has lost some of its pixels, each its own; a lost pixel shows one known value.

    Nothing is learned and images pass unchanged: which pixels a row has lost is read off the row. A pixel that shows
    the value is lost with probability p, or seen; its difference d to the mimicked image, summed over the channels, is
    charged as ``-log(p + (1 - p) exp(-s d)) / s`` with s = 3: at a rate of 1 - p where it is small, ever less where it
    grows, as the pixel then is probably lost.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    value : float, default=-1.0
        What a lost pixel shows in all channels, in [-1, 1].
    fraction : float, default=0.5
        Part of the pixels that is lost, in (0, 1).

    Raises
    ------
    ValueError
        If no pixel would be lost, or all.
    """

    is_affine_in_images = True

    def __init__(self, image_shape, value=-1.0, fraction=0.5):
        super().__init__()
        if not 0 < fraction < 1:
            raise ValueError(f"MissingPixels: fraction={fraction!r} must lie between 0 and 1, the part that is lost.")
        self.image_shape, self.value, self.fraction = tuple(image_shape), float(value), float(fraction)

    def forward(self, images, deviations=None):
        """Return the images themselves."""
        return images

    @property
    def missing(self):
        """This part itself."""
        return self

    def reconciled(self, mimicked, observed):
        """Move the mimicked pixels towards the observed ones so far that the difference left is what is charged.

        Parameters
        ----------
        mimicked, observed : tensor (n, c, h, w)

        Returns
        -------
        tensor (n, c, h, w)
        """
        gap = mimicked - observed
        size = gap.abs().sum(1, keepdim=True).clamp_min(SAME)
        present = (1 - self.fraction) * torch.exp(-SHARPNESS * size)
        charged = -torch.log(self.fraction + present) / SHARPNESS
        return observed + torch.where(self.shows_value(observed), charged / size, 1.0) * gap

    def shows_value(self, observed):
        """Tell which pixels (n, 1, h, w) show the value in all channels."""
        return ((observed - self.value).abs() < SAME).all(1, keepdim=True)

    def lose(self, images, random):
        """Lose pixels of images (n, c, h, w), drawn from a torch.Generator."""
        n, _, height, width = images.shape
        draw = torch.rand((n, 1, height, width), generator=random, dtype=torch.float32)
        return images.masked_fill((draw < self.fraction).to(images.device), self.value)

    def recipe(self):
        """Return the class with its settings."""
        return MissingPixels, {"image_shape": self.image_shape, "value": self.value, "fraction": self.fraction}

    def describe(self):
        """Return the fraction of lost pixels and what they show, in [-1, 1]."""
        return {"fraction_missing": self.fraction, "missing_value": self.value}
