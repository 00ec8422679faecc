"""Training networks to frozen ones: normalisation becomes part of weights and biases."""

import torch
from torch import nn

from ._registry import build

__all__ = ["fold"]


@torch.no_grad()
def fold(module):
    """Return the network that computes the same in eval mode without normalisation layers.

    A frozen network is differentiated thousands of times, so the folding is paid back at once.

    Parameters
    ----------
    module : torch.nn.Module
        Of the registry.

    Returns
    -------
    torch.nn.Module
        In eval mode and without parameter gradients; a new module, or `module` itself when there is nothing to fold.
    """
    if not module.config.get("batch_norm"):
        return module.eval().requires_grad_(False)
    folded = build(module.architecture, {**module.config, "batch_norm": False})
    _copy(module, folded)
    return folded.eval().requires_grad_(False)


def _copy(module, folded):
    """Copy the weights of a network, or of its networks; what is neither has no normalisation."""
    if hasattr(module, "stages"):
        for (layer, norm), (target, _) in zip(module.stages(), folded.stages(), strict=True):
            scale, shift = _affine(norm, layer)
            target.weight.copy_(layer.weight * _along_outputs(scale, layer))
            target.bias.copy_(layer.bias * scale + shift)
    elif hasattr(module, "architecture"):
        for child, target in zip(module.children(), folded.children(), strict=True):
            _copy(child, target)
    else:
        folded.load_state_dict(module.state_dict())


def _affine(norm, layer):
    """Scale and shift that a normalisation applies in eval mode to each output of the layer before it."""
    if isinstance(norm, nn.Identity):
        return torch.ones_like(layer.bias), torch.zeros_like(layer.bias)
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    repeats = len(layer.bias) // len(scale)  # a channel of the base map is many outputs of a linear layer
    return scale.repeat_interleave(repeats), shift.repeat_interleave(repeats)


def _along_outputs(scale, layer):
    """Shape a scale of each output like the weight: (out, in, ...), transposed (in, out, ...)."""
    if isinstance(layer, nn.ConvTranspose2d):
        return scale[None, :, None, None]
    return scale.reshape(-1, *[1] * (layer.weight.ndim - 1))
