"""Rows, parts and names that do not belong together: refused or warned of by name."""

import warnings

import numpy as np
import pytest

from skmimic import MimicGANProjector, load_gan
from skmimic.estimators._ranges import RangeMemory
from skmimic.exceptions import DataRangeError, DataRangeWarning, GeneratorMismatchError
from skmimic.surrogates import Affine, Blur, Photometric, build_family
from skmimic.utils import Bounds

GAN = load_gan("mnist16")
SETTINGS = {"T": 1, "T1": 2, "T2": 2, "random_state": 0}


@pytest.fixture(scope="module")
def rows():
    return GAN.sample(8, random_state=0).reshape(8, 256).astype(np.float32)


def projector(surrogate="identity"):
    return MimicGANProjector(GAN, surrogate=surrogate, **SETTINGS)


def as_bytes(rows):
    return np.round((rows + 1) * 127.5)


def test_one_row_of_fractions_among_bytes_is_named_after_fit(rows):
    model = projector().fit(as_bytes(rows))
    with pytest.warns(DataRangeWarning, match="in row 2"):
        model.transform(np.concatenate([as_bytes(rows[:2]), (rows[2:3] + 1) / 2]))


def test_one_row_of_fractions_among_bytes_is_named_in_fit(rows):
    with pytest.warns(DataRangeWarning, match="in row 5"):
        projector().fit(np.concatenate([as_bytes(rows[:5]), (rows[5:] + 1) / 2]))


def test_a_nearly_black_row_of_bytes_is_none(rows):
    X = as_bytes(rows)
    X[1] = 0
    X[1, 40] = 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        projector().fit(X).transform(X)
    assert not [one for one in caught if issubclass(one.category, DataRangeWarning)]


def as_binary(rows):
    return (rows > 0).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_rows_of_zeros_and_ones_among_bytes_are_named(rows, dtype):
    X = np.concatenate([as_bytes(rows[:5]), as_binary(rows[5:])]).astype(dtype)
    with pytest.warns(DataRangeWarning, match="from 0 to 1 in row 5, .* as other rows do"):
        projector().fit(X)
    with pytest.warns(DataRangeWarning, match="from 0 to 1 in row 5, .* as other rows do"):
        projector().fit(as_bytes(rows)).transform(X)


def test_rows_of_zeros_and_ones_where_others_are_dark_are_not_named(rows):
    X = np.concatenate([as_bytes(rows[:5]), as_binary(rows[5:])])
    bounds = Bounds(0.0, 255.0)
    with pytest.warns(DataRangeWarning):
        RangeMemory.of(bounds, X).check_mixed("Test", X)
    dark = np.minimum(X, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RangeMemory.of(bounds, dark).check_mixed("Test", dark)


def test_a_list_of_bytes_and_fractions_is_refused(rows):
    images = [*as_bytes(rows[:4]).astype(np.uint8).reshape(4, 16, 16), *rows[4:].reshape(4, 16, 16)]
    with pytest.raises(DataRangeError, match=r"X\[4\] is float32, X\[0\] uint8"):
        projector().fit(images)


@pytest.mark.parametrize("part", [Affine((1, 28, 28)), Blur((1, 28, 28)), Photometric((3, 16, 16))])
def test_a_surrogate_for_other_images_is_refused(part, rows):
    with pytest.raises(GeneratorMismatchError, match=rf"{type(part).__name__} is made for images of shape"):
        projector(part).fit(rows)


def test_a_part_stands_in_a_family_once():
    with pytest.raises(ValueError, match=r"affine.*twice"):
        build_family("affine+affine", (1, 16, 16))
