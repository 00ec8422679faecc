"""The outer layer of a model file: safetensors bytes, strict metadata, and a sha256 over all that matters."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import safetensors

from ..exceptions import InvalidModelFileError
from ..utils import atomic_write

__all__ = ["pack", "strict_json", "unpack"]

FORMAT, VERSION = "skmimic-model", "1"
METADATA_KEYS = {"format", "version", "configuration", "sha256"}
MAX_FILE = 4 * 2**30
MAX_HEADER = 2**20
MAX_CONFIGURATION = 2**16
DTYPES = {
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
FOREIGN = {
    b"\x80": "a Python pickle, which could run code and is never opened",
    b"PK": "a zip archive such as torch.save writes, which could run code and is never opened",
}


def pack(path, configuration, arrays):
    """Write a configuration and arrays as one file, atomically.

    Parameters
    ----------
    path : str or path-like
    configuration : dict
        JSON.
    arrays : dict of ndarray
        Of the types in `DTYPES`.
    """
    text = json.dumps(configuration, sort_keys=True, allow_nan=False)
    rows = [(name, CODES[array.dtype], array.shape, array.tobytes()) for name, array in sorted(arrays.items())]
    metadata = {"format": FORMAT, "version": VERSION, "configuration": text, "sha256": _digest(text, rows)}
    atomic_write(path, _encoded(metadata, sorted(rows, key=lambda row: -arrays[row[0]].itemsize)))


def _encoded(metadata, rows):
    """Lay out safetensors bytes: the library's own writer orders the metadata by chance, this one always alike."""
    header, end = {"__metadata__": metadata}, 0
    for name, code, shape, data in rows:  # the widest numbers first keeps all of them aligned
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(row[3] for row in rows)])


def unpack(path):
    """Read a file that `pack` wrote, believing nothing.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    configuration : dict
    arrays : dict of ndarray
    sha256 : str

    Raises
    ------
    InvalidModelFileError
        Without the path in its message; the caller adds it.
    FileNotFoundError
    """
    content = _read(Path(path))
    metadata = _metadata(content)
    try:
        entries = safetensors.deserialize(content)
    except (safetensors.SafetensorError, ValueError, OverflowError) as error:
        raise InvalidModelFileError(f"safetensors cannot read it: {error}") from error
    rows = [(name, entry["dtype"], tuple(entry["shape"]), entry["data"]) for name, entry in entries]
    if _digest(metadata["configuration"], rows) != metadata["sha256"]:
        raise InvalidModelFileError("sha256 does not match: the file was damaged or changed. Fetch it again.")
    configuration = strict_json(metadata["configuration"], MAX_CONFIGURATION)
    return configuration, {row[0]: _as_array(*row) for row in rows}, metadata["sha256"]


def strict_json(text, limit):
    """Parse a JSON object without duplicate keys, NaN, or excessive length or depth.

    Parameters
    ----------
    text : str or bytes
    limit : int
        Longest text accepted.

    Returns
    -------
    dict

    Raises
    ------
    InvalidModelFileError
    """
    if len(text) > limit:
        raise InvalidModelFileError(f"JSON of {len(text)} characters; at most {limit} are read.")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidModelFileError):
            raise
        raise InvalidModelFileError(f"invalid JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidModelFileError(f"expected a JSON object, got {type(value).__name__}.")
    return value


def _unique(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidModelFileError(f"JSON key {twice!r} appears twice.")
    return found


def _finite(text):
    if not math.isfinite(float(text)):
        raise InvalidModelFileError(f"JSON contains the number {text}.")
    return float(text)


def _read(path):
    if path.exists() and not path.is_file():
        raise InvalidModelFileError("it is not a regular file.")
    with open(path, "rb") as stream:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise InvalidModelFileError(f"it has {size} bytes; at most {MAX_FILE} are read.")
        return stream.read(size)


def _metadata(content):
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= size <= min(MAX_HEADER, len(content) - 8):
        foreign = next((what for start, what in FOREIGN.items() if content.startswith(start)), None)
        raise InvalidModelFileError(f"it is {foreign or 'truncated or not a safetensors file'}.")
    try:
        header = strict_json(content[8 : 8 + size].decode("utf-8"), MAX_HEADER)
    except UnicodeDecodeError as error:
        raise InvalidModelFileError("it is not a safetensors file: its header is no text.") from error
    return _checked_metadata(header.get("__metadata__"))


def _checked_metadata(metadata):
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise InvalidModelFileError("it is a safetensors file, but its metadata name no skmimic model.")
    if metadata.get("version") != VERSION:
        raise InvalidModelFileError(
            f"format version {metadata.get('version')!r}; this skmimic reads version {VERSION}. Update skmimic."
        )
    if set(metadata) != METADATA_KEYS or not all(isinstance(value, str) for value in metadata.values()):
        raise InvalidModelFileError(
            f"metadata must be texts under the keys {sorted(METADATA_KEYS)}, got {sorted(metadata)}."
        )
    return metadata


def _digest(configuration, rows):
    digest = hashlib.sha256(configuration.encode())
    for name, code, shape, data in sorted(rows, key=lambda row: row[0]):
        digest.update(json.dumps([name, code, list(shape)]).encode())
        digest.update(data)
    return digest.hexdigest()


def _as_array(name, code, shape, data):
    if code not in DTYPES:
        raise InvalidModelFileError(f"tensor {name!r} has type {code}; expected one of {', '.join(DTYPES)}.")
    return np.frombuffer(data, dtype=DTYPES[code]).reshape(shape)
