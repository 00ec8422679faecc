"""Everything wrong that can be asked of `skmimic project` is one line and leaves nothing behind."""

import pickle

import numpy as np
import pytest

from skmimic.generators import Generator, architectures


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
        (["--device", "abacus"], "abacus"),
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
    ],
)
def test_targets(refuse, tmp_path, target, words):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("x")
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "file").write_text("precious")
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


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_found_with_their_row(refuse, images, tmp_path, value):
    images[17, 3, 3] = value
    np.save(tmp_path / "bad.npy", images)
    assert "image 17 contains NaN or infinity" in refuse(source="bad.npy")


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
