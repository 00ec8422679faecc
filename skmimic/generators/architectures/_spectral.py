"""Layers whose weight is divided by its largest singular value (Miyato et al., 2018)."""

import torch
from torch import nn
from torch.nn import functional

__all__ = ["SpectralConv2d", "SpectralLinear", "plain_weight"]


class _Spectral:
    """Mixin: keep the leading left singular vector in the buffer `left`, one power iteration for each training call."""

    def _add_left_vector(self):
        self.register_buffer("left", torch.empty(len(self.weight)))

    def unit_weight(self):
        """Return the weight divided by its largest singular value."""
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            right = functional.normalize(matrix.T @ self.left, dim=0)
            left = functional.normalize(matrix @ right, dim=0)
            if self.training:
                self.left.copy_(left)
        return self.weight / torch.dot(left, matrix @ right)


class SpectralConv2d(_Spectral, nn.Conv2d):
    """Convolution with unit spectral norm."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._add_left_vector()

    def forward(self, images):
        """Convolve images (n, c, h, w)."""
        return self._conv_forward(images, self.unit_weight(), self.bias)


class SpectralLinear(_Spectral, nn.Linear):
    """Linear layer with unit spectral norm."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._add_left_vector()

    def forward(self, rows):
        """Map rows (n, d)."""
        return functional.linear(rows, self.unit_weight(), self.bias)


def plain_weight(layer):
    """Return the weight that a layer effectively applies."""
    return layer.unit_weight() if isinstance(layer, _Spectral) else layer.weight
