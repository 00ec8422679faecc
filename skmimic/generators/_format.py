"""Generators to files and back: a configuration that names networks of the registry, and their arrays."""

import numpy as np
import torch

from ..exceptions import GeneratorMismatchError, InvalidModelFileError, SkmimicError
from ..utils import Bounds
from ._container import pack, unpack
from ._facts import Facts, as_image_shape
from ._parts import Part
from ._priors import prior_from_config
from ._registry import REGISTRY, blueprint
from ._tensors import named_tensors

__all__ = ["read_model", "write_model"]

ROLES = {
    "generator": {"layout": "flat"},
    "discriminator": {"layout": "images", "probability": False},
    "encoder": {"layout": "images"},
}
FACTS_KEYS = {"latent_dim", "image_shape", "data_range", "prior", "name", "notes"}
MAX_SIZE = 65536  # of any number of a configuration: units, channels, pixels, latents
MAX_VALUES = 2**28  # of one image batch of two, or of one tensor
MAX_ITEMS = 64
MAX_NAME = 200


def write_model(path, facts, parts, *, half=False):
    """Write a generator as one file.

    Parameters
    ----------
    path : str or path-like
    facts : Facts
    parts : dict of Part
    half : bool, default=False
        Store floating-point arrays as float16.

    Raises
    ------
    GeneratorMismatchError
        If a part is not of the registry, or a weight is too large for half precision.
    """
    for role, part in parts.items():
        if part.architecture is None:
            raise GeneratorMismatchError(
                f"Generator.save: the {role} is a {part.description['module']}, not a network of skmimic's registry "
                f"({', '.join(sorted(REGISTRY))}), and a model file never brings code. Keep the class in your own package and "
                "store this Generator with joblib.dump, or store the module's state_dict and call Generator(module) again."
            )
    arrays = {f"{role}.{key}": array for role, part in parts.items() for key, array in part.arrays.items()}
    if half:
        arrays = {name: _halved(name, array) for name, array in arrays.items()}
    named = {
        role: {"architecture": part.architecture, "config": part.description["config"]} for role, part in parts.items()
    }
    pack(path, {"facts": facts.as_json(), "parts": named}, arrays)


def read_model(path):
    """Read a generator from a file; nothing in it is imported or executed.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    facts : Facts
    parts : dict of Part

    Raises
    ------
    InvalidModelFileError
        With the path and the reason.
    FileNotFoundError
    """
    try:
        configuration, arrays, _ = unpack(path)
        if set(configuration) != {"facts", "parts"}:
            raise InvalidModelFileError(
                f"configuration must have the keys facts and parts, got {sorted(configuration)}."
            )
        facts = _facts_of(configuration["facts"])
        return facts, _parts_of(configuration["parts"], facts, arrays)
    except SkmimicError as error:
        raise InvalidModelFileError(f"{path}: not a usable skmimic model. {error}") from error


def _halved(name, array):
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise GeneratorMismatchError(
            f"Generator.save: {name} has values beyond half precision (65504). Save with half=False."
        )
    return half


def _facts_of(found):
    if not isinstance(found, dict) or set(found) != FACTS_KEYS:
        raise InvalidModelFileError(f"facts must have exactly the keys {sorted(FACTS_KEYS)}.")
    _check_bounded(found["image_shape"], "image_shape")
    try:
        facts = Facts(
            _size(found["latent_dim"], "latent_dim"),
            as_image_shape(found["image_shape"]),
            Bounds.of(found["data_range"]),
            prior_from_config(found["prior"]),
            found["name"],
            found["notes"],
        )
    except ValueError as error:
        raise InvalidModelFileError(str(error)) from error
    if not isinstance(facts.name, str) or len(facts.name) > MAX_NAME or not isinstance(facts.notes, dict):
        raise InvalidModelFileError(f"name must be a text of at most {MAX_NAME} characters and notes an object.")
    return facts


def _size(value, what):
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_SIZE:
        raise InvalidModelFileError(f"{what} must be an integer from 1 to {MAX_SIZE}, got {value!r}.")
    return value


def _check_bounded(value, what, depth=0):
    """Refuse numbers and structures so large that building a network from them would exhaust the machine."""
    if isinstance(value, (list, dict)):
        if len(value) > MAX_ITEMS or depth > 3:
            raise InvalidModelFileError(f"{what} is too large or too deep.")
        for item in value.values() if isinstance(value, dict) else value:
            _check_bounded(item, what, depth + 1)
    elif isinstance(value, str) and len(value) > MAX_NAME:
        raise InvalidModelFileError(f"{what} has a text of {len(value)} characters.")
    elif isinstance(value, (int, float)) and not abs(value) <= MAX_SIZE:
        raise InvalidModelFileError(f"{what} has the number {value!r}; at most {MAX_SIZE} is accepted.")


def _parts_of(found, facts, arrays):
    if not isinstance(found, dict) or "generator" not in found or not set(found) <= set(ROLES):
        raise InvalidModelFileError(f"parts must be a generator and at most {', '.join(list(ROLES)[1:])}.")
    own = {role: {} for role in found}
    for name, array in arrays.items():
        role, _, key = name.partition(".")
        if role not in own:
            raise InvalidModelFileError(f"unexpected tensor {name!r}.")
        own[role][key] = array
    parts = {role: _part_of(role, description, own[role]) for role, description in found.items()}
    for role, part in parts.items():
        _check_shapes(role, part, facts)
    return parts


def _part_of(role, description, arrays):
    if not isinstance(description, dict) or set(description) != {"architecture", "config"}:
        raise InvalidModelFileError(f"{role} must have the keys architecture and config.")
    if not isinstance(description["config"], dict):
        raise InvalidModelFileError(f"config of the {role} must be an object.")
    _check_bounded(description["config"], f"config of the {role}")
    wanted = dict(named_tensors(blueprint(description["architecture"], description["config"])))
    if set(wanted) != set(arrays):
        odd = sorted(set(wanted) ^ set(arrays))[0]
        problem = "missing" if odd in wanted else "unexpected"
        raise InvalidModelFileError(
            f"tensor {role + '.' + odd!r} is {problem} for architecture {description['architecture']!r}."
        )
    widened = {key: _fitting(f"{role}.{key}", arrays[key], tensor) for key, tensor in wanted.items()}
    return Part({**description, "call": dict(ROLES[role])}, widened)


def _fitting(name, array, wanted):
    """Check one array against the network and widen it; the result is read-only."""
    if tuple(wanted.shape) != array.shape:
        raise InvalidModelFileError(
            f"tensor {name!r} has shape {array.shape}; its network needs {tuple(wanted.shape)}."
        )
    kind = torch.empty(0, dtype=wanted.dtype).numpy().dtype
    if kind.kind != "f":
        if array.dtype != kind:
            raise InvalidModelFileError(f"tensor {name!r} has type {array.dtype}; its network needs {kind}.")
        return _read_only(array)
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise InvalidModelFileError(f"tensor {name!r} has NaN, infinity or no floating-point numbers.")
    return _read_only(array.astype(min(max(array.dtype, np.dtype(np.float32)), kind)))


def _read_only(array):
    array = np.array(array)
    array.setflags(write=False)
    return array


def _check_shapes(role, part, facts):
    """Run the network on the meta device, which costs nothing, and compare what it gives with the facts."""
    image, n = torch.empty(2, *facts.image_shape, device="meta"), 2
    inward = torch.empty(n, facts.latent_dim, device="meta") if role == "generator" else image
    wanted = {"generator": image.shape, "discriminator": (n,), "encoder": (n, facts.latent_dim)}[role]
    network = blueprint(part.architecture, part.description["config"]).float()
    try:
        with torch.inference_mode(False), torch.no_grad():
            shape = tuple(network(inward).shape)
    except Exception as error:  # a network of the registry that cannot take these shapes
        raise InvalidModelFileError(
            f"the {role} does not accept tensors of shape {tuple(inward.shape)}: {error}"
        ) from error
    if shape != tuple(wanted):
        raise InvalidModelFileError(f"the {role} gives shape {shape} for {n} rows; the facts say {tuple(wanted)}.")
