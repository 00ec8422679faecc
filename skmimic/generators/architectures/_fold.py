"""Training networks to frozen ones: normalisation becomes part of weights and biases."""

import torch

from ._dcgan import DCGANDiscriminator, DCGANGenerator
from ._registry import build
from ._spectral import plain_weight

__all__ = ["fold"]


@torch.no_grad()
def fold(module):
    """Return the network that computes the same in eval mode without normalisation layers.

    Batch normalisation goes into the layer before it, spectral normalisation into its own layer. A frozen network is
    differentiated thousands of times, so this is paid back at once.

    Parameters
    ----------
    module : torch.nn.Module
        Of the registry.

    Returns
    -------
    torch.nn.Module
        In eval mode; a new module, or `module` itself when there is nothing to fold.
    """
    if isinstance(module, DCGANGenerator) and module.config["batch_norm"]:
        return _fold_generator(module).eval()
    if isinstance(module, DCGANDiscriminator) and module.config["spectral_norm"]:
        return _fold_discriminator(module).eval()
    return module.eval()


def _fold_generator(module):
    folded = build(module.architecture, {**module.config, "batch_norm": False})
    layers = [module.first, *module.doublings]
    targets = [folded.first, *folded.doublings]
    for layer, target, norm in zip(layers, targets, [*module.norms, None], strict=True):
        scale, shift = _affine(norm, layer, module)
        target.weight.copy_(layer.weight * _along_outputs(scale, layer.weight, layer))
        target.bias.copy_(layer.bias * scale + shift)
    return folded


def _affine(norm, layer, module):
    """Scale and shift for each output of a layer that the batch normalisation after it applies in eval mode."""
    if norm is None:
        return layer.bias.new_ones(()), layer.bias.new_zeros(())
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    if layer is module.first:  # one channel of the base map is many outputs of the linear layer
        height, width = module.layout.base
        scale, shift = (v.repeat_interleave(height * width) for v in (scale, shift))
    return scale, shift


def _along_outputs(scale, weight, layer):
    """Shape a scale of each output to multiply a weight: (out, in) or, transposed, (in, out, h, w)."""
    if scale.ndim == 0:
        return scale
    return scale[:, None] if isinstance(layer, torch.nn.Linear) else scale[None, :, None, None]


def _fold_discriminator(module):
    folded = build(module.architecture, {**module.config, "spectral_norm": False})
    module.eval()
    layers = [*module.halvings, module.last]
    for layer, target in zip(layers, [*folded.halvings, folded.last], strict=True):
        target.weight.copy_(plain_weight(layer))
        target.bias.copy_(layer.bias)
    return folded
