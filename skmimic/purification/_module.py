"""A defence as a module to put before a classifier."""

import torch
from torch import nn

from ..exceptions import GeneratorMismatchError
from ..utils import CANONICAL, Bounds, shielded

__all__ = ["DefenceModule"]


class DefenceModule(nn.Module):
    """Images in the user's range to clean ones, group by group; differentiable.

    Parameters
    ----------
    core : torch.nn.Module
        Images (n, c, h, w) in [-1, 1] to clean ones; with an attribute `precision`, the dtype that it wants.
    image_shape : tuple (c, h, w)
    bounds : Bounds
        Range of the images that come and go.
    group_size : int or None, default=None
        Rows that share a perturbation; None takes all rows of a call as one group.
    """

    def __init__(self, core, image_shape, bounds, group_size=None):
        super().__init__()
        self.core, self.image_shape, self.bounds = core, tuple(image_shape), Bounds.of(bounds)
        self.group_size = group_size

    def extra_repr(self):
        """Tell shape, range and groups."""
        return f"image_shape={self.image_shape}, bounds={tuple(self.bounds)}, group_size={self.group_size}"

    def forward(self, images):
        """Clean images.

        Parameters
        ----------
        images : tensor (n, c, h, w)
            In `bounds`, on any device.

        Returns
        -------
        tensor (n, c, h, w)
            In `bounds`.

        Raises
        ------
        GeneratorMismatchError
            If the images have another shape, or are no floats.
        """
        if images.ndim != 4 or tuple(images.shape[1:]) != self.image_shape or not images.is_floating_point():
            raise GeneratorMismatchError(
                f"defence: expected images (n, {', '.join(map(str, self.image_shape))}) of a float dtype, got shape "
                f"{tuple(images.shape)} of {images.dtype}. Resize them, or fit the defence on images of that shape."
            )
        if not len(images):
            return images
        with shielded():
            observed = self.bounds.convert(images.to(self.core.precision), CANONICAL)
            groups = [observed] if self.group_size is None else observed.split(self.group_size)
            clean = torch.cat([self.core(group) for group in groups])
            return CANONICAL.convert(clean, self.bounds).to(images.dtype)
