"""Sigmoids and their like, so that the bits of a value do not depend on where in memory it stands."""

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["in_whole_vectors"]

VECTORS = 32  # values; torch takes two vectors at a time, of 16 float32 each with AVX-512 and fewer elsewhere
PIECE = 2**14  # values; from 32,768 on torch gives each thread a part, which has an end of its own
# Those whose vectors and ends differ (torch 2.13); tanh, exp, log, erf, relu, logsigmoid and others were seen not to.
UNEVEN = {torch.sigmoid, torch.special.expit, torch.Tensor.sigmoid, F.silu, F.mish, F.softplus, F.gelu}
UNEVEN |= {F.elu, F.selu, F.celu, torch.selu, torch.celu, torch.pow, torch.Tensor.pow, torch.Tensor.__pow__}
UNEVEN |= {torch.Tensor.__rpow__}


def in_whole_vectors(function):
    """Let a function compute sigmoids, softplus, powers and activations made of them in whole vectors.

    torch computes them by vectors, and by another formula what is left at the end of a tensor, or of a thread's part of
    it. So the last bits of a row would depend on how many rows there are, and on its place among them. In whole vectors
    a tensor that has such an end is padded, and a long one is computed in pieces; gradients are computed alike.

    Not seen are TorchScript, in-place methods as ``x.sigmoid_()``, and functions of two tensors, as `torch.atan2`.

    Parameters
    ----------
    function : callable
        Of tensors; differentiable.

    Returns
    -------
    callable
        Computes the same.
    """

    def computed(*args, **kwargs):
        with _WholeVectors():
            return function(*args, **kwargs)

    return computed


class _WholeVectors(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function not in UNEVEN:
            return function(*args, **kwargs)
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
        if len(tensors) != 1 or tensors[0].device.type != "cpu":
            return function(*args, **kwargs)
        in_place, x = kwargs.pop("inplace", False), tensors[0]

        def of_part(part):
            own = {name: part if value is x else value for name, value in kwargs.items()}
            return function(*(part if value is x else value for value in args), **own)

        found = _by_pieces(of_part, x)
        return x.copy_(found) if in_place else found


def _by_pieces(function, x):
    if x.is_contiguous() and x.numel() <= PIECE and x.numel() % VECTORS == 0:
        return function(x)
    flat = F.pad(x.flatten(), (0, -x.numel() % VECTORS))
    return torch.cat([function(part) for part in flat.split(PIECE)])[: x.numel()].view(x.shape)
