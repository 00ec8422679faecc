"""Transposed convolutions to images, as a matrix product: on processors several times as fast as the library's own."""

import torch
import torch.nn.functional as F
from torch import nn

from ._aligned import STEP

__all__ = ["fold_convolutions"]

FEW_CHANNELS = 4  # of images; with more the library's kernels are the faster ones


class FoldedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution by one matrix product for each image, whose columns are added up where they overlap."""

    def forward(self, x, output_size=None):
        """Map (n, c_in, h, w) to (n, c_out, h_out, w_out); other forms go the usual way."""
        is_usual = x.ndim == 4 and output_size is None and not torch.is_autocast_enabled(x.device.type)
        if not is_usual or x[0, 0].numel() % STEP:
            return super().forward(x, output_size)
        n, channels, *sides = x.shape
        weight = self.weight.reshape(channels, -1).T.expand(n, -1, -1)
        columns = torch.bmm(weight, x.reshape(n, channels, -1))
        numbers = zip(sides, self.kernel_size, self.stride, self.padding, strict=True)
        size = [(side - 1) * stride - 2 * padding + kernel for side, kernel, stride, padding in numbers]
        images = F.fold(columns, size, self.kernel_size, padding=self.padding, stride=self.stride)
        return images if self.bias is None else images + self.bias[:, None, None]


def fold_convolutions(module):
    """Let the transposed convolutions of a module that make images of few channels compute folded, in place.

    Parameters
    ----------
    module : torch.nn.Module
        For a processor; accelerators have kernels of their own.

    Returns
    -------
    torch.nn.Module
        `module` itself.
    """
    for layer in module.modules():
        if type(layer) is nn.ConvTranspose2d and layer.out_channels <= FEW_CHANNELS and _is_simple(layer):
            layer.__class__ = FoldedConvTranspose2d
    return module


def _is_simple(layer):
    """Whether it has one group, no dilation and no extra rows of output."""
    return layer.groups == 1 and set(layer.dilation) == {1} and set(layer.output_padding) == {0}
