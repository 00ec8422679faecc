"""Rows in [0, 1] among rows in [-1, 1] are told where that is near certain, and nothing else is."""

import warnings

import numpy as np
import pytest

from skmimic import DCGAN, MimicAnomalyDetector, MimicGANProjector, PGDProjector, load_gan
from skmimic.datasets import load_mnist_sample
from skmimic.exceptions import DataRangeWarning

GAN = load_gan("mnist16")
N = 40
FEW = {"T": 1, "T2": 1, "random_state": 0}


@pytest.fixture(scope="module")
def rows():
    """Handwritten digits in [-1, 1]."""
    return (load_mnist_sample(size=16).images[:N] / 127.5 - 1).reshape(N, 256).astype(np.float32)


def mixture(rows, halved):
    """Put some rows in [0, 1]."""
    X = rows.copy()
    X[halved] = (X[halved] + 1) / 2
    return X


def warned_of(call, X):
    """The messages of warnings about ranges."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(X)
    return [str(one.message) for one in caught if issubclass(one.category, DataRangeWarning)]


@pytest.fixture(scope="module")
def projector(rows):
    return PGDProjector(GAN, **FEW).fit(rows)


@pytest.mark.parametrize("n_halved", [N // 8, N // 2, N - N // 8])
@pytest.mark.parametrize("seed", range(3))
def test_the_first_is_named_in_fit_and_later(rows, projector, n_halved, seed):
    halved = np.random.default_rng(seed).permutation(N)[:n_halved]
    X = mixture(rows, halved)
    message = rf"PGDProjector: {n_halved} of {N} rows of X .*the first is row {halved.min()}, "
    with pytest.warns(DataRangeWarning, match=message):
        PGDProjector(GAN, **FEW).fit(X)
    for method in ("transform", "score_samples"):
        with pytest.warns(DataRangeWarning, match=message):
            getattr(projector, method)(X)


@pytest.mark.parametrize("cls", [MimicGANProjector, MimicAnomalyDetector, DCGAN], ids=lambda cls: cls.__name__)
def test_every_fit_tells(rows, cls):
    few = {"max_steps": 1, "width": 2} if cls is DCGAN else {"surrogate": "identity", "gan": GAN, **FEW}
    model = cls(**few)
    X = mixture(rows, np.arange(3, N, 3)).reshape(N, 16, 16)
    found = warned_of(model.fit, X)
    assert any("the first is row 3, from" in message for message in found)
    assert not warned_of(cls(**few).fit, rows.reshape(N, 16, 16))


def test_the_advice_works(rows, projector):
    halved = np.arange(5, N, 4)
    X = mixture(rows, halved)
    assert warned_of(projector.transform, X)
    X[halved] = 2 * X[halved] - 1
    assert not warned_of(projector.transform, X)


def test_what_fit_saw_is_not_told_again(rows):
    X = mixture(rows, np.arange(0, N, 3))
    with pytest.warns(DataRangeWarning):
        model = PGDProjector(GAN, **FEW).fit(X)
    assert not warned_of(model.transform, X)


def smeared(rows):
    images = rows.reshape(-1, 16, 16)
    near = sum(np.roll(images, step, axis) for axis in (1, 2) for step in (-1, 0, 1))
    return near.reshape(rows.shape) / 6


NATURES = {
    "none": lambda rows: rows,
    "inversion": lambda rows: -rows,
    "less contrast": lambda rows: 0.5 * rows + 0.3,
    "blur": smeared,
    "inversion and blur": lambda rows: -smeared(smeared(rows)),
    "inversion and stronger blur": lambda rows: -smeared(smeared(smeared(rows))),
    "own brightness": lambda rows: np.linspace(0.5, 1, N)[:, None] * rows + np.linspace(-0.3, 0.4, N)[:, None],
    "one bright row": lambda rows: mixture(rows, [7]),
    "grey rows": lambda rows: np.where(np.arange(N)[:, None] % 3 == 0, 0.0, rows),
    "faint bright rows": lambda rows: np.where(np.arange(N)[:, None] % 3 == 0, 0.2 * rows + 0.3, rows),
    "bright rows that look otherwise": lambda rows: np.where(np.arange(N)[:, None] % 3 == 0, (1 - rows) / 2, rows),
}


@pytest.mark.parametrize("nature", NATURES)
def test_nothing_else_is_told(rows, nature):
    X = NATURES[nature](rows).astype(np.float32)
    found = warned_of(PGDProjector(GAN, data_range=(-1, 1), **FEW).fit, X)
    assert not [message for message in found if "look as if they were in (0, 1)" in message]


def test_blank_rows_do_not_count(rows, projector):
    X = mixture(rows, np.arange(3, N, 3))
    X[:2] = 0.0
    with pytest.warns(DataRangeWarning, match=rf"{len(range(3, N, 3))} of {N} rows .*the first is row 3, "):
        projector.transform(X)


def test_other_ranges_have_no_such_rows(rows):
    X = mixture(rows, np.arange(0, N, 3))
    found = warned_of(PGDProjector(GAN, data_range=(-1, 1.5), **FEW).fit, X)
    assert not [message for message in found if "look as if they were in (0, 1)" in message]


def test_vectors_and_bytes_have_no_such_rows(rows):
    bright = np.arange(0, N, 3)
    as_bytes = np.round((mixture(rows, bright) + 1) * 127.5)
    assert not warned_of(PGDProjector(GAN, **FEW).fit, as_bytes)
    assert not warned_of(PGDProjector(image_shape=(1, 1, 256), **FEW).fit, mixture(rows, bright))
