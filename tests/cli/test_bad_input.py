"""Everything wrong that can be asked of `skmimic project` is one line and leaves nothing behind."""

import io
import os
import pickle
import stat
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from skmimic.generators import Generator, architectures
from tests.helpers import disk_for


class Evil:
    """Unpickling it would leave a trace."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def refuse(refused, linear_model, images, tmp_path):
    """Refuse a request for the file `in.npy`, and leave nothing behind."""
    np.save(tmp_path / "in.npy", images)

    def run(*options, source="in.npy", target="out.npy", gan=linear_model):
        before = sorted(tmp_path.rglob("*"))
        line = refused("project", tmp_path / source, tmp_path / target, "--gan", gan, "--quiet", *options)
        assert sorted(tmp_path.rglob("*")) == before
        return line

    return run


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--surrogate", "affin"], "'affin' is unknown"),
        (["--surrogate", "affine+"], "is unknown"),
        (["--solver", "sgd"], "--solver"),
        (["--data-range", "1", "0"], "low < high"),
        (["--data-range", "nan", "1"], "finite number"),
        (["--data-range", "0"], "--data-range"),
        (["--n-adapt", "1"], "at least 2"),
        (["--n-adapt", "many"], "at least 2"),
        (["--batch-size", "0"], "at least 1"),
        (["--batch-size", "1e9"], "at least 1"),
        (["--jobs", "0"], "workers"),
        (["--seed", "-1"], "at least 0"),
        (["--seed", str(2**40)], "at least 0"),
        (["--device", "abacus"], "device='abacus' cannot be used here"),
        (["--device", "cuda:99"], "device='cuda:99' cannot be used here"),
        (["--device", "meta"], "device='meta' computes nothing"),
        (["--key", "X"], "--key"),
        (["--save-surrogate", "found.pkl"], "--save-surrogate"),
        (["--save-surrogate", "nowhere/found.npz"], "--save-surrogate"),
        (["--load-surrogate", "nowhere.npz"], "no such file"),
        (["--load-surrogate", "x.npz", "--surrogate", "affine"], "leave --surrogate out"),
        (["--load-surrogate", "x.npz", "--solver", "joint"], "leave --solver out"),
        (["--load-surrogate", "x.npz", "--save-surrogate", "y.npz"], "learns nothing"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_options(refuse, options, words):
    assert words in refuse(*options)


@pytest.mark.parametrize(
    ("source", "words"),
    [("nothing.npy", "no such file"), ("nothing", "no such file"), ("tiny.txt", ".npy or .npz"), ("empty", ".png")],
)
def test_sources(refuse, tmp_path, source, words):
    (tmp_path / "tiny.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    assert words in refuse(source=source)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere/out.npy", "there is no folder"),
        ("full", "not empty"),
        ("folder.npy", "is a folder"),
        ("out.txt", ".npy or .npz"),
        ("file", "new folder"),
        ("pipe.npy", "not a regular file"),
        ("/dev/null", "new folder"),
    ],
)
def test_targets(refuse, tmp_path, target, words):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("x")
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "file").write_text("precious")
    os.mkfifo(tmp_path / "pipe.npy")
    assert words in refuse(target=target)


@pytest.mark.parametrize("gan", ["nothing", "nothing.safetensors", "in.npy", "."])
def test_generators(refuse, tmp_path, gan):
    refuse(gan=tmp_path / gan)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((5, 65)), "(1, 8, 8), 64 values"),
        (np.zeros((5, 8, 9)), "Resize"),
        (np.zeros((5, 8, 8, 1)), "transpose"),
        (np.zeros((5, 3, 8, 8)), "(5, 3, 8, 8)"),
        (np.zeros(64), "(64,)"),
        (np.zeros((2, 2, 1, 8, 8)), "(2, 2, 1, 8, 8)"),
        (np.zeros((0, 64)), ""),
        (np.float64(1), "()"),
        (np.zeros((5, 64), bool), "bool"),
        (np.zeros((5, 64), complex), "complex"),
        (np.full((5, 64), "x"), "<U1"),
        (np.zeros(5, [("a", "f4")]), "a"),
    ],
)
def test_arrays(refuse, tmp_path, array, words):
    np.save(tmp_path / "bad.npy", array)
    np.savez(tmp_path / "bad.npz", X=array)
    assert words in refuse(source="bad.npy")
    assert words in refuse(source="bad.npz")


@pytest.mark.parametrize(
    ("pixels", "value", "words"),
    [((3, 3), np.inf, "image 17 contains infinity"), ((), np.nan, "image 17 has no seen pixel, all are NaN")],
)
def test_images_that_cannot_be_read_are_found_with_their_row(refuse, images, tmp_path, pixels, value, words):
    images[17][pixels] = value
    np.save(tmp_path / "bad.npy", images)
    assert words in refuse(source="bad.npy")


def test_grey_images_for_an_rgb_generator(refuse, tmp_path):
    config = {"latent_dim": 4, "image_shape": [3, 8, 8], "width": 4}
    Generator.from_modules(architectures.build("dense_generator", config)).save(tmp_path / "rgb.safetensors")
    assert "(3, 8, 8)" in refuse(gan=tmp_path / "rgb.safetensors")


def test_a_pickled_array_is_never_opened(refuse, tmp_path):
    hostile = np.array([Evil(tmp_path / "trace")] * 3, dtype=object)
    np.save(tmp_path / "bad.npy", hostile, allow_pickle=True)
    np.savez(tmp_path / "bad.npz", X=hostile)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Evil(tmp_path / "trace")))
    assert "pickle" in refuse(source="bad.npy")
    assert "pickle" in refuse(source="bad.npz")
    assert "not readable" in refuse(source="plain.npy")
    assert "not a saved surrogate" in refuse("--load-surrogate", tmp_path / "bad.npz")


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00v\x00{", b"PK\x03\x04", b"\x80\x04K\x01."])
def test_damaged_files(refuse, tmp_path, kind, content):
    (tmp_path / f"bad.{kind}").write_bytes(content)
    assert "not readable" in refuse(source=f"bad.{kind}")


def test_truncated_files(refuse, images, tmp_path):
    np.savez(tmp_path / "in.npz", X=images)
    for name in ("in.npy", "in.npz"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / f"cut{name[2:]}").write_bytes(content[: len(content) // 2])
        assert "not readable" in refuse(source=f"cut{name[2:]}")


def test_a_flipped_bit_in_an_npz(refuse, images, tmp_path):
    np.savez(tmp_path / "in.npz", X=images)
    content = bytearray((tmp_path / "in.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "in.npz").write_bytes(content)
    assert "not readable" in refuse(source="in.npz")


def test_unknown_and_missing_keys(refuse, images, tmp_path):
    np.savez(tmp_path / "in.npz", a=images, b=images)
    np.savez(tmp_path / "empty.npz")
    assert "arrays: a, b" in refuse("--key", "c", source="in.npz")
    assert "arrays: none" in refuse(source="empty.npz")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"%!PS-Adobe-3.0 EPSF-3.0"])
def test_pictures_that_are_none(refuse, tmp_path, content):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(content)
    assert "a.png" in refuse(source="pictures")


def test_a_truncated_picture(refuse, tmp_path):
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    path = tmp_path / "pictures" / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    assert "the image is damaged" in refuse(source="pictures")


def test_without_pillow_the_extra_is_named(refuse, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    (tmp_path / "pictures").mkdir()
    assert "pip install 'skmimic[plot]'" in refuse(source="pictures")


def npy(array, **claims):
    """Bytes of a .npy whose header may claim other things."""
    stream = io.BytesIO()
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(stream, {**header, **claims})
    return stream.getvalue() + array.tobytes()


LIES = {
    "more images": {"shape": (6, 64)},
    "fewer images": {"shape": (4, 64)},
    "a huge number of images": {"shape": (10**12, 64)},
    "a number that is none": {"shape": (-5, 64)},
    "a truth": {"shape": (True, 64)},
    "another type": {"descr": "<f4"},
    "objects": {"descr": "|O"},
    "a huge type": {"descr": "<U1000000000"},
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie(refuse, tmp_path, lie):
    content = npy(np.zeros((5, 64)), **LIES[lie])
    (tmp_path / "bad.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("X.npy", content)
    for name in ("bad.npy", "bad.npz"):
        line = refuse(source=name)
        assert f"{tmp_path / name}: not readable" in line


@pytest.mark.parametrize("content", [b"\x93NUMPY\2\0" + b"\xff\xff\xff\x7f", b"\x93NUMPY\3\0\x08\0\0\0{{{{{{{{"])
def test_headers_that_ask_for_memory(refuse, tmp_path, content):
    (tmp_path / "bad.npy").write_bytes(content)
    os.truncate(tmp_path / "bad.npy", 2**31)
    tracemalloc.start()
    try:
        assert "not readable" in refuse(source="bad.npy")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_archives_are_not_unpacked_before_their_headers_fit(refuse, tmp_path):
    """40 MB of zeros in 40 kB."""
    np.savez_compressed(tmp_path / "bomb.npz", X=np.zeros((10_000_000, 1), np.float32))
    tracemalloc.start()
    try:
        assert "(10000000, 1)" in refuse(source="bomb.npz")
        assert "not a saved surrogate" in refuse("--load-surrogate", tmp_path / "bomb.npz")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_an_archive_larger_than_the_memory_is_named(refuse, images, tmp_path, monkeypatch):
    np.savez(tmp_path / "in.npz", X=images)
    monkeypatch.setattr("skmimic.cli._sources._memory", lambda: images.nbytes - 1)
    assert "Save it as .npy" in refuse(source="in.npz")


def test_names_that_come_twice(refuse, images, tmp_path):
    np.savez(tmp_path / "in.npz", X=images)
    with zipfile.ZipFile(tmp_path / "in.npz", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("X.npy", npy(images[:2]))
    assert "two arrays are called 'X'" in refuse(source="in.npz")


def bad_models(path):
    """Files and others that are no models, by name."""
    content = Path(path).read_bytes()
    flipped = bytearray(content)
    flipped[-3] ^= 1
    return {
        "empty": b"",
        "truncated": content[:-5],
        "flipped": bytes(flipped),
        "appended": content + b"x",
        "pickle": pickle.dumps(np.zeros(3)),
        "archive": b"PK\3\4" + bytes(99),
        "array": npy(np.zeros(3)),
        "picture": b"\x89PNG\r\n\x1a\n",
        "text": b"{}" * 99,
    }


@pytest.mark.parametrize("verb", ["info", "verify", "project"])
def test_every_command_that_reads_a_model_names_what_is_none(refused, linear_model, images, tmp_path, verb):
    np.save(tmp_path / "in.npy", images)
    for name, content in bad_models(linear_model).items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 2**31)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nothing")
    before = sorted(tmp_path.rglob("*"))
    for name in (*bad_models(linear_model), "sparse", "folder", "pipe", "dangling", "absent"):
        rest = [tmp_path / "in.npy", tmp_path / "out.npy", "--gan"] if verb == "project" else []
        assert str(tmp_path / name) in refused(verb, *rest, tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_unreadable_files_are_named(refuse, refused, linear_model, images, tmp_path, monkeypatch):
    """As for the superuser no file is, the system's answer is imitated."""
    np.savez(tmp_path / "in.npz", X=images)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "a.png").write_bytes(b"x")
    for path in (tmp_path / "in.npy", tmp_path / "in.npz", tmp_path / "pictures" / "a.png", Path(linear_model)):
        with monkeypatch.context() as patched:
            forbid(patched, path)
            source = pictures if path.parent == pictures else path if path.suffix != ".safetensors" else "in.npy"
            assert f"{path}: Permission denied" in refuse(source=source)
    with monkeypatch.context() as patched:
        forbid(patched, Path(linear_model))
        for verb in ("info", "verify"):
            assert f"{linear_model}: Permission denied" in refused(verb, linear_model)


def forbid(patched, path):
    """Let nobody open a file."""

    def open_file(name, *arguments, real=open, **keywords):
        if str(name) == str(path):
            raise PermissionError(13, "Permission denied", str(name))
        return real(name, *arguments, **keywords)

    patched.setattr("builtins.open", open_file)


@pytest.mark.parametrize("target", ["out.npy", "out.npz", "out"])
def test_a_full_disk_is_one_line_and_leaves_nothing(refuse, tmp_path, target):
    with disk_for(100):
        line = refuse("--surrogate", "identity", target=target)
    assert f"{tmp_path / target}: " in line
    assert "File too large" in line


@pytest.mark.parametrize("saved", ["found.npz", "found.json"])
def test_a_disk_too_full_for_the_surrogate(refuse, tmp_path, saved):
    with disk_for(20):
        line = refuse("--surrogate", "identity", "--save-surrogate", tmp_path / saved)
    assert f"{tmp_path / saved}: File too large" in line


def test_what_was_there_stays_when_the_disk_is_full(refuse, tmp_path):
    (tmp_path / "out.npy").write_bytes(b"old")
    with disk_for(100):
        refuse("--surrogate", "identity")
    assert (tmp_path / "out.npy").read_bytes() == b"old"


def test_outputs_follow_the_umask(command, linear_model, images, tmp_path):
    np.save(tmp_path / "in.npy", images)
    before = os.umask(0o027)
    try:
        for name in ("out.npy", "out.npz", "out"):
            options = ["--gan", linear_model, "--surrogate", "identity", "--save-surrogate", tmp_path / "found.json"]
            assert command("project", tmp_path / "in.npy", tmp_path / name, *options)[0] == 0
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.stem != "in"}
    assert modes.pop("out") == 0o750
    assert {modes[name] for name in ("out.npy", "out.npz", "found.json", "00.png")} == {0o640}
