"""Sums whose bits do not depend on how many rows there are, nor on threads."""

import torch.nn.functional as F

__all__ = ["summed"]


def summed(images):
    """Sum all values of each row by halves, in an order that only the number of values sets.

    Parameters
    ----------
    images : tensor (n, ...)

    Returns
    -------
    tensor (n,)
    """
    values = images.movedim(0, -1).reshape(-1, len(images))
    values = F.pad(values, (0, 0, 0, (1 << (len(values) - 1).bit_length()) - len(values)))
    while len(values) > 1:
        half = len(values) // 2
        values = values[:half] + values[half:]
    return values[0]
