"""Matrix products whose rows do not depend on where they stand, nor on how many there are.

BLAS libraries take other kernels for rows that do not start at multiples of 16 bytes, for few rows, and for long ones;
these add up in another order, so the same row may differ in its last bits. Here four numbers a step keep every row
aligned, few rows are padded, and long ones are taken in slices.
"""

import inspect

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["align_layers", "aligned_linear", "squared_distances"]

STEP = 4
FEWEST_ROWS = 16  # with fewer MKL sums rows of 100 values and more in another order
SLICE, SLICE_DOUBLE = 512, 128  # values; of 784 float32 or 224 float64 the order depends on threads (MKL 2024.2)


class _Product(torch.autograd.Function):
    """``x @ weight.T`` of aligned matrices; gradients are computed alike, to any order."""

    generate_vmap_rule = True  # so that torch.func can differentiate generators, too

    @staticmethod
    def forward(x, weight):
        """Multiply (n, n_in) by the transpose of (n_out, n_in)."""
        return _sliced_product(x, weight)

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep what the gradients need."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        """Multiply the gradient by the weight, and by the rows where the weight wants one."""
        x, weight = ctx.saved_tensors
        of_x = _Product.apply(gradient, weight.T) if ctx.needs_input_grad[0] else None
        return of_x, gradient.T @ x if ctx.needs_input_grad[1] else None


# torch asks for it at every call, a tenth of it
_Product.forward.__signature__ = inspect.signature(_Product.forward)  # type: ignore[attr-defined]


def _sliced_product(x, weight):
    n_rows, n_in = x.shape
    if n_rows < FEWEST_ROWS:
        x = torch.cat([x, x.new_zeros(FEWEST_ROWS - n_rows, n_in)])
    size = SLICE_DOUBLE if x.dtype == torch.float64 else SLICE
    total = x[:, :size] @ weight[:, :size].T
    for start in range(size, n_in, size):
        total = torch.addmm(total, x[:, start : start + size], weight[:, start : start + size].T)
    return total[:n_rows]


def aligned_linear(x, weight, bias=None):
    """Compute ``x @ weight.T + bias`` so that a row's bits do not depend on the other rows, nor on threads.

    On an accelerator, and under autocast, it is the usual product.

    Parameters
    ----------
    x : tensor (..., n_in)
    weight : tensor (n_out, n_in)
    bias : tensor (n_out,) or None, default=None

    Returns
    -------
    tensor (..., n_out)
    """
    if x.device.type != "cpu" or torch.is_autocast_enabled("cpu") or not x.numel():
        return F.linear(x, weight, bias)
    n_out, n_in = weight.shape
    more_in, more_out = -n_in % STEP, -n_out % STEP
    if more_in or more_out:
        x, weight = F.pad(x, (0, more_in)), F.pad(weight, (0, more_in, 0, more_out))
    product = _Product.apply(x.reshape(-1, n_in + more_in), weight)[:, :n_out].unflatten(0, x.shape[:-1] or (1,))
    product = product if x.ndim > 1 else product[0]
    return product if bias is None else product + bias


def squared_distances(rows, others):
    """Compute squared Euclidean distances, a row's bits whatever rows stand beside it.

    Parameters
    ----------
    rows : tensor (n, p)
    others : tensor (k, p)

    Returns
    -------
    tensor (n, k)
        Not below zero.
    """
    of_rows, of_others = (torch.linalg.vector_norm(part, dim=1).square() for part in (rows, others))  # without a copy
    return aligned_linear(rows, others).mul_(-2).add_(of_rows[:, None]).add_(of_others).clamp_min_(0.0)


class AlignedLinear(nn.Linear):
    """A linear layer whose rows do not depend on one another in any bit."""

    def forward(self, x):
        return aligned_linear(x, self.weight, self.bias)


def align_layers(module):
    """Make the linear layers of a module compute aligned, in place.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    torch.nn.Module
        `module` itself.
    """
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = AlignedLinear
    return module
