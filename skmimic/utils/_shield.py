"""The caller's settings of torch kept out: default type, default device, autocast and inference mode."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

__all__ = ["shielded"]

CPU = torch.device("cpu")
AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Compute as a process with torch's own settings does, whatever the caller has set.

    New tensors are float32 on the CPU unless something else is asked for, nothing is cast automatically, and inference
    mode is off; whether gradients are recorded is left to an inner `torch.no_grad` or `torch.enable_grad`. Only this
    thread notices: nothing that belongs to the process is set and put back, so other threads may compute meanwhile.
    Where the caller has set nothing, this costs nothing. Also a decorator.

    The caller's default type stays visible to code that torch shows to no mode: TorchScript, which makes its tensors
    in C++, the constructor ``torch.Tensor(...)``, and `torch.get_default_dtype`, which tells it.
    Setting the default and putting it back would help, and disturb other threads.
    """
    with contextlib.ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        for kind in AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device() != CPU:
            stack.enter_context(CPU)
        if torch.get_default_dtype() != torch.float32:
            stack.enter_context(_Float32())
        yield


class _Float32(TorchFunctionMode):
    """What torch would give another default type becomes float32; a mode belongs to one thread, the default to all."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if kwargs.get("dtype") is not None or kwargs.get("out") is not None:
            return func(*args, **kwargs)
        if _takes_the_default(func, (args, kwargs)):
            return func(*args, **{**kwargs, "dtype": torch.float32})
        result = func(*args, **kwargs)
        is_default = isinstance(result, torch.Tensor) and result.dtype == torch.get_default_dtype()
        if is_default and func not in _CASTS and _are_of_integers((*args, *kwargs.values())):
            return func(*map(_widened, args), **{name: _widened(value) for name, value in kwargs.items()})
        return result


def _widened(value):
    return value.float() if isinstance(value, torch.Tensor) else value


# Always of the default type; of it where given floats, Python's or numpy's; of it where given Python's own floats.
_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.eye, torch.rand, torch.randn, torch.linspace, torch.logspace}
_FACTORIES |= {torch.empty_strided, torch.empty_permuted, torch.bartlett_window, torch.blackman_window}
_FACTORIES |= {torch.hamming_window, torch.hann_window, torch.kaiser_window, torch.fft.fftfreq, torch.fft.rfftfreq}
_FACTORIES_OF_NUMBERS = {torch.full, torch.arange, torch.range, torch.normal, torch.scalar_tensor}
_FACTORIES_OF_DATA = {torch.tensor, torch.as_tensor, torch.asarray}
_CASTS = {torch.Tensor.to, torch.Tensor.double, torch.Tensor.type, torch.Tensor.view, torch.Tensor.type_as}


def _takes_the_default(func, arguments):
    if func in _FACTORIES:
        return True
    if func not in _FACTORIES_OF_NUMBERS | _FACTORIES_OF_DATA:
        return False
    leaves = list(_leaves(arguments))
    typed = (torch.Tensor, np.ndarray, np.generic) if func in _FACTORIES_OF_DATA else (torch.Tensor, np.ndarray)
    return any(isinstance(leaf, float) for leaf in leaves) and not any(isinstance(leaf, typed) for leaf in leaves)


def _are_of_integers(values):
    """Whether there are tensors among arguments and none is of floating point: torch then takes the default type."""
    tensors = [value for value in _leaves(values) if isinstance(value, torch.Tensor)]
    return bool(tensors) and not any(tensor.is_floating_point() or tensor.is_complex() for tensor in tensors)


def _leaves(value):
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        yield value
        return
    for part in value:
        yield from _leaves(part)
