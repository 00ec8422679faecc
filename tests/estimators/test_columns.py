"""Columns that are no pixels: which is named, and what a user is told to pass works."""

import re

import numpy as np
import pytest

from skmimic import PGDProjector
from skmimic.exceptions import GeneratorMismatchError
from tests.helpers import pictures, small

N = 12
EITHER = r"Drop the first, X\[:, 1:\], or the last, X\[:, :-1\]\.$"


def refusal(X):
    with pytest.raises((ValueError, TypeError)) as caught:
        small(PGDProjector).fit(X)
    assert str(caught.value).startswith("PGDProjector: ")
    return str(caught.value)


def advised(X):
    """What the message says to pass."""
    advice = re.search(r"pass (.*)\.$", refusal(X))[1]
    return eval(advice, {"X": X, "np": np})


def with_a_lit_pixel():
    """Rows of which one pixel is black but for once, grey there: whole numbers, in [-1, 1]."""
    rows = pictures(N).copy()
    rows[:, 3] = -1
    rows[3, 3] = 0
    return rows


@pytest.mark.parametrize("place", [0, 20, 64])
@pytest.mark.parametrize("labels", [np.full(N, 7.0), np.arange(N) // 6 + 7.0], ids=["one", "two"])
def test_a_label_is_named_and_not_a_pixel(place, labels):
    rows = with_a_lit_pixel()
    np.testing.assert_array_equal(advised(np.insert(rows, place, labels, axis=1)), rows)


def test_a_pixel_is_not_named_as_the_label():
    rows = with_a_lit_pixel()
    with pytest.raises(GeneratorMismatchError, match=EITHER):
        small(PGDProjector).fit(np.c_[rows, rows[:, 10]])


def test_a_black_pixel_among_grey_ones_is_no_label():
    rows = 0.9 * pictures(N)
    rows[:, 3] = -1
    with pytest.raises(GeneratorMismatchError, match=EITHER):
        small(PGDProjector).fit(np.c_[rows, rows[:, 10]])


class TestWords:
    def test_names_in_the_first_row(self):
        X = np.vstack([np.array([f"p{i}" for i in range(64)], dtype=object), pictures(N).astype(object)])
        np.testing.assert_array_equal(advised(X), pictures(N))
        np.testing.assert_allclose(advised(X.astype(str)), pictures(N), rtol=1e-6)

    def test_names_in_the_first_row_of_a_frame(self):
        pandas = pytest.importorskip("pandas")
        X = np.vstack([np.array([f"p{i}" for i in range(64)], dtype=object), pictures(N).astype(object)])
        np.testing.assert_array_equal(advised(pandas.DataFrame(X)), pictures(N))

    def test_decimal_commas(self):
        X = np.char.replace(pictures(N).astype(str), ".", ",")
        np.testing.assert_allclose(advised(X), pictures(N), rtol=1e-6)
        np.testing.assert_allclose(advised(X.astype(object)), pictures(N), rtol=1e-6)

    def test_words_everywhere_are_not_to_be_dropped(self):
        message = refusal(np.full((N, 64), "dark"))
        assert "np.delete" not in message
        assert len(message) < 250


LIBRARIES = ["pandas", "polars"]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("beside", [{}, {"label": range(N)}, {"label": list("abcdefghijkl")}])
class TestImagesInOneColumn:
    def frame(self, library, beside, pixels):
        return pytest.importorskip(library).DataFrame({**beside, "pixels": pixels})

    def test_arrays(self, library, beside):
        np.testing.assert_array_equal(advised(self.frame(library, beside, list(pictures(N)))), pictures(N))

    def test_lists(self, library, beside):
        np.testing.assert_array_equal(advised(self.frame(library, beside, pictures(N).tolist())), pictures(N))

    def test_images(self, library, beside):
        images = pictures(N).reshape(N, 8, 8).tolist()
        np.testing.assert_array_equal(np.array(list(map(list, advised(self.frame(library, beside, images))))), images)

    @pytest.mark.parametrize("form", ["{}", "[{}]"])
    @pytest.mark.parametrize("separator", [" ", ",", ", ", ";"])
    def test_text(self, library, beside, separator, form):
        values = np.round(127 * (pictures(N) + 1))
        texts = [form.format(separator.join(f"{value:.0f}" for value in row)) for row in values]
        np.testing.assert_array_equal(advised(self.frame(library, beside, texts)), values)


def test_images_in_one_column_of_an_array():
    X = np.empty((N, 2), dtype=object)
    X[:, 0] = 3
    X[:, 1] = list(pictures(N))
    np.testing.assert_array_equal(advised(X), pictures(N))
