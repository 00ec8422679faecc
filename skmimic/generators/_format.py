"""Generators to files and back: a configuration that names networks of the registry, and their arrays."""

import json
import math

import numpy as np
import torch

from ..exceptions import GeneratorMismatchError, InvalidModelFileError, SkmimicError
from ..utils import Bounds, shielded
from ..utils._tensors import named_tensors
from ._container import MAX_CONFIGURATION, pack, strict_json, unpack
from ._facts import Facts, as_image_shape
from ._parts import Part
from ._priors import prior_from_config
from ._registry import REGISTRY, blueprint

__all__ = ["read_model", "write_model"]

ROLES = {
    "generator": {"layout": "flat"},
    "discriminator": {"layout": "images", "probability": False},
    "encoder": {"layout": "images"},
}
FACTS_KEYS = {"latent_dim", "image_shape", "data_range", "prior", "name", "notes"}
MAX_SIZE = 2**24  # of any number that decides the size of a network
MAX_ITEMS = 1024
MAX_NAME = 200
MAX_NOTE = 20_000


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
                f"({', '.join(sorted(REGISTRY))}), and a model file never brings code. Keep its class in a package of "
                "your own and store the Generator with joblib.dump, or store the state_dict and wrap the module again."
            )
    named = {role: {key: part.description[key] for key in ("architecture", "config")} for role, part in parts.items()}
    configuration = {"facts": facts.as_json(), "parts": named}
    _check_writable(configuration)
    arrays = {f"{role}.{key}": array for role, part in parts.items() for key, array in part.arrays.items()}
    pack(path, configuration, {name: _halved(name, array) if half else array for name, array in arrays.items()})


def _check_writable(configuration):
    """Refuse by the reader's own rules what could not be read back."""
    try:
        _facts_of(strict_json(json.dumps(configuration), MAX_CONFIGURATION)["facts"])
    except InvalidModelFileError as error:
        raise GeneratorMismatchError(f"Generator.save: {error}") from error


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
        raise GeneratorMismatchError(f"Generator.save: {name} exceeds half precision (65504). Save with half=False.")
    return half


def _facts_of(found):
    if not isinstance(found, dict) or set(found) != FACTS_KEYS:
        raise InvalidModelFileError(f"facts must have exactly the keys {sorted(FACTS_KEYS)}.")
    _check_bounded(found["image_shape"], "image_shape")
    _check_bounded(found["name"], "name")
    _check_bounded(found["notes"], "notes", max_number=math.inf, max_text=MAX_NOTE)
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
    if not isinstance(facts.name, str) or not isinstance(facts.notes, dict):
        raise InvalidModelFileError("name must be a text and notes an object.")
    return facts


def _size(value, what):
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_SIZE:
        raise InvalidModelFileError(f"{what} must be an integer from 1 to {MAX_SIZE}, got {value!r}.")
    return value


def _check_bounded(value, what, max_number=MAX_SIZE, max_text=MAX_NAME, depth=0):
    """Refuse numbers and structures so large that what is made of them would exhaust the machine."""
    if isinstance(value, (list, dict)):
        if len(value) > MAX_ITEMS or depth > 3:
            raise InvalidModelFileError(f"{what}: too large or too deep.")
        for item in value.values() if isinstance(value, dict) else value:
            _check_bounded(item, what, max_number, max_text, depth + 1)
    elif isinstance(value, str) and len(value) > max_text:
        raise InvalidModelFileError(f"{what}: a text of {len(value)} characters, more than {max_text}.")
    elif isinstance(value, (int, float)) and abs(value) > max_number:
        raise InvalidModelFileError(f"{what}: the number {value!r}, more than {max_number}.")


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
            f"tensor '{role}.{odd}' is {problem}: {description['architecture']} needs another set."
        )
    widened = {key: _fitting(f"{role}.{key}", arrays[key], tensor) for key, tensor in wanted.items()}
    return Part({**description, "call": dict(ROLES[role])}, widened)


@shielded()
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


@shielded()
def _check_shapes(role, part, facts):
    """Run the network on the meta device, which costs nothing, and compare what it gives with the facts."""
    image, n = torch.empty(2, *facts.image_shape, device="meta"), 2
    inward = torch.empty(n, facts.latent_dim, device="meta") if role == "generator" else image
    wanted = {"generator": image.shape, "discriminator": (n,), "encoder": (n, facts.latent_dim)}[role]
    network = blueprint(part.architecture, part.description["config"]).float()
    try:
        with torch.no_grad():
            shape = tuple(network(inward).shape)
    except Exception as error:  # a network of the registry that cannot take these shapes
        raise InvalidModelFileError(f"the {role} does not accept shape {tuple(inward.shape)}: {error}") from error
    if shape != tuple(wanted):
        raise InvalidModelFileError(f"the {role} gives shape {shape} for {n} rows; the facts say {tuple(wanted)}.")
