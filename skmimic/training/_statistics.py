"""Statistics of batch normalisation that belong to the weights at hand."""

import torch
from torch import nn

__all__ = ["settle_batch_norm"]


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
