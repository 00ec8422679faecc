"""Archives of arrays: what numpy writes is read as numpy reads it; nothing is believed before a check."""

import io
import zipfile

import numpy as np
import pytest

from skmimic.datasets._archives import open_archive as open_data_set
from skmimic.utils import UNREADABLE, open_archive
from skmimic.utils._archives import read_array_header

ARRAYS = {
    "floats": np.random.default_rng(0).normal(size=(3, 4, 5)),
    "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big endian": np.arange(6, dtype=">i4").reshape(2, 3),
    "bytes": np.arange(256, dtype=np.uint8),
    "truth": np.array([True, False]),
    "text": np.array(["a", "longer"]),
    "a number": np.array(3.5),
    "nothing": np.zeros((0, 7), np.float32),
    "empty text": np.array(""),
    "records": np.zeros(2, [("a", "<f4"), ("b", "<i8")]),
    "more than a piece": np.arange(200_000),
    "a/path": np.arange(3),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read_as_numpy_reads_it(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    with open_archive(tmp_path / "a.npz") as archive:
        assert archive.files == list(ARRAYS)
        for name, array in ARRAYS.items():
            read = archive[name]
            np.testing.assert_array_equal(read, array)
            assert (read.dtype, read.shape) == (array.dtype, array.shape)
            header = archive.header(name)
            assert (header.dtype, header.shape, header.n_bytes) == (array.dtype, array.shape, array.nbytes)


def test_an_unknown_name_is_a_key_error(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(2))
    with open_archive(tmp_path / "a.npz") as archive, pytest.raises(KeyError, match="b is not a file"):
        archive["b"]


@pytest.mark.parametrize("damage", [b"", b"more", None])
def test_a_header_must_describe_the_bytes_that_follow(damage):
    stream = io.BytesIO()
    np.save(stream, np.arange(10.0))
    content = stream.getvalue()
    content = content[:-1] if damage is None else content + damage
    stream = io.BytesIO(content)
    if damage == b"":
        assert read_array_header(stream, len(content)).shape == (10,)
    else:
        with pytest.raises(ValueError, match="describes 80 bytes of numbers, but"):
            read_array_header(stream, len(content))


def npy(dtype, shape, content=b""):
    """A .npy whose header says what numpy would never write."""
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    ("dtype", "shape", "problem"),
    [
        ("<U0", (400_000_000,), "numbers of no bytes"),
        ("|S0", (2**40, 2**40), "numbers of no bytes"),
        ("|V0", (), "numbers of no bytes"),
        ("<f4", (2**62, 0), "more than any memory"),
        ("<f4", (2**40, 2**40, 0), "more than any memory"),
        ("<f8", (2**70, 0), "more than any memory"),
    ],
)
def test_arrays_of_nothing_take_no_memory(tmp_path, dtype, shape, problem):
    content = npy(dtype, shape)
    with pytest.raises(ValueError, match=problem):
        read_array_header(io.BytesIO(content), len(content))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with open_archive(tmp_path / "a.npz") as archive, pytest.raises(ValueError, match=problem):
        archive["a"]


def test_what_does_not_fit_into_memory_is_among_what_cannot_be_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", a=np.zeros(3))

    def full(*arguments):
        raise MemoryError("Unable to allocate")

    monkeypatch.setattr("skmimic.utils._archives.np.empty", full)
    with pytest.raises(UNREADABLE, match="Unable to allocate"), open_archive(tmp_path / "a.npz") as archive:
        archive["a"]
    message = r"a\.npz is not a readable numpy archive \(Unable to allocate"
    with pytest.raises(ValueError, match=message), open_data_set(tmp_path / "a.npz") as archive:
        archive["a"]
