"""The outer layer of model files and checkpoints: safetensors bytes, strict metadata, a sha256 over all that matters.

Reading goes from the outside in. The header is checked against the size of the file before anything else is read, and
the sha256 before any array is made: a file that is refused costs a few megabytes of memory, whatever it claims.
"""

import hashlib
import json
import math
import os
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..exceptions import InvalidModelFileError
from ._files import naming_errors, replacing

__all__ = ["Container", "FileKind", "open_container", "pack", "strict_json"]

METADATA_KEYS = {"format", "version", "configuration", "sha256"}
ENTRY_KEYS = {"dtype", "shape", "data_offsets"}
MAX_HEADER = 2**20  # bytes: some 10,000 arrays
MAX_CONFIGURATION = 2**16  # characters
MAX_DIMENSIONS = 8
PIECE = 2**18  # bytes read at a time
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


class FileKind(NamedTuple):
    """What a file says of itself.

    Parameters
    ----------
    noun : str
        For messages, as "skmimic model".
    format, version : str
    max_bytes : float, default=inf
        Largest file that is written or read.
    advice : str, default=""
        What to do about a damaged one.
    """

    noun: str
    format: str
    version: str
    max_bytes: float = math.inf
    advice: str = ""


class Declared(NamedTuple):
    """One array as the header describes it.

    Parameters
    ----------
    dtype : numpy.dtype
    shape : tuple of int
    start, stop : int
        Bytes of the file after the header.
    """

    dtype: np.dtype
    shape: tuple
    start: int
    stop: int


def pack(path, kind, configuration, arrays):
    """Write a configuration and arrays as one file, atomically.

    Parameters
    ----------
    path : str or path-like
    kind : FileKind
    configuration : dict
        JSON.
    arrays : dict of ndarray
        Of the types in `DTYPES`.

    Raises
    ------
    InvalidModelFileError
        If it could not be read back.
    OSError
        As `replacing`.
    """
    text = json.dumps(configuration, sort_keys=True, allow_nan=False)
    strict_json(text, MAX_CONFIGURATION)
    order = sorted(sorted(arrays), key=lambda name: -arrays[name].itemsize)  # the widest first keeps all aligned
    declared, end = {}, 0
    for name in order:
        array = arrays[name]
        declared[name] = Declared(array.dtype, array.shape, end, end := end + array.nbytes)
    sha256 = _digest(text, declared, lambda name: [_bytes_of(arrays[name])])
    head = _header(kind, text, sha256, declared)
    if len(head) > MAX_HEADER or len(head) + end > kind.max_bytes:
        raise InvalidModelFileError(f"{len(order)} arrays of {end} bytes are more than a {kind.noun} may hold.")
    with replacing(path) as stream:
        stream.write(len(head).to_bytes(8, "little") + head)
        for name in order:
            stream.write(_bytes_of(arrays[name]))


def _header(kind, text, sha256, declared):
    """Lay out the header: the library's own writer orders the metadata by chance, this one always alike."""
    metadata = {"format": kind.format, "version": kind.version, "configuration": text, "sha256": sha256}
    header = {"__metadata__": metadata}
    for name, entry in declared.items():
        offsets = [entry.start, entry.stop]
        header[name] = {"dtype": CODES[entry.dtype], "shape": list(entry.shape), "data_offsets": offsets}
    head = json.dumps(header, separators=(",", ":")).encode()
    return head + b" " * (-len(head) % 8)


def _digest(text, declared, pieces_of):
    digest = hashlib.sha256(text.encode())
    for name, entry in sorted(declared.items()):
        digest.update(json.dumps([name, CODES[entry.dtype], list(entry.shape)]).encode())
        for piece in pieces_of(name):
            digest.update(piece)
    return digest.hexdigest()


def _bytes_of(array):
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


@contextmanager
def open_container(path, kind):
    """Open a file that `pack` wrote, believing nothing.

    Parameters
    ----------
    path : str or path-like
    kind : FileKind

    Yields
    ------
    Container

    Raises
    ------
    InvalidModelFileError
        Without the path in its message; the caller adds it.
    FileNotFoundError
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise InvalidModelFileError("it is not a regular file.")
    with open(path, "rb") as stream:
        yield Container(stream, path, kind)


class Container:
    """An open file, of which only the header has been read.

    Parameters
    ----------
    stream : binary file
    path : path-like
        For messages of the system.
    kind : FileKind

    Attributes
    ----------
    configuration : dict
    declared : dict of Declared
        By name.
    sha256 : str
    """

    def __init__(self, stream, path, kind):
        self._stream, self._path, self._advice = stream, path, kind.advice
        size = os.fstat(stream.fileno()).st_size
        if size > kind.max_bytes:
            raise InvalidModelFileError(f"it has {size} bytes; at most {kind.max_bytes} are read.")
        header = self._read_header(size, kind)
        metadata = _checked_metadata(header.pop("__metadata__", None), kind)
        self.declared = _checked_entries(header, size - self._start, kind)
        self._text, self.sha256 = metadata["configuration"], metadata["sha256"]
        self.configuration = strict_json(self._text, MAX_CONFIGURATION)

    def _read_header(self, size, kind):
        start = self._read(8)
        n_header = int.from_bytes(start, "little")
        self._start = 8 + n_header
        if len(start) < 8 or not 2 <= n_header <= min(MAX_HEADER, size - 8):
            foreign = next((what for first, what in FOREIGN.items() if start.startswith(first)), None)
            raise InvalidModelFileError(f"it is {foreign or f'truncated, or no {kind.noun}'}.")
        try:
            return strict_json(self._read(n_header).decode("utf-8"), MAX_HEADER)
        except UnicodeDecodeError as error:
            raise InvalidModelFileError(f"it is no {kind.noun}: its header is no text.") from error

    def arrays(self):
        """Read the arrays, after checking the sha256.

        Returns
        -------
        dict of ndarray

        Raises
        ------
        InvalidModelFileError
            If the file was damaged or changed.
        """
        if _digest(self._text, self.declared, self._pieces) != self.sha256:
            raise InvalidModelFileError(f"sha256 does not match: it was damaged or changed. {self._advice}".strip())
        return {name: self._array(name) for name in self.declared}

    def _pieces(self, name):
        entry = self.declared[name]
        self._stream.seek(self._start + entry.start)
        left = entry.stop - entry.start
        while left > 0:
            piece = self._read(min(left, PIECE))
            if not piece:
                raise InvalidModelFileError("it became shorter while it was read.")
            left -= len(piece)
            yield piece

    def _array(self, name):
        entry = self.declared[name]
        content = np.empty(entry.stop - entry.start, np.uint8)
        done = 0
        for piece in self._pieces(name):
            content[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
            done += len(piece)
        values = content != 0 if entry.dtype == bool else content.view(entry.dtype)
        return values.reshape(entry.shape)

    def _read(self, n_bytes):
        with naming_errors(self._path):
            return self._stream.read(n_bytes)


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
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InvalidModelFileError(f"JSON key {twice!r} appears twice.")
    return found


def _finite(text):
    if not math.isfinite(float(text)):
        raise InvalidModelFileError(f"JSON contains the number {text}.")
    return float(text)


def _checked_metadata(metadata, kind):
    if not isinstance(metadata, dict) or metadata.get("format") != kind.format:
        found = str(metadata.get("format") if isinstance(metadata, dict) else None)[:100]
        raise InvalidModelFileError(
            f"it is a safetensors file, but its metadata name no {kind.noun}: format {found!r}, not {kind.format!r}."
        )
    if metadata.get("version") != kind.version:
        raise InvalidModelFileError(
            f"format version {metadata.get('version')!r}; this skmimic reads version {kind.version}. Update skmimic."
        )
    if set(metadata) != METADATA_KEYS or not all(isinstance(value, str) for value in metadata.values()):
        raise InvalidModelFileError(
            f"metadata must be texts under the keys {sorted(METADATA_KEYS)}, got {sorted(metadata)}."
        )
    return metadata


def _checked_entries(header, n_bytes, kind):
    """Turn what the header says of the arrays into `Declared`; together they are exactly the bytes that follow."""
    declared = {name: _checked_entry(name, entry) for name, entry in header.items()}
    end = 0
    for name, entry in sorted(declared.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != end:
            raise InvalidModelFileError(f"tensor {name!r} begins at byte {entry.start}, not at {end}: a false header.")
        end = entry.stop
    if end != n_bytes:
        raise InvalidModelFileError(
            f"its header describes {end} bytes of numbers, but {n_bytes} follow: the {kind.noun} was truncated, or "
            "something was added."
        )
    return declared


def _checked_entry(name, entry):
    if not isinstance(entry, dict) or set(entry) != ENTRY_KEYS:
        raise InvalidModelFileError(f"tensor {name!r} must have the keys {', '.join(sorted(ENTRY_KEYS))}.")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise InvalidModelFileError(f"tensor {name!r} has type {code}; expected one of {', '.join(DTYPES)}.")
    dtype = np.dtype(DTYPES[code])
    if not (_are_sizes(shape) and len(shape) <= MAX_DIMENSIONS and _are_sizes(offsets) and len(offsets) == 2):
        raise InvalidModelFileError(f"tensor {name!r} has a shape or data_offsets that are none.")
    start, stop = offsets
    if stop - start != math.prod(shape) * dtype.itemsize:
        raise InvalidModelFileError(
            f"tensor {name!r} has {stop - start} bytes, which are not those of shape {tuple(shape)}: a false header."
        )
    return Declared(dtype, tuple(shape), start, stop)


def _are_sizes(values):
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
