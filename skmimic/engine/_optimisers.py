"""Element-wise optimisers. torch.optim would do, but for latents no value of one row may reach another."""

from abc import ABC, abstractmethod

import torch

__all__ = ["OPTIMISERS", "Adam", "Optimiser", "RMSProp", "RMSPropTF"]

TF_DECAY, TF_SHARE, TF_EPSILON = 0.9, 0.1, 1e-10  # of TensorFlow 1's RMSProp, its own defaults


class Optimiser(ABC):
    """Update a list of tensors in place from a list of gradients; the state persists over calls.

    Parameters
    ----------
    values : list of tensors
        What moves.
    """

    def __init__(self, values):
        self.values = values

    @torch.no_grad()
    def step(self, gradients, rates):
        """Move every tensor one step.

        Parameters
        ----------
        gradients : sequence of tensors, shaped like the values
        rates : sequence of float
            Learning rate of each tensor.
        """
        for index, (value, gradient, rate) in enumerate(zip(self.values, gradients, rates, strict=True)):
            value.sub_(self.direction(index, gradient), alpha=rate)

    @abstractmethod
    def direction(self, index, gradient):
        """Return the step of unit learning rate for tensor number `index`."""


class Adam(Optimiser):
    """Adam (Kingma and Ba 2015) with decays 0.9 and 0.999."""

    def __init__(self, values):
        super().__init__(values)
        self.first = [torch.zeros_like(value) for value in values]
        self.second = [torch.zeros_like(value) for value in values]
        self.steps = [0] * len(values)

    def direction(self, index, gradient):
        """Return the bias-corrected first moment over the root of the second."""
        self.steps[index] += 1
        first = self.first[index].lerp_(gradient, 0.1)
        second = self.second[index].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        count = self.steps[index]
        scale = second.div(1 - 0.999**count).sqrt_().add_(1e-8)
        return first.div(1 - 0.9**count).div_(scale)


class RMSProp(Optimiser):
    """RMSProp as in torch: decay 0.99, accumulator from zero, epsilon 1e-8 outside the root."""

    def __init__(self, values):
        super().__init__(values)
        self.second = [torch.zeros_like(value) for value in values]

    def direction(self, index, gradient):
        """Return the gradient over the root of its running mean square."""
        second = self.second[index].mul_(0.99).addcmul_(gradient, gradient, value=0.01)
        return gradient / (second.sqrt() + 1e-8)


class RMSPropTF(Optimiser):
    """RMSProp as in TensorFlow 1: decay 0.9, accumulator from one, epsilon 1e-10 inside the root."""

    def __init__(self, values):
        super().__init__(values)
        self.second = [torch.ones_like(value) for value in values]

    def direction(self, index, gradient):
        """Return the gradient over the root of its running mean square."""
        second = self.second[index].mul_(TF_DECAY).addcmul_(gradient, gradient, value=TF_SHARE)
        return gradient / (second + TF_EPSILON).sqrt()


OPTIMISERS = {"adam": Adam, "rmsprop": RMSProp, "rmsprop_tf": RMSPropTF, "lbfgs": Adam}  # L-BFGS has a walk of its own
