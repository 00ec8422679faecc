"""Arrays of numpy in files from anywhere: nothing is unpickled, and nothing believed before it is checked."""

import contextlib
import io
import math
import sys
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

__all__ = ["UNREADABLE", "Archive", "ArrayHeader", "open_archive", "read_array_header"]

# What reading a file from anywhere may raise; an array larger than the memory is a MemoryError.
UNREADABLE = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, MemoryError, OverflowError)
MAX_HEADER = 10_000  # bytes, as numpy's own limit
MAX_DIMENSIONS = 32
MAX_DIRECTORY = 2**20  # bytes of a zip archive's table of contents, some 10,000 arrays
PIECE = 2**18  # bytes unpacked at a time
MOST_EXPANSION = 1032  # deflate turns a byte into at most so many (zlib's technical notes)


class ArrayHeader(NamedTuple):
    """What a .npy says of its array.

    Parameters
    ----------
    dtype : numpy.dtype
    shape : tuple of int
    fortran_order : bool
    offset : int
        Bytes before the numbers.
    """

    dtype: np.dtype
    shape: tuple
    fortran_order: bool
    offset: int

    @property
    def n_bytes(self):
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_array_header(stream, size):
    """Read the header of a .npy.

    Parameters
    ----------
    stream : binary file
        At the start of it.
    size : int
        Bytes that the .npy has in all.

    Returns
    -------
    ArrayHeader

    Raises
    ------
    ValueError
        If it is no .npy, holds Python objects, or describes another number of bytes than follow.
    """
    start = stream.read(8)
    if not start.startswith(np.lib.format.MAGIC_PREFIX) or start[6:] not in (b"\1\0", b"\2\0"):
        raise ValueError("it is no array of numpy (.npy)")
    n_digits = 2 if start[6:] == b"\1\0" else 4
    length = stream.read(n_digits)
    n_header = int.from_bytes(length, "little")
    if n_header > MAX_HEADER:
        raise ValueError(f"its header claims {n_header} bytes, more than {MAX_HEADER}")
    read = np.lib.format.read_array_header_1_0 if n_digits == 2 else np.lib.format.read_array_header_2_0
    try:
        shape, fortran_order, dtype = read(io.BytesIO(length + stream.read(n_header)))
    except Exception as error:  # whatever parsing foreign text may raise
        raise ValueError(f"its header is damaged ({type(error).__name__})") from error
    header = ArrayHeader(dtype, shape, fortran_order, len(start) + n_digits + n_header)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, that is a pickle")
    if len(shape) > MAX_DIMENSIONS or any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"its header names the shape {shape}")
    if dtype.itemsize == 0:  # numpy writes none, and takes memory for each of its numbers all the same
        raise ValueError(f"its header names numbers of no bytes ({dtype.str!r})")
    if math.prod(filter(None, shape)) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"its header names the shape {shape}, more than any memory")
    if header.n_bytes != size - header.offset:
        raise ValueError(
            f"its header describes {header.n_bytes} bytes of numbers, but {size - header.offset} follow: it was "
            "truncated, or something was added"
        )
    return header


@contextlib.contextmanager
def open_archive(path):
    """Open a .npz.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    Archive

    Raises
    ------
    Exception
        One of `UNREADABLE`, here or when an array is read.
    """
    with _Cautious(open(path, "rb", buffering=0)) as stream, zipfile.ZipFile(stream) as archive:
        yield Archive(archive)


class _Cautious(io.BufferedReader):
    """File that never gives more at once than a table of contents may have: `zipfile` reads what the file claims."""

    def read(self, size=-1):
        if size is None or size < 0:
            size = MAX_DIRECTORY
        if size > MAX_DIRECTORY:
            raise zipfile.BadZipFile(f"its table of contents claims {size} bytes")
        return super().read(size)


class Archive:
    """Arrays of an open .npz by name.

    Parameters
    ----------
    archive : zipfile.ZipFile

    Attributes
    ----------
    files : list of str
        Names of the arrays.
    others : list of str
        Names of what is no array.

    Raises
    ------
    ValueError
        If a name appears twice.
    """

    def __init__(self, archive):
        self._archive, self._members, self.others = archive, {}, []
        for member in archive.infolist():
            name = member.filename
            if not name.endswith(".npy"):
                self.others.append(name)
            elif name[:-4] in self._members:
                raise ValueError(f"two arrays are called {name[:-4]!r}")
            else:
                self._members[name[:-4]] = member
        self.files = list(self._members)

    def header(self, name):
        """Read what the archive says of an array, without its numbers.

        Parameters
        ----------
        name : str

        Returns
        -------
        ArrayHeader

        Raises
        ------
        KeyError
            If there is none of this name.
        ValueError
            If it cannot be true.
        """
        with self._opened(name) as stream:
            return read_array_header(stream, self._members[name].file_size)

    def __getitem__(self, name):
        """Read an array; no more is unpacked than its header declares."""
        with self._opened(name) as stream:
            header = read_array_header(stream, self._members[name].file_size)
            content, done = np.empty(header.n_bytes, np.uint8), 0
            while piece := stream.read(PIECE):  # ends at the declared size, where zipfile compares the checksum
                content[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
                done += len(piece)
        if done != header.n_bytes:
            raise ValueError(f"array {name!r} ends after {done} of {header.n_bytes} bytes")
        values = content.view(header.dtype) if done else np.empty(header.shape, header.dtype)
        return values.reshape(header.shape, order="F" if header.fortran_order else "C")

    def _opened(self, name):
        if name not in self._members:
            raise KeyError(f"{name} is not a file in the archive")
        member = self._members[name]
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"array {name!r} is encrypted, or packed in a way that numpy does not use")
        if member.file_size > MOST_EXPANSION * member.compress_size + PIECE:
            raise ValueError(
                f"array {name!r} claims {member.file_size} bytes, more than {member.compress_size} packed ones can hold"
            )
        return self._archive.open(member)
