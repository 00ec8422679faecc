"""Modules taken apart into numpy arrays and a skeleton without numbers, and put together again."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from ._shield import shielded

__all__ = ["freeze", "named_tensors", "own_tensors", "thaw", "to_array"]


def own_tensors(part):
    """List the tensors of a module itself, not of its children: parameters, buffers and plain attributes.

    Parameters
    ----------
    part : torch.nn.Module

    Returns
    -------
    list of torch.Tensor
    """
    return [value for value in _own_values(part).values() if isinstance(value, torch.Tensor)]


def _own_values(part):
    return {**part._parameters, **part._buffers, **vars(part)}


def named_tensors(module):
    """List the tensors of a module, each once: parameters, buffers and tensors that are plain attributes.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    list of (str, torch.Tensor)
        Shared tensors appear under their first name.
    """
    found = {}
    for prefix, part in module.named_modules():
        for name, value in _own_values(part).items():
            if isinstance(value, torch.Tensor) and id(value) not in found:
                found[id(value)] = (f"{prefix}.{name}" if prefix else name, value)
    return list(found.values())


def freeze(module):
    """Take a module apart; the module itself is left as it is.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    arrays : dict of ndarray
        Read-only. bfloat16 becomes float32, which numpy knows; other types are kept.
    skeleton : torch.nn.Module
        The module in eval mode with its tensors on the meta device, without parameter gradients.

    Raises
    ------
    TypeError
        If the module cannot be copied or holds tensors that have no dense values.
    """
    own = _copy_with(module, {id(tensor): _alias(name, tensor) for name, tensor in named_tensors(module)})
    _bake(own.eval())
    tensors = named_tensors(own)
    arrays = {name: to_array(tensor) for name, tensor in tensors}
    return arrays, _copy_with(own, {id(tensor): _like(tensor, "meta") for _, tensor in tensors})


def thaw(skeleton, arrays, device):
    """Put a module together on a device, in float32.

    Parameters
    ----------
    skeleton : torch.nn.Module
        Left as it is.
    arrays : dict of ndarray
        Copied: torch's own memory is aligned in the same way in every process, so the bits of results agree too.
    device : torch.device

    Returns
    -------
    torch.nn.Module
        In eval mode, without parameter gradients.
    """
    with shielded():
        memo = {id(tensor): _wrap(_on(arrays[name], device), tensor) for name, tensor in named_tensors(skeleton)}
        return _copy_with(skeleton, memo)


def to_array(tensor):
    """Copy a tensor to a read-only array of its own type, bfloat16 and narrower to float32."""
    tensor = tensor.detach().to("cpu")
    if tensor.dtype is torch.bfloat16 or (tensor.is_floating_point() and tensor.element_size() < 2):
        tensor = tensor.float()
    array = np.array(tensor.resolve_conj().resolve_neg().numpy(), order="C")
    array.setflags(write=False)
    return array


def _on(array, device):
    tensor = torch.from_numpy(np.array(array, order="C")).to(device)
    return tensor.float() if tensor.is_floating_point() else tensor


def _copy_with(module, replacements):
    """Deep copy in which tensors are replaced, wherever and however often they are referred to."""
    try:
        return copy.deepcopy(module, replacements)
    except Exception as error:
        raise TypeError(
            f"{type(module).__name__} cannot be copied ({error}), but skmimic keeps a copy of its own. Remove hooks or "
            "attributes that hold files, locks or tensors with gradients."
        ) from error


def _alias(name, tensor):
    """The same memory without a gradient graph."""
    if isinstance(tensor, nn.parameter.UninitializedTensorMixin):
        raise TypeError(f"parameter {name!r} is not initialised yet. Run the module once before wrapping it.")
    if tensor.is_meta or tensor.layout is not torch.strided or tensor.is_quantized:
        raise TypeError(f"tensor {name!r} is {tensor.layout} on {tensor.device}; dense tensors with values are needed.")
    return _wrap(tensor.detach(), tensor)


def _like(tensor, device):
    return _wrap(torch.empty_like(tensor, device=device), tensor)


def _wrap(values, model):
    return nn.Parameter(values, requires_grad=False) if isinstance(model, nn.Parameter) else values


def _bake(module):
    """Turn parametrized weights (spectral or weight norm, orthogonal) into plain ones: frozen, they never change.

    Not by torch's `remove_parametrizations`: it takes the weight off the class, which a copy shares with the original.
    """
    for part in [part for part in module.modules() if parametrize.is_parametrized(part)]:
        values = {name: getattr(part, name).detach() for name in part.parametrizations}
        plain_class = parametrize.type_before_parametrizations(part)
        del part._modules["parametrizations"]
        part._load_state_dict_pre_hooks.clear()
        part.__class__ = plain_class
        for name, value in values.items():
            part.register_parameter(name, nn.Parameter(value, requires_grad=False))
