"""Networks of which nothing is known, in blocks of one size: whatever they do, a row's company does not matter."""

import torch

__all__ = ["has_bare_weights", "in_blocks"]

BLOCK = 16  # rows; one shape for all calls, whatever kernels the shape asks for
KNOWN = "torch.nn.", "skmimic."


def has_bare_weights(module):
    """Tell whether a module may multiply rows by weights of its own, not in a layer whose bits are known.

    Such products add up in another order for few rows, see `aligned_linear`. TorchScript cannot be looked into.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    bool
    """
    return any(_has_bare_weights(part) for part in module.modules())


def _has_bare_weights(part):
    if isinstance(part, torch.jit.ScriptModule):
        return True
    own = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
    return not type(part).__module__.startswith(KNOWN) and any(tensor.ndim > 1 for tensor in own)


def in_blocks(function, rows):
    """Apply a row-wise function to blocks of 16 rows, the last one padded with copies of its first row.

    Parameters
    ----------
    function : callable
        Takes and returns a tensor of rows; differentiable.
    rows : tensor (n, ...)
        At least one.

    Returns
    -------
    tensor (n, ...)
    """
    parts = list(rows.split(BLOCK))
    last = parts[-1]
    parts[-1] = torch.cat([last, last[:1].expand(BLOCK - len(last), *last.shape[1:])])
    return torch.cat([function(part) for part in parts])[: len(rows)]
