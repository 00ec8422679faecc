"""Matrix products whose rows do not depend on where they stand.

BLAS libraries take other kernels for rows that do not start at multiples of 16 bytes, so the same row may differ in its
last bits between two places of a batch. Four numbers a step, of float32 or float64, keep every row aligned.
"""

import torch.nn.functional as F
from torch import nn

__all__ = ["align_layers", "aligned_linear"]

STEP = 4


def aligned_linear(x, weight, bias=None):
    """Compute ``x @ weight.T + bias`` with widths padded to multiples of four; gradients are aligned as well.

    Parameters
    ----------
    x : tensor (..., n_in)
    weight : tensor (n_out, n_in)
    bias : tensor (n_out,) or None, default=None

    Returns
    -------
    tensor (..., n_out)
    """
    n_out, n_in = weight.shape
    more_in, more_out = -n_in % STEP, -n_out % STEP
    if not more_in and not more_out:
        return F.linear(x, weight, bias)
    weight = F.pad(weight, (0, more_in, 0, more_out))
    bias = None if bias is None else F.pad(bias, (0, more_out))
    return F.linear(F.pad(x, (0, more_in)), weight, bias)[..., :n_out]


class AlignedLinear(nn.Linear):
    """A linear layer that pads its widths."""

    def forward(self, x):
        return aligned_linear(x, self.weight, self.bias)


def align_layers(module):
    """Make the linear layers of a module compute aligned, in place.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    torch.nn.Module
        `module` itself.
    """
    for layer in module.modules():
        if type(layer) is nn.Linear and (layer.in_features % STEP or layer.out_features % STEP):
            layer.__class__ = AlignedLinear
    return module
