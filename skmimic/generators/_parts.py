"""The networks of a generator as numpy arrays and descriptions."""

import io
import pickle
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..utils import shielded
from ..utils._tensors import freeze, thaw
from ._registry import blueprint, is_registered

__all__ = ["Part", "take_apart"]

PROGRAM = "torchscript"


@dataclass(frozen=True)
class Part:
    """One network, frozen.

    Parameters
    ----------
    description : dict
        JSON: ``architecture`` and ``config`` of the registry, or the name of the ``module`` class; ``call`` holds how
        it is called.
    arrays : dict of ndarray
        Its tensors, read-only.
    skeleton : torch.nn.Module or None
        The network without numbers; None for networks of the registry and for TorchScript.
    """

    description: dict
    arrays: dict
    skeleton: Any = None

    def __getstate__(self):
        """Say what is wrong with programs of torch.export, which torch itself cannot pickle."""
        if isinstance(self.skeleton, torch.fx.GraphModule):
            try:
                pickle.dumps(self.skeleton)
            except Exception as error:  # of many kinds, none of which names the program
                raise pickle.PicklingError(
                    f"{self.description['module']}: a program made by torch.export or torch.fx cannot be pickled, so "
                    "neither stored nor sent to workers. Pass the torch.nn.Module that it was made from."
                ) from error
        return vars(self)

    @property
    def architecture(self):
        """Name in the registry, or None."""
        return self.description.get("architecture")

    def load(self, device):
        """Return the network on a device: eval mode, float32, without parameter gradients."""
        if PROGRAM in self.arrays:
            return _load_program(self.arrays[PROGRAM], device)
        plan = self.skeleton if self.architecture is None else blueprint(self.architecture, self.description["config"])
        return thaw(plan, self.arrays, device)

    def calling(self, **how):
        """Return the same network with the way it is called."""
        return Part({**self.description, "call": how}, self.arrays, self.skeleton)


def take_apart(module):
    """Freeze a module; the module itself is left as it is.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    Part

    Raises
    ------
    TypeError
        If it is no module, or one that cannot be copied.
    """
    if isinstance(module, torch.export.ExportedProgram):
        raise TypeError(
            "expected a torch.nn.Module, got an ExportedProgram. Pass the module that it was exported from; "
            "program.module() computes as well, but cannot be pickled, so not be sent to workers."
        )
    if not isinstance(module, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got {type(module).__name__}. as_generator(...) accepts more.")
    module = _unwrapped(module)
    name = getattr(module, "original_name", type(module).__qualname__)
    if isinstance(module, torch.jit.ScriptModule):
        return Part({"module": name}, {PROGRAM: _save_program(module)})
    with shielded():
        arrays, skeleton = freeze(module)
    if is_registered(module):
        return Part({"architecture": module.architecture, "config": dict(module.config)}, arrays)
    return Part({"module": name}, arrays, skeleton)


def _unwrapped(module):
    """What torch.compile and DataParallel wrap."""
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return _unwrapped(module.module)
    return _unwrapped(module._orig_mod) if hasattr(module, "_orig_mod") else module


def _save_program(module):
    stream = io.BytesIO()
    with _no_deprecation():
        torch.jit.save(module, stream)
    program = np.frombuffer(stream.getvalue(), dtype=np.uint8)
    program.setflags(write=False)
    return program


def _load_program(program, device):
    with shielded(), _no_deprecation():
        module = torch.jit.load(io.BytesIO(program.tobytes()), map_location=device)
    module = module.eval().float()
    for parameter in module.parameters():  # TorchScript has no requires_grad_ for modules
        parameter.requires_grad = False
    return module


@contextmanager
def _no_deprecation():
    """Whoever brings TorchScript has already been told by torch that it is on its way out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
