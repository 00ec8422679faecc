"""How much work a network is, counted and not timed, so that it is the same on every machine."""

import math

import torch
from torch import nn

__all__ = ["count_operations"]

PLAIN, TRANSPOSED = (nn.Conv1d, nn.Conv2d, nn.Conv3d), (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def count_operations(module, call):
    """Count the multiplications and additions that a network does with its weights for one image.

    A weight of a convolution counts once for each place of its output, of a transposed one for each place of its input.
    All other weights count once.

    Parameters
    ----------
    module : torch.nn.Module
    call : callable
        Calls the module once, with any number of rows.

    Returns
    -------
    int
    """
    n_places = {}  # by layer, not added up: other threads may use the network meanwhile

    def look(layer, inputs, output):
        seen = inputs[0] if isinstance(layer, TRANSPOSED) else output
        n_places[layer] = math.prod(seen.shape[2:])

    layers = [layer for layer in module.modules() if _size(layer)]
    hooks = [layer.register_forward_hook(look) for layer in layers if isinstance(layer, PLAIN + TRANSPOSED)]
    try:
        with torch.no_grad():
            call()
    finally:
        for hook in hooks:
            hook.remove()
    return 2 * sum(_size(layer) * n_places.get(layer, 1) for layer in layers)


def _size(layer):
    """Number of the weights that a layer itself has."""
    return sum(weight.numel() for weight in layer.parameters(recurse=False) if weight.ndim > 1)
