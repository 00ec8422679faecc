"""A defence whose backward pass is that of the identity."""

import torch
from torch import nn

from ..exceptions import AttackError

__all__ = ["straight_through"]


def straight_through(clean):
    """Make the backward pass of a defence that of the identity.

    What it returns is that of the defence, to the bit, and needs no gradient of it. This is the approximation of the
    backward pass (BPDA) for defences whose answer is near their input and whose own gradient is missing or useless.

    Parameters
    ----------
    clean : callable
        From images (n, c, h, w) to images of the same shape.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    AttackError
        When called, if the defence changes the shape of the images.

    References
    ----------
    A. Athalye, N. Carlini, D. Wagner, "Obfuscated gradients give a false sense of security", ICML 2018, section 4.1.

    Examples
    --------
    >>> import torch
    >>> from skmimic.attacks import straight_through
    >>> images = torch.tensor([[[[0.2, 0.7]]]], requires_grad=True)
    >>> straight_through(torch.round)(images).sum().backward()
    >>> images.grad
    tensor([[[[1., 1.]]]])
    """
    return _StraightThrough(clean)


class _StraightThrough(nn.Module):
    def __init__(self, clean):
        super().__init__()
        self.clean = clean

    def forward(self, images):
        return _Identity.apply(images, self.clean)


class _Identity(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images, clean):
        ctx.dtype = images.dtype
        cleaned = clean(images.detach().clone())  # a copy: what works in place spoils nothing
        if not isinstance(cleaned, torch.Tensor) or cleaned.shape != images.shape:
            came = tuple(cleaned.shape) if isinstance(cleaned, torch.Tensor) else type(cleaned).__name__
            raise AttackError(
                f"straight_through: clean must give images of the shape {tuple(images.shape)} that it gets, got {came}."
            )
        return cleaned.detach()

    @staticmethod
    def backward(ctx, gradient):
        return gradient.to(ctx.dtype), None
