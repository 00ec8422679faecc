"""Statistics of batch normalisation that belong to the weights at hand."""

import torch
from torch import nn

__all__ = ["mixed_batches", "settle_batch_norm"]


@torch.no_grad()
def mixed_batches(images, generator, latents, size):
    """Return batches that are half real and half generated, as a discriminator meets them.

    Parameters
    ----------
    images : tensor (n, c, h, w)
    generator : torch.nn.Module
        Frozen.
    latents : tensor (n, d)
    size : int
        Images of each half.

    Returns
    -------
    list of tensor
    """
    halves = zip(images.split(size), latents.split(size), strict=True)
    return [torch.cat([real, generator(z)]) for real, z in halves]


@torch.no_grad()
def settle_batch_norm(module, batches):
    """Estimate the statistics of batch normalisation anew, in place.

    Averaged weights do not fit the running statistics of the weights they were averaged from.

    Parameters
    ----------
    module : torch.nn.Module
        Left in eval mode.
    batches : iterable of tensor
        Inputs, each a batch of its own.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    if norms:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over all batches
        module.train()
        for batch in batches:
            module(batch)
    module.eval()
