"""Phase A in files: a .npz of plain arrays and a JSON description, nothing that could run."""

import contextlib
import io
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..engine import SOLVERS, Encoder, FittedEncoder
from ..exceptions import GeneratorMismatchError, InvalidModelFileError, SkmimicWarning
from ..surrogates import (
    Affine,
    Blur,
    Composition,
    Convolution,
    FittedSurrogate,
    Identity,
    Mask,
    MissingPixels,
    Photometric,
    RowAffine,
)
from ..utils import UNREADABLE, Bounds, atomic_write, open_archive, shielded, warn_user
from ..utils._container import MAX_CONFIGURATION, strict_json

__all__ = ["SavedAdaptation", "read_adaptation", "read_saved_range", "write_adaptation"]

FORMAT, VERSION, READ_VERSIONS = "skmimic-surrogate", 3, (1, 2, 3)
KEYS = {"format", "version", "family", "parts", "image_shape", "solver", "seed", "deviation_sd", "encoder", "generator"}
KEYS_SINCE_3 = KEYS | {"data_range"}
OPTIONAL, MOST_ERRORS = "standard_errors", 64
PARTS = {
    kind.__name__: kind for kind in (Affine, Blur, Convolution, Identity, Mask, MissingPixels, Photometric, RowAffine)
}
SHEARED = {Affine.__name__, RowAffine.__name__}  # parts that version 1 held in other units where images are oblong
OTHER_GENERATOR = "The saved corruption was learned with another generator, so its encoder is not used."
MAX_PARTS, MAX_WIDTH, MAX_LAYERS, MAX_SIGMA, MAX_READER_WIDTH = 8, 256, 32, 64, 64
MAX_VALUES = 2**24  # numbers of a surrogate, 64 MiB: those of skmimic have some hundreds, and one a pixel in a mask


@dataclass(frozen=True)
class SavedAdaptation:
    """What phase A learned, read from a file.

    Attributes
    ----------
    surrogate : FittedSurrogate
    deviation_sd : float or None
    encoder : FittedEncoder or None
        None too when it was trained with another generator.
    seed : int
    solver : str
    """

    surrogate: FittedSurrogate
    deviation_sd: float | None
    encoder: FittedEncoder | None
    seed: int
    solver: str

    def put_into(self, adaptation):
        """Return the adaptation, which brings the settings, with what was saved."""
        learned = {"surrogate": self.surrogate, "deviation_sd": self.deviation_sd, "encoder": self.encoder}
        return replace(adaptation, **learned, seed=self.seed)


def write_adaptation(path, adaptation, generator, data_range):
    """Write what phase A learned.

    Parameters
    ----------
    path : str or path-like
    adaptation : Adaptation
    generator : Generator
    data_range : Bounds
        Range of X.

    Raises
    ------
    ValueError
        If the surrogate is not made of the parts that skmimic knows.
    """
    arrays = {f"surrogate.{name}": array for name, array in adaptation.surrogate.arrays.items()}
    description = {**_description(adaptation, generator), "data_range": list(data_range)}
    if adaptation.surrogate.standard_errors:
        description[OPTIONAL] = adaptation.surrogate.standard_errors
    try:
        _check_parts(description["parts"], generator.image_shape, sum(array.size for array in arrays.values()))
    except ValueError as error:
        raise ValueError(f"save_adaptation: {error}. Pickle the estimator instead.") from error
    if adaptation.encoder is not None:
        arrays.update({f"encoder.{name}": array for name, array in adaptation.encoder.arrays.items()})
    stream = io.BytesIO()
    np.savez(stream, description=np.array(json.dumps(description)), **arrays)
    atomic_write(path, stream.getvalue())


def _description(adaptation, generator):
    surrogate, encoder = adaptation.surrogate, adaptation.encoder
    return {
        "format": FORMAT,
        "version": VERSION,
        "family": surrogate.family,
        "parts": _parts_of(surrogate.make, surrogate.keywords),
        "image_shape": list(generator.image_shape),
        "solver": adaptation.settings.solver,
        "seed": adaptation.seed,
        "deviation_sd": adaptation.deviation_sd,
        "encoder": None if encoder is None else {"with_deviations": encoder.with_deviations},
        "generator": generator.fingerprint,
    }


def _parts_of(make, keywords):
    """List the parts of a surrogate: name and sizes, without the image shape, which all share."""
    recipes = keywords.get("recipes", [(make, keywords)])
    for kind, _ in recipes:
        if kind not in PARTS.values():
            raise ValueError(
                f"save_adaptation: a file of numbers cannot hold the surrogate {getattr(kind, '__name__', kind)}, only "
                f"{sorted(PARTS)} and compositions of them. Pickle the estimator instead."
            )
    return [
        [kind.__name__, {name: value for name, value in words.items() if name != "image_shape"}]
        for kind, words in recipes
    ]


@shielded()
def read_adaptation(path, generator):
    """Read what phase A learned, believing nothing.

    Parameters
    ----------
    path : str or path-like
    generator : Generator
        With which it will be used.

    Returns
    -------
    SavedAdaptation

    Raises
    ------
    FileNotFoundError
        If there is no file.
    InvalidModelFileError
        If the file is damaged, hostile, or something else.
    GeneratorMismatchError
        If it is for images of another shape.
    """
    with _opened(path) as (archive, description):
        if description["image_shape"] == list(generator.image_shape) and not _is_sheared(description):
            return _rebuilt(description, archive, generator)
    if description["image_shape"] == list(generator.image_shape):
        raise InvalidModelFileError(
            f"{path}: was saved by skmimic 0.1.0 for oblong images {generator.image_shape}, whose rotations it took "
            "for shears. Learn the corruption again (fit or adapt) and save it anew."
        )
    raise GeneratorMismatchError(
        f"{path}: is for images of shape {tuple(description['image_shape'])}, but the generator gives "
        f"{generator.image_shape}."
    )


def read_saved_range(path):
    """Read the range of the X that phase A has learned from.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Bounds or None
        None in files of skmimic 0.1.0.

    Raises
    ------
    FileNotFoundError, InvalidModelFileError
        As `read_adaptation`.
    """
    with _opened(path) as (_, description):
        told = description.get("data_range")
        return None if told is None else Bounds.of(told)


@contextlib.contextmanager
def _opened(path):
    """Open a file and check its description; whatever goes wrong inside makes it an invalid file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        with open_archive(path) as archive:
            yield archive, _checked(_description_in(archive))
    except (*UNREADABLE, AttributeError, LookupError, MemoryError, RecursionError, TypeError) as error:
        raise InvalidModelFileError(
            f"{path}: not a saved surrogate of skmimic ({type(error).__name__}: {error})."
        ) from error


def _description_in(archive):
    header = archive.header("description")
    if header.dtype.kind != "U" or header.shape != () or header.n_bytes > 4 * MAX_CONFIGURATION:
        raise ValueError(f"its description is {header.dtype} of shape {header.shape}, not a text of usual length")
    return strict_json(str(archive["description"]), MAX_CONFIGURATION)


def _is_sheared(description):
    """Whether it is an affine map of oblong images in the coordinates of version 1, in which a turn was a shear."""
    _, height, width = description["image_shape"]
    is_affine = SHEARED & {name for name, _ in description["parts"]}
    return description["version"] == 1 and height != width and bool(is_affine)


def _checked(description):
    """Raise ValueError unless the description has the form that `write_adaptation` gives it."""
    keys = KEYS if description["version"] in (1, 2) else KEYS_SINCE_3
    told = set(description) - {OPTIONAL} if keys is KEYS_SINCE_3 else set(description)
    if told != keys or description["format"] != FORMAT or description["version"] not in READ_VERSIONS:
        raise ValueError(f"expected {FORMAT}, version {READ_VERSIONS}, with the keys {sorted(keys)}")
    deviation_sd, encoder, seed = (description[name] for name in ("deviation_sd", "encoder", "seed"))
    is_sound = {
        "solver": description["solver"] in SOLVERS,
        "seed": type(seed) is int and 0 <= seed < 2**32,
        "family": isinstance(description["family"], str),
        "image_shape": [type(side) for side in description["image_shape"]] == [int] * 3,
        "deviation_sd": deviation_sd is None or (isinstance(deviation_sd, float) and 0 < deviation_sd < math.inf),
        "data_range": "data_range" not in description or _is_range(description["data_range"]),
        "encoder": encoder in (None, {"with_deviations": True}, {"with_deviations": False}),
        OPTIONAL: _are_errors(description.get(OPTIONAL, {})),
    }
    for name, is_right in is_sound.items():
        if not is_right:
            raise ValueError(f"{name} cannot be {description[name]!r}")
    return description


def _is_range(told):
    return [type(end) for end in told] == [float] * 2 and -math.inf < told[0] < told[1] < math.inf


def _are_errors(told):
    """Whether it is a table of numbers from zero up, or lists of them."""
    if not isinstance(told, dict) or len(told) > MOST_ERRORS:
        return False
    lists = [value if isinstance(value, list) else [value] for value in told.values()]
    sizes_fit = all(0 < len(values) <= MOST_ERRORS for values in lists)
    return sizes_fit and all(type(one) is float and 0 <= one < math.inf for values in lists for one in values)


def _errors_of(description):
    """Return the standard errors as `describe` gives them, with tuples."""
    told = description.get(OPTIONAL, {})
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def _rebuilt(description, archive, generator):
    """Build what the description names, and only then read the arrays that it needs."""
    n_values = sum(archive.header(name).n_bytes for name in archive.files if name.startswith("surrogate.")) // 4
    _check_parts(description["parts"], generator.image_shape, n_values)
    surrogate, encoder = _surrogate_of(description["parts"], generator.image_shape, archive.files), None
    modules, ignored = {"surrogate": surrogate}, ["description"]
    if description["encoder"] is not None and description["generator"] == generator.fingerprint:
        modules["encoder"] = encoder = _encoder_of(description["encoder"]["with_deviations"], generator)
    elif description["encoder"] is not None:
        ignored += [name for name in archive.files if name.startswith("encoder.")]
        warn_user(OTHER_GENERATOR, SkmimicWarning)
    _fill(modules, archive, ignored)
    if encoder is not None:
        encoder = FittedEncoder(encoder, generator.image_shape, description["encoder"]["with_deviations"])
    fitted = FittedSurrogate(surrogate, description["family"], _errors_of(description))
    return SavedAdaptation(fitted, description["deviation_sd"], encoder, description["seed"], description["solver"])


def _check_parts(parts, image_shape, n_values):
    """Refuse parts that are not sound, or larger than the `n_values` numbers that there are for all of them."""
    if len(parts) > MAX_PARTS or n_values > MAX_VALUES:
        raise ValueError(f"{len(parts)} parts of {n_values} numbers, more than {MAX_PARTS} of {MAX_VALUES}")
    n_readers = [name for name, _ in parts].count(RowAffine.__name__)
    if n_readers and (n_readers > 1 or min(image_shape[1:]) < 4):
        raise ValueError(f"{n_readers} readers of angles for images of shape {tuple(image_shape)}")
    for name, keywords in parts:
        width, n_layers = keywords.get("width", 1), keywords.get("n_layers", 1)
        widest = MAX_READER_WIDTH if name == RowAffine.__name__ else MAX_WIDTH
        is_within = 0 < width <= widest and 0 < n_layers <= MAX_LAYERS
        if not is_within or width * width * (n_layers - 2) > n_values:
            raise ValueError(f"{name} cannot have the sizes {keywords}")
        is_in_range = 0 < keywords.get("sigma", 1) <= MAX_SIGMA and 0 < keywords.get("rotation_sd", 1) <= math.pi
        is_seen = abs(keywords.get("fill", 0)) <= 1 and 0 < keywords.get("fraction", 0.5) < 1
        if not (is_in_range and is_seen):
            raise ValueError(f"{name} cannot have the values {keywords}")


def _surrogate_of(parts, image_shape, names):
    """Build the surrogate of a list of named parts from the fixed table."""
    made = []
    for name, keywords in parts:
        shape = {} if PARTS[name] is Identity else {"image_shape": tuple(image_shape)}
        made.append(PARTS[name](**shape, **keywords))
    is_composed = len(made) != 1 or any(name.startswith("surrogate.parts.") for name in names)
    return Composition(made) if is_composed else made[0]


def _encoder_of(has_deviations, generator):
    random = torch.Generator().manual_seed(0)
    return Encoder(generator.image_shape, generator.latent_dim, generator.prior, has_deviations, random)


def _fill(modules, archive, ignored):
    """Copy the arrays of an archive into modules; names, types and shapes are checked before any is read."""
    wanted = {f"{role}.{key}": v for role, module in modules.items() for key, v in module.state_dict().items()}
    odd = sorted(set(wanted) ^ (set(archive.files) - set(ignored))) or archive.others
    if odd:
        raise ValueError(f"array {odd[0]!r} is {'missing' if odd[0] in wanted else 'unexpected'}")
    for name, tensor in wanted.items():
        header = archive.header(name)
        if header.dtype != np.float32 or header.shape != tuple(tensor.shape):
            raise ValueError(
                f"array {name!r} is {header.dtype} of shape {header.shape}, not float32 of {tuple(tensor.shape)}"
            )
    for name, tensor in wanted.items():
        array = archive[name]
        if not np.isfinite(array).all():
            raise ValueError(f"array {name!r} contains NaN or infinity")
        tensor.copy_(torch.from_numpy(array))
