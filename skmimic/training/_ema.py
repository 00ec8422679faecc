"""Running averages of weights."""

import copy

import torch

__all__ = ["WeightAverage"]


class WeightAverage:
    """Exponential moving average of a module's parameters; buffers are copied.

    The decay grows from 0.1 to its full value as in ``min(decay, (1 + step) / (10 + step))``, so that a short training
    is not averaged with its first weights.

    Parameters
    ----------
    module : torch.nn.Module
    decay : float
        In [0, 1); 0 follows the module exactly.

    Attributes
    ----------
    module : torch.nn.Module
        The averaged copy.
    """

    def __init__(self, module, decay):
        self.decay = float(decay)
        self.module = copy.deepcopy(module).requires_grad_(False)

    @torch.no_grad()
    def update(self, module, step):
        """Move the average towards a module, `step` counting from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averaged = list(self.module.parameters())
        torch._foreach_lerp_(averaged, [p.detach() for p in module.parameters()], 1 - decay)
        for mine, theirs in zip(self.module.buffers(), module.buffers(), strict=True):
            mine.copy_(theirs)
