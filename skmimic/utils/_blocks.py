"""Networks of which nothing is known, in blocks of one size: whatever they do, a row's company does not matter."""

import torch
from torch import nn

from ._tensors import own_tensors

__all__ = ["block_size", "in_blocks"]

BLOCK = 16  # rows; one shape for all calls, whatever kernels the shape asks for
BLOCK_OF_SCRIPTS = 32  # whose sigmoids `in_whole_vectors` does not see: no tensor of as many rows has an end of its own
OURS = "skmimic."
# Modules of torch.nn whose layers give a row the same bits whatever the number of rows, `nn.Linear` by `align_layers`.
KNOWN_HOMES = ["conv", "batchnorm", "instancenorm", "normalization", "activation", "pooling", "padding", "upsampling"]
KNOWN_HOMES += ["dropout", "flatten", "pixelshuffle", "channelshuffle", "fold"]
KNOWN = {value for home in KNOWN_HOMES for value in vars(getattr(nn.modules, home)).values() if isinstance(value, type)}
KNOWN |= {nn.Linear, nn.Identity, nn.Embedding}
KNOWN -= {nn.MultiheadAttention}


def block_size(module):
    """Tell of how many rows the blocks of a module are, or that it needs none.

    It does if it may multiply rows by weights in another way than layers whose bits are known do.

    Such products add up in another order for few rows, see `aligned_linear`. Known are skmimic's own layers and those
    of torch.nn that are linear, convolutions, norms, activations, pooling, padding, upsampling, dropout and reshapes.
    Any other module is a container, and does no harm, if it has no tensors of two values and more itself: so
    LSTM, GRU, MultiheadAttention, Bilinear, a ParameterList and TorchScript, which cannot be looked into, are unknown.

    Not seen is a forward that multiplies by the weights of its children without calling these, as
    ``F.linear(x, self.child.weight)`` does, or by tensors that it makes, and products of rows with rows. The last bits
    of such answers may depend on the number of rows, and those of products of a width that is no multiple of 4, in
    blocks too, on a row's place. TorchScript computes its first gradients in another way than later ones.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    int or None
    """
    parts = list(module.modules())
    if any(isinstance(part, torch.jit.ScriptModule) for part in parts):
        return BLOCK_OF_SCRIPTS
    return BLOCK if any(_has_bare_weights(part) for part in parts) else None


def _has_bare_weights(part):
    if type(part) in KNOWN or type(part).__module__.startswith(OURS):
        return False
    return any(tensor.numel() > 1 for tensor in own_tensors(part))


def in_blocks(function, rows, size=BLOCK):
    """Apply a row-wise function to blocks of rows, the last one padded with copies of its first row.

    Parameters
    ----------
    function : callable
        Takes and returns a tensor of rows; differentiable.
    rows : tensor (n, ...)
        At least one.
    size : int, default=16
        Rows of a block.

    Returns
    -------
    tensor (n, ...)
    """
    parts = list(rows.split(size))
    last = parts[-1]
    parts[-1] = torch.cat([last, last[:1].expand(size - len(last), *last.shape[1:])])
    return torch.cat([function(part) for part in parts])[: len(rows)]
