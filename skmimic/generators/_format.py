"""Generators to files and back: a configuration that names networks of the registry, and their arrays."""

import json
import math
from contextlib import contextmanager

import numpy as np
import torch

from ..exceptions import GeneratorMismatchError, InvalidModelFileError, SkmimicError
from ..utils import Bounds, shielded
from ..utils._container import MAX_CONFIGURATION, FileKind, open_container, pack, strict_json
from ..utils._tensors import named_tensors
from ._facts import Facts, as_image_shape
from ._parts import Part
from ._priors import prior_from_config
from ._registry import REGISTRY, blueprint

__all__ = ["MODEL", "open_model", "read_model", "write_model"]

MODEL = FileKind("skmimic model", "skmimic-model", "1", max_bytes=4 * 2**30, advice="Fetch it again.")
ROLES = {
    "generator": {"layout": "flat"},
    "discriminator": {"layout": "images", "probability": False},
    "encoder": {"layout": "images"},
}
FACTS_KEYS = {"latent_dim", "image_shape", "data_range", "prior", "name", "notes"}
ADOPTED: tuple = ([], ["range"], ["range", "latents"], ["range", "light"], ["range", "origin"])
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
    arrays = {f"{role}.{key}": array for role, part in parts.items() for key, array in part.arrays.items()}
    arrays = {name: _halved(name, array) if half else array for name, array in arrays.items()}
    try:
        _facts_of(strict_json(json.dumps(configuration), MAX_CONFIGURATION)["facts"])  # by the reader's own rules
        pack(path, MODEL, configuration, arrays)
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
    with open_model(path) as (container, facts, wanted):
        arrays = container.arrays()
        parts = {
            role: _part_of(role, description, wanted[role], arrays)
            for role, description in container.configuration["parts"].items()
        }
    return facts, parts


@contextmanager
def open_model(path):
    """Open a model file and check all but its numbers, of which none has been read.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    container : Container
    facts : Facts
    wanted : dict of dict of tensor
        Of each network by role: its tensors on the meta device.

    Raises
    ------
    InvalidModelFileError
        As `read_model`, from the body too.
    FileNotFoundError
    """
    try:
        with open_container(path, MODEL) as container:
            configuration = container.configuration
            if set(configuration) != {"facts", "parts"}:
                raise InvalidModelFileError(
                    f"configuration must have the keys facts and parts, got {sorted(configuration)}."
                )
            facts = _facts_of(configuration["facts"])
            yield container, facts, _checked_networks(configuration["parts"], facts, container.declared)
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
    if not isinstance(found, dict) or set(found) - {"adopts"} != FACTS_KEYS:
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
            tuple(_adopted(found.get("adopts", []))),
        )
    except ValueError as error:
        raise InvalidModelFileError(str(error)) from error
    if not isinstance(facts.name, str) or not isinstance(facts.notes, dict):
        raise InvalidModelFileError("name must be a text and notes an object.")
    return facts


def _adopted(value):
    if value not in ADOPTED:
        raise InvalidModelFileError(f"adopts must be one of {ADOPTED}, got {value!r}.")
    return value


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


def _checked_networks(found, facts, declared):
    """Check what is named and declared against the registry; return the tensors of each network, without memory."""
    if not isinstance(found, dict) or "generator" not in found or not set(found) <= set(ROLES):
        raise InvalidModelFileError(f"parts must be a generator and at most {', '.join(list(ROLES)[1:])}.")
    odd = next((name for name in declared if name.partition(".")[0] not in found), None)
    if odd is not None:
        raise InvalidModelFileError(f"unexpected tensor {odd!r}.")
    wanted = {role: _wanted_of(role, description, declared) for role, description in found.items()}
    for role, description in found.items():
        _check_shapes(role, description, facts)
    return wanted


def _wanted_of(role, description, declared):
    if not isinstance(description, dict) or set(description) != {"architecture", "config"}:
        raise InvalidModelFileError(f"{role} must have the keys architecture and config.")
    if not isinstance(description["config"], dict):
        raise InvalidModelFileError(f"config of the {role} must be an object.")
    _check_bounded(description["config"], f"config of the {role}")
    wanted = dict(named_tensors(blueprint(description["architecture"], description["config"])))
    own = {name.removeprefix(f"{role}.") for name in declared if name.startswith(f"{role}.")}
    if set(wanted) != own:
        odd = sorted(set(wanted) ^ own)[0]
        problem = "missing" if odd in wanted else "unexpected"
        raise InvalidModelFileError(
            f"tensor '{role}.{odd}' is {problem}: {description['architecture']} needs another set."
        )
    for key, tensor in wanted.items():
        _check_declared(f"{role}.{key}", declared[f"{role}.{key}"], tensor)
    return wanted


def _check_declared(name, declared, wanted):
    """Compare the shape and type of one array with what its network needs."""
    if tuple(wanted.shape) != declared.shape:
        raise InvalidModelFileError(
            f"tensor {name!r} has shape {declared.shape}; its network needs {tuple(wanted.shape)}."
        )
    kind = _numpy_type(wanted)
    if kind.kind != "f" and declared.dtype != kind:
        raise InvalidModelFileError(f"tensor {name!r} has type {declared.dtype}; its network needs {kind}.")
    if kind.kind == "f" and declared.dtype.kind != "f":
        raise InvalidModelFileError(f"tensor {name!r} has type {declared.dtype}, no floating-point numbers.")


@shielded()
def _numpy_type(tensor):
    return torch.empty(0, dtype=tensor.dtype).numpy().dtype


def _part_of(role, description, wanted, arrays):
    widened = {key: _widened(f"{role}.{key}", arrays[f"{role}.{key}"], tensor) for key, tensor in wanted.items()}
    return Part({**description, "call": dict(ROLES[role])}, widened)


def _widened(name, array, wanted):
    """Check the numbers of one array and widen them; the result is read-only."""
    kind = _numpy_type(wanted)
    if kind.kind != "f":
        return _read_only(array)
    if not np.isfinite(array).all():
        raise InvalidModelFileError(f"tensor {name!r} has NaN or infinity.")
    return _read_only(array.astype(min(max(array.dtype, np.dtype(np.float32)), kind)))


def _read_only(array):
    array = np.array(array)
    array.setflags(write=False)
    return array


@shielded()
def _check_shapes(role, description, facts):
    """Run the network on the meta device, which costs nothing, and compare what it gives with the facts."""
    image, n = torch.empty(2, *facts.image_shape, device="meta"), 2
    inward = torch.empty(n, facts.latent_dim, device="meta") if role == "generator" else image
    wanted = {"generator": image.shape, "discriminator": (n,), "encoder": (n, facts.latent_dim)}[role]
    network = blueprint(description["architecture"], description["config"]).float()
    try:
        with torch.no_grad():
            shape = tuple(network(inward).shape)
    except Exception as error:  # a network of the registry that cannot take these shapes
        raise InvalidModelFileError(f"the {role} does not accept shape {tuple(inward.shape)}: {error}") from error
    if shape != tuple(wanted):
        raise InvalidModelFileError(f"the {role} gives shape {shape} for {n} rows; the facts say {tuple(wanted)}.")
