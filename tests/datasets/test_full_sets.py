"""Readers of the full sets: on small archives of the same form, and on the real ones where they are."""

import numpy as np
import pytest
from sklearn.utils import Bunch

from skmimic import datasets
from skmimic.datasets import _openml

rng = np.random.default_rng(0)


def grey(n, side):
    return rng.integers(0, 256, (n, side, side), dtype=np.uint8)


def labels(n, n_classes=10):
    return (np.arange(n) % n_classes).astype(np.uint8)


def split_arrays(side, **sizes):
    images = {f"images_{part}": grey(n, side) for part, n in sizes.items()}
    return images | {f"labels_{part}": labels(n, 2) for part, n in sizes.items()}


ARCHIVES = {
    "mnist": lambda: split_arrays(28, train=12, test=5),
    "usps": lambda: split_arrays(16, train=12, test=5),
    "fashion_mnist": lambda: split_arrays(28, train=12, test=5),
    "pneumoniamnist": lambda: split_arrays(28, train=12, val=4, test=5),
    "orl_faces": lambda: {"images": grey(6, 64), "labels": labels(6, 40)},
    "celeba_faces64": lambda: {
        "images": rng.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8),
        "file_numbers": np.arange(1, 5, dtype=np.int32),
    },
    "lfw_faces64": lambda: {
        "images": rng.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8),
        "files": np.array(["a", "b", "c", "d"]),
    },
    "lfw_faces128": lambda: {
        "images": rng.integers(0, 256, (2, 128, 128, 3), dtype=np.uint8),
        "files": np.array(["a", "b"]),
    },
}
SPLIT = ["load_mnist", "load_usps", "load_fashion_mnist", "load_pneumonia"]
ALL = [*SPLIT, "load_orl", "load_celeba", "load_lfw"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of small archives that SKMIMIC_DATA names."""
    for name, make in ARCHIVES.items():
        np.savez_compressed(tmp_path / f"{name}.npz", **make())
    monkeypatch.setenv("SKMIMIC_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("loader", ALL)
@pytest.mark.parametrize("size", [None, 24])
def test_rows_are_the_images_flattened(folder, loader, size):
    bunch = getattr(datasets, loader)(**({} if size is None else {"size": size}))
    n = len(bunch.images)
    np.testing.assert_array_equal(bunch.data, bunch.images.reshape(n, -1))
    assert bunch.images.dtype == np.uint8
    assert bunch.DESCR
    assert size is None or bunch.images.shape[-2:] == (size, size)
    assert bunch.target is None or (bunch.target.shape == (n,) and bunch.target.dtype == np.int64)


@pytest.mark.parametrize("loader", SPLIT)
def test_all_is_the_subsets_in_order(folder, loader):
    load = getattr(datasets, loader)
    parts = ["train", "val", "test"] if loader == "load_pneumonia" else ["train", "test"]
    whole = load("all")
    np.testing.assert_array_equal(whole.images, np.concatenate([load(part).images for part in parts]))
    np.testing.assert_array_equal(whole.target, np.concatenate([load(part).target for part in parts]))


@pytest.mark.parametrize("loader", [*SPLIT, "load_orl"])
def test_return_X_y(folder, loader):
    load = getattr(datasets, loader)
    X, y = load(return_X_y=True)
    np.testing.assert_array_equal(X, load().data)
    np.testing.assert_array_equal(y, load().target)


def test_colours_come_channels_first(folder):
    with np.load(folder / "celeba_faces64.npz") as archive:
        stored = archive["images"]
    images = datasets.load_celeba().images
    assert images.shape == (4, 3, 64, 64)
    np.testing.assert_array_equal(images[1, 2], stored[1, :, :, 2])


def test_lfw_above_64_pixels_comes_from_the_large_archive(folder):
    assert datasets.load_lfw(size=100).images.shape == (2, 3, 100, 100)
    assert datasets.load_lfw(size=32).files.tolist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("loader", ALL)
def test_without_the_variable_the_error_says_what_to_do(loader, monkeypatch):
    monkeypatch.delenv("SKMIMIC_DATA", raising=False)
    assert datasets.data_folder() is None
    with pytest.raises(FileNotFoundError, match=rf"{loader}: .*SKMIMIC_DATA is not set.*holds \w+\.npz"):
        getattr(datasets, loader)()


def test_without_the_file_the_error_names_it_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("SKMIMIC_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"there is no file .*mnist\.npz.*download=True"):
        datasets.load_mnist()
    with pytest.raises(FileNotFoundError, match=r"celeba_faces64\.npz\.$"):
        datasets.load_celeba()


def test_an_unknown_subset_is_named(folder):
    with pytest.raises(ValueError, match="load_usps: subset must be one of 'train', 'test', 'all', got 'valid'"):
        datasets.load_usps("valid")
    with pytest.raises(ValueError, match="'val'"):
        datasets.load_pneumonia("dev")


def hostile():
    class Boom:
        def __reduce__(self):
            return (pytest.fail, ("the archive was unpickled",))

    return np.array([Boom()] * 12, dtype=object)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images_train": None}, "images_train"),
        ({"images_train": np.zeros((12, 28, 27), np.uint8)}, r"images_train must be uint8 of shape \(n, 28, 28\)"),
        ({"images_train": np.zeros((12, 28, 28))}, "got float64"),
        ({"labels_train": labels(11)}, "labels_train must be 12 integers from 0 to 9"),
        ({"labels_train": np.full(12, 10)}, "integers from 0 to 9"),
        ({"labels_train": hostile()}, "pickle"),
    ],
)
def test_a_wrong_array_is_named_with_its_file(folder, change, message):
    arrays = {key: value for key, value in (ARCHIVES["mnist"]() | change).items() if value is not None}
    np.savez(folder / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match=rf"mnist\.npz.*{message}"):
        datasets.load_mnist()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "text", "empty", "npy"])
def test_a_damaged_file_is_named(folder, damage):
    path = folder / "mnist.npz"
    content = bytearray(path.read_bytes())
    if damage == "npy":
        np.save(folder / "x.npy", np.zeros(3))
        content = (folder / "x.npy").read_bytes()
    elif damage == "flipped":
        content[200:400] = bytes(byte ^ 0xFF for byte in content[200:400])
    path.write_bytes({"truncated": content[: len(content) // 2], "text": b"hello", "empty": b""}.get(damage, content))
    with pytest.raises(ValueError, match=r"mnist\.npz is not a readable numpy archive"):
        datasets.load_mnist()


class TestDownload:
    """`fetch_openml` stands in for the network, which no test may use."""

    @pytest.fixture
    def served(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SKMIMIC_DATA", str(tmp_path))
        monkeypatch.setattr(_openml, "CLASS_COUNTS", dict.fromkeys(_openml.CLASS_COUNTS, (2,) * 10))
        calls = []

        def serve(bunch):
            def fetch(data_id, **kwargs):
                calls.append(data_id)
                return bunch

            monkeypatch.setattr(_openml, "fetch_openml", fetch)
            return calls

        return serve

    def test_is_idle_unless_asked(self, served):
        calls = served(None)
        with pytest.raises(FileNotFoundError):
            datasets.load_mnist()
        assert not calls

    def test_splits_and_converts_digits(self, served):
        images, digits = grey(25, 28), labels(25)
        calls = served(Bunch(data=images.reshape(25, -1).astype(float), target=digits.astype(str).astype(object)))
        train, test = (datasets.load_mnist(part, download=True) for part in ("train", "test"))
        np.testing.assert_array_equal(np.concatenate([train.images, test.images]), images)
        np.testing.assert_array_equal(np.concatenate([train.target, test.target]), digits)
        assert len(train.images) == 20
        assert calls == [554, 554]

    def test_brings_usps_to_grey_levels_and_digits(self, served):
        images, digits = grey(25, 16), labels(25)
        scaled = np.round(images.reshape(25, -1) / 127.5 - 1, 3)
        served(Bunch(data=scaled, target=(digits + 1).astype(str).astype(object)))
        usps = datasets.load_usps("all", download=True)
        np.testing.assert_array_equal(usps.images, images)
        np.testing.assert_array_equal(usps.target, digits)

    def test_a_file_wins_over_the_network(self, served, folder):
        calls = served(None)
        assert len(datasets.load_mnist(download=True).images) == 12
        assert not calls

    def test_another_set_under_the_same_number_is_refused(self, served):
        served(Bunch(data=np.zeros((25, 784)), target=np.array(["3"] * 25, dtype=object)))
        with pytest.raises(ValueError, match="OpenML data set 554 is no longer the mnist"):
            datasets.load_mnist(download=True)


@pytest.mark.realdata
def test_real_sets_have_their_published_sizes(realdata):
    realdata("usps")
    sizes = {"load_mnist": (60000, 784), "load_usps": (7291, 256), "load_fashion_mnist": (60000, 784)}
    sizes |= {"load_pneumonia": (4708, 784), "load_orl": (400, 4096)}
    for loader, shape in sizes.items():
        assert getattr(datasets, loader)().data.shape == shape


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["mnist", "usps", "fashion_mnist"])
def test_class_counts_that_a_download_must_show_are_the_real_ones(realdata, name):
    with realdata(name) as archive:
        counts = np.bincount(archive["labels_train"])
    assert tuple(counts) == _openml.CLASS_COUNTS[name]
