"""The one fixed list of networks that a description may name; nothing outside it is ever built from a file."""

import torch

from ..exceptions import InvalidModelFileError
from ..utils import first_line, shielded
from ..utils._tensors import named_tensors
from . import architectures
from ._linear import LinearDecoder

__all__ = ["REGISTRY", "blueprint", "is_registered"]

REGISTRY = {LinearDecoder.architecture: LinearDecoder, **architectures.ARCHITECTURES}


def blueprint(name, config):
    """Build a network of the registry without memory: its tensors are on the meta device.

    Parameters
    ----------
    name : str
    config : dict
        Arguments of the class.

    Returns
    -------
    torch.nn.Module
        In eval mode.

    Raises
    ------
    InvalidModelFileError
        If the name is unknown or the configuration does not fit it.
    """
    if not isinstance(name, str) or name not in REGISTRY:
        raise InvalidModelFileError(f"unknown architecture {name!r}; known are {', '.join(sorted(REGISTRY))}.")
    try:
        with shielded(), torch.device("meta"):
            return REGISTRY[name](**config).eval().requires_grad_(False)
    except (TypeError, ValueError, RuntimeError, OverflowError, LookupError) as error:
        raise InvalidModelFileError(f"architecture {name!r} does not accept {config!r}: {first_line(error)}") from error


def is_registered(module):
    """Whether a module is exactly what its `architecture` and `config` describe, and can be rebuilt from them."""
    name, config = getattr(module, "architecture", None), getattr(module, "config", None)
    if not isinstance(name, str) or type(module) is not REGISTRY.get(name) or not isinstance(config, dict):
        return False
    try:
        plan = blueprint(name, config)
    except InvalidModelFileError:
        return False
    return repr(plan) == repr(module) and _shapes(plan) == _shapes(module)


def _shapes(module):
    return {name: (tuple(tensor.shape), tensor.is_floating_point()) for name, tensor in named_tensors(module)}
