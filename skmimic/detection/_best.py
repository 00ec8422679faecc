"""The largest values of each row, seen part by part."""

import torch

__all__ = ["Best"]


class Best:
    """The largest values so far of each row, and where they stood.

    Parameters
    ----------
    count : int
        How many are kept of each row.

    Attributes
    ----------
    values, indices : tensor (n, count) or None
        The largest first; None before the first part.
    """

    def __init__(self, count):
        self.count, self.values, self.indices = count, None, None

    def add(self, values, start):
        """Look at values (n, k) of the columns from `start` on."""
        values, indices = values.topk(min(self.count, values.shape[1]), dim=1)
        indices = indices + start
        if self.values is not None:
            values, indices = torch.cat([self.values, values], 1), torch.cat([self.indices, indices], 1)
            values, order = values.topk(min(self.count, values.shape[1]), dim=1)
            indices = indices.gather(1, order)
        self.values, self.indices = values, indices
