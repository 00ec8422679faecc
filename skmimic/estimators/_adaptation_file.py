"""Phase A in files: a .npz of plain arrays and a JSON description, nothing that could run."""

import io
import json
import math
import warnings
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
from ..utils import UNREADABLE, atomic_write, open_archive, shielded

__all__ = ["SavedAdaptation", "read_adaptation", "write_adaptation"]

FORMAT, VERSION = "skmimic-surrogate", 1
KEYS = {"format", "version", "family", "parts", "image_shape", "solver", "seed", "deviation_sd", "encoder", "generator"}
PARTS = {
    kind.__name__: kind for kind in (Affine, Blur, Convolution, Identity, Mask, MissingPixels, Photometric, RowAffine)
}
OTHER_GENERATOR = "The saved corruption was learned with another generator, so its encoder is not used."
MAX_PARTS, MAX_WIDTH, MAX_LAYERS, MAX_SIGMA, MAX_READER_WIDTH = 8, 256, 32, 64, 64
MAX_BYTES = 2**30  # unpacked; a few compressed kilobytes can claim any size


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


def write_adaptation(path, adaptation, generator):
    """Write what phase A learned.

    Parameters
    ----------
    path : str or path-like
    adaptation : Adaptation
    generator : Generator

    Raises
    ------
    ValueError
        If the surrogate is not made of the parts that skmimic knows.
    """
    arrays = {f"surrogate.{name}": array for name, array in adaptation.surrogate.arrays.items()}
    if adaptation.encoder is not None:
        arrays.update({f"encoder.{name}": array for name, array in adaptation.encoder.arrays.items()})
    stream = io.BytesIO()
    np.savez(stream, description=np.array(json.dumps(_description(adaptation, generator))), **arrays)
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
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        with open_archive(path) as archive:
            _check_size(archive)
            arrays = {name: archive[name] for name in archive.files}
        description = _checked(json.loads(str(arrays.pop("description"))))
        if description["image_shape"] == list(generator.image_shape):
            return _rebuilt(description, arrays, generator)
    except (*UNREADABLE, AttributeError, LookupError, MemoryError, RecursionError, TypeError) as error:
        raise InvalidModelFileError(
            f"{path}: not a saved surrogate of skmimic ({type(error).__name__}: {error})."
        ) from error
    raise GeneratorMismatchError(
        f"{path}: is for images of shape {tuple(description['image_shape'])}, but the generator gives "
        f"{generator.image_shape}."
    )


def _check_size(archive):
    n_bytes = sum(member.file_size for member in archive.zip.infolist())
    if n_bytes > MAX_BYTES:
        raise ValueError(f"{n_bytes} bytes unpacked, more than {MAX_BYTES}")


def _checked(description):
    """Raise ValueError unless the description has the form that `write_adaptation` gives it."""
    if set(description) != KEYS or (description["format"], description["version"]) != (FORMAT, VERSION):
        raise ValueError(f"expected {FORMAT} version {VERSION} with the keys {sorted(KEYS)}")
    deviation_sd, encoder, seed = (description[name] for name in ("deviation_sd", "encoder", "seed"))
    is_sound = {
        "solver": description["solver"] in SOLVERS,
        "seed": type(seed) is int and 0 <= seed < 2**32,
        "family": isinstance(description["family"], str),
        "image_shape": [type(side) for side in description["image_shape"]] == [int] * 3,
        "deviation_sd": deviation_sd is None or (isinstance(deviation_sd, float) and 0 < deviation_sd < math.inf),
        "encoder": encoder in (None, {"with_deviations": True}, {"with_deviations": False}),
    }
    for name, is_right in is_sound.items():
        if not is_right:
            raise ValueError(f"{name} cannot be {description[name]!r}")
    return description


def _rebuilt(description, arrays, generator):
    surrogate = _filled(_surrogate_of(description["parts"], generator.image_shape, arrays), "surrogate", arrays)
    encoder = None
    if description["encoder"] is not None and description["generator"] == generator.fingerprint:
        encoder = _encoder_of(description["encoder"]["with_deviations"], arrays, generator)
    elif description["encoder"] is not None:
        warnings.warn(OTHER_GENERATOR, SkmimicWarning, stacklevel=4)
    fitted = FittedSurrogate(surrogate, description["family"])
    seed, solver = description["seed"], description["solver"]
    return SavedAdaptation(fitted, description["deviation_sd"], encoder, seed, solver)


def _surrogate_of(parts, image_shape, arrays):
    """Build the surrogate of a list of named parts from the fixed table."""
    if len(parts) > MAX_PARTS:
        raise ValueError(f"{len(parts)} parts, more than {MAX_PARTS}")
    n_readers = [name for name, _ in parts].count(RowAffine.__name__)
    if n_readers and (n_readers > 1 or min(image_shape[1:]) < 4):
        raise ValueError(f"{n_readers} readers of angles for images of shape {tuple(image_shape)}")
    made = []
    for name, keywords in parts:
        widest = MAX_READER_WIDTH if name == RowAffine.__name__ else MAX_WIDTH
        if not (0 < keywords.get("width", 1) <= widest and 0 < keywords.get("n_layers", 1) <= MAX_LAYERS):
            raise ValueError(f"{name} cannot have the sizes {keywords}")
        is_in_range = 0 < keywords.get("sigma", 1) <= MAX_SIGMA and 0 < keywords.get("rotation_sd", 1) <= math.pi
        if not is_in_range or not 0 < keywords.get("fraction", 0.5) < 1:
            raise ValueError(f"{name} cannot have the values {keywords}")
        shape = {} if PARTS[name] is Identity else {"image_shape": tuple(image_shape)}
        made.append(PARTS[name](**shape, **keywords))
    is_composed = len(made) != 1 or any(name.startswith("surrogate.parts.") for name in arrays)
    return Composition(made) if is_composed else made[0]


def _encoder_of(has_deviations, arrays, generator):
    random = torch.Generator().manual_seed(0)
    encoder = Encoder(generator.image_shape, generator.latent_dim, generator.prior, has_deviations, random)
    return FittedEncoder(_filled(encoder, "encoder", arrays), generator.image_shape, has_deviations)


def _filled(module, prefix, arrays):
    """Copy the arrays of a prefix into a module; names, shapes and finite numbers are checked."""
    own = {name.removeprefix(f"{prefix}."): a for name, a in arrays.items() if name.startswith(f"{prefix}.")}
    if any(array.dtype != np.float32 or not np.isfinite(array).all() for array in own.values()):
        raise ValueError(f"an array of the {prefix} is not of finite float32 numbers")
    module.load_state_dict({name: torch.from_numpy(array) for name, array in own.items()})
    return module
