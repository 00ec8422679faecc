"""Gradients that pass a module as if it were the identity."""

from torch import nn

__all__ = ["StraightThrough"]


class StraightThrough(nn.Module):
    """Give what a module gives, with the gradient of the identity.

    This is the backward pass differentiable approximation (BPDA) of a defence ``clean(x) ~ x``.

    Parameters
    ----------
    module : callable
        Images (n, c, h, w) to images of the same shape.

    References
    ----------
    Athalye, Carlini and Wagner, "Obfuscated gradients give a false sense of security", ICML 2018.
    """

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, images):
        """Map images to the module's answer."""
        return images + (self.module(images) - images).detach()
