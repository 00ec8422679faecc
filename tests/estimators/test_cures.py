"""What an error says to pass is right: it is read off the message, tried, and gives what whole rows give."""

import re

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skmimic import DCGAN, VAE, BiGAN, MimicAnomalyDetector, MimicGANProjector, PGDProjector
from skmimic.estimators._inputs import as_array
from skmimic.exceptions import GeneratorMismatchError
from skmimic.utils._sklearn import InvalidParameterError
from tests.helpers import SmoothDecoder, digits, pictures, small, smooth_generator

GREY, COLOUR = (1, 8, 8), (3, 8, 12)
IDS = {"ids": lambda cls: cls.__name__}


def advised(call, X, pattern):
    """What the message of the error of a call says to pass in place of X."""
    with pytest.raises(ValueError, match=pattern) as caught:
        call(X)
    return eval(re.search(pattern, str(caught.value))[1], {"X": X, "np": np})


def planes(shape, form):
    """Pictures whose height and width lie in one axis, and the rows that they are."""
    channels, n_pixels = shape[0], shape[1] * shape[2]
    rows = pictures(6, shape)
    images = rows.reshape(6, channels, n_pixels)
    return rows, {
        "first": images,
        "last": np.moveaxis(images, 1, -1),
        "first, one row": images.reshape(6, channels, 1, n_pixels),
        "last, one column": np.moveaxis(images, 1, -1).reshape(6, n_pixels, 1, channels),
    }[form]


@pytest.mark.parametrize("form", ["first", "last", "first, one row", "last, one column"])
@pytest.mark.parametrize("shape", [GREY, COLOUR])
class TestHeightAndWidthInOneAxis:
    """Rows with an axis too many, and channels of flat images."""

    PATTERN = r"Height and width of X lie in one axis: pass (.*)\.$"

    def test_in_fit(self, shape, form):
        rows, X = planes(shape, form)
        for gan in (smooth_generator(shape), SmoothDecoder(image_shape=shape)):
            images = advised(small(PGDProjector, gan).fit, X, self.PATTERN)
            model = small(PGDProjector, gan).fit(images)
            np.testing.assert_array_equal(model.encode(images), model.encode(rows))

    def test_in_later_methods(self, shape, form):
        rows, X = planes(shape, form)
        model = small(MimicGANProjector, smooth_generator(shape), surrogate="identity").fit(rows)
        for name in ("transform", "encode", "inverse_transform", "score_samples", "adapt", "project"):
            images = advised(getattr(model, name), X, self.PATTERN)
            np.testing.assert_array_equal(model.encode(images), model.encode(rows))

    @pytest.mark.parametrize("cls", [MimicGANProjector, DCGAN], **IDS)
    def test_beside_image_shape(self, shape, form, cls):
        rows, X = planes(shape, form)
        images = advised(cls(image_shape=shape).fit, X, self.PATTERN)
        assert images.reshape(6, -1).shape == rows.shape


def with_columns(rows, columns):
    """Rows with further columns put in at their places."""
    for place, values in sorted(columns.items()):
        rows = np.insert(rows, place, values, axis=1)
    return rows


N = 30
LABELS = np.random.default_rng(0).integers(0, 10, N)
SURPLUS = {
    "labels last": {64: LABELS},
    "labels first": {0: LABELS},
    "labels amid": {20: LABELS},
    "index": {0: np.arange(N)},
    "index from 7": {64: np.arange(7, 7 + N)},
    "zeros and ones": {64: LABELS % 2},
    "index and labels": {0: np.arange(N), 65: LABELS},
}


class TestColumnsTooMany:
    """Labels and indices that were left in."""

    PATTERN = r"has (?:64|65|66) features.* too many.*whole numbers, unlike the others\. Drop .* pass (.*)\.$"

    @pytest.mark.parametrize("case", SURPLUS)
    def test_the_columns_of_whole_numbers_are_named(self, case):
        rows, X = pictures(N), with_columns(pictures(N), SURPLUS[case])
        model = small(PGDProjector).fit(rows)
        np.testing.assert_array_equal(advised(small(PGDProjector).fit, X, self.PATTERN), rows)
        for name in ("transform", "encode", "score_samples", "project"):
            np.testing.assert_array_equal(advised(getattr(model, name), X, self.PATTERN), rows)

    @pytest.mark.parametrize("cls", [MimicAnomalyDetector, DCGAN, VAE, BiGAN], **IDS)
    def test_beside_image_shape(self, cls):
        X = with_columns(pictures(N), SURPLUS["labels last"])
        pattern = r"which have 65 values\. It has one column too many.* pixel: pass (.*)\.$"
        np.testing.assert_array_equal(advised(cls(image_shape=GREY).fit, X, pattern), pictures(N))

    def test_an_index_is_told_among_bytes(self):
        rows = np.round((pictures(N) + 1) * 127.5)
        found = advised(small(PGDProjector).fit, with_columns(rows, SURPLUS["index"]), self.PATTERN)
        np.testing.assert_array_equal(found, rows)

    def test_labels_among_bytes_may_be_first_or_last(self):
        X = with_columns(np.round((pictures(N) + 1) * 127.5), SURPLUS["labels last"])
        with pytest.raises(GeneratorMismatchError, match=r"the first, X\[:, 1:\], or the last, X\[:, :-1\]\.$"):
            small(PGDProjector).fit(X)

    def test_a_decomposition_says_the_same(self):
        gan = PCA(4).fit(digits()[:N])
        X = with_columns(digits()[:N], {64: LABELS + 0.0, 20: np.arange(N)})
        np.testing.assert_array_equal(advised(PGDProjector(gan).fit, X, self.PATTERN), digits()[:N])

    def test_three_too_many_are_another_size(self):
        with pytest.raises(GeneratorMismatchError, match=r"67 features\. Resize X"):
            small(PGDProjector).fit(np.zeros((N, 67), dtype=np.float32))


@pytest.mark.parametrize("library", ["pandas", "polars"])
class TestFrames:
    """Columns have names."""

    def frame(self, library, **columns):
        module = pytest.importorskip(library)
        return module.DataFrame({**{f"p{i}": pictures(N)[:, i] for i in range(64)}, **columns})

    def test_a_label_is_named(self, library):
        found = advised(
            small(PGDProjector).fit, self.frame(library, label=LABELS), r"'label' holds whole.* pass (.*)\.$"
        )
        np.testing.assert_array_equal(found.to_numpy(), pictures(N))

    def test_names_of_columns_are_kept(self, library):
        assert list(small(PGDProjector).fit(self.frame(library)).feature_names_in_) == [f"p{i}" for i in range(64)]

    def test_a_further_column_is_named_after_fit(self, library):
        model = small(PGDProjector).fit(self.frame(library))
        with pytest.raises(ValueError, match=r"(?s)unseen at fit time.*label"):
            model.transform(self.frame(library, label=LABELS))

    @pytest.mark.parametrize("cls", [PGDProjector, MimicAnomalyDetector, DCGAN], **IDS)
    def test_words_are_named(self, library, cls):
        X = self.frame(library, kind=["cat"] * N, day=["Monday"] * N)
        model = cls() if cls is DCGAN else small(cls)
        found = advised(model.fit, X, rf"^{cls.__name__}: .*no numbers: 'kind', 'day' .* pass (.*)\.$")
        np.testing.assert_array_equal(found.to_numpy(), pictures(N))


def test_a_column_of_images_is_named():
    X = pytest.importorskip("pandas").DataFrame({"y": LABELS, "picture": list(pictures(N).reshape(N, 8, 8))})
    found = advised(small(PGDProjector).fit, X, r"Column 'picture' holds images: pass (.*)\.$")
    np.testing.assert_array_equal(as_array("Test", found), pictures(N).reshape(N, 8, 8))


def test_words_in_an_array_are_dropped_as_advised():
    X = np.c_[["cat"] * N, pictures(N).astype(object)]
    found = advised(small(PGDProjector).fit, X, r"no numbers: 0 \(could not convert.* pass (.*)\.$")
    np.testing.assert_array_equal(found, pictures(N))


def test_rows_of_a_table_are_those_of_the_advice():
    rows = [{"label": 3, "picture": image} for image in pictures(N).reshape(N, 8, 8)]
    with pytest.raises(TypeError) as caught:
        small(PGDProjector).fit(rows)
    images = eval(re.search(r"pass (.*)\.$", str(caught.value))[1], {"X": rows})
    np.testing.assert_array_equal(as_array("Test", images), pictures(N).reshape(N, 8, 8))


@pytest.mark.parametrize("as_columns", [False, True])
def test_boxes_are_not_taken_for_images(as_columns):
    row = {"box": [[[0.0, 1.0]]], "picture": pictures()[0].reshape(8, 8), "label": 3}
    X = {name: [value] * 3 for name, value in row.items()} if as_columns else [row] * 3
    with pytest.raises(TypeError, match="Its key 'picture' holds"):
        small(PGDProjector).fit(X)


class TableOfRows:
    """Stand-in for a data set of Hugging Face: rows by index, columns by name, no array."""

    column_names = ("label", "picture")

    def __iter__(self):
        return iter([{"label": 3, "picture": pictures()[0].reshape(8, 8)}])


def test_a_data_set_of_rows_names_the_key():
    with pytest.raises(TypeError, match=r"X is a TableOfRows, a table of rows.*\[row\['picture'\] for row in X\]"):
        small(PGDProjector).fit(TableOfRows())


SHAPES = {
    "channels last": (8, 8, 1),
    "sides": (8, 8),
    "number of values": 64,
    "words": "8x8",
    "array of sides": np.array([8, 8]),
    "floats": [1.0, 8.0, 8],
    "text of three": "1 x 8 x 8",
}


@pytest.mark.parametrize("form", [(64,), (8, 8), (8, 8, 1), (1, 8, 8)])
@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("cls", [PGDProjector, MimicGANProjector, DCGAN], **IDS)
def test_the_image_shape_that_is_advised_is_right(cls, case, form):
    X = pictures(6).reshape(6, *form)

    def model(image_shape):
        few = {"n_epochs": 1, "width": 2} if cls is DCGAN else {}
        return cls(image_shape=image_shape, **few) if cls is DCGAN else small(cls, image_shape=image_shape)

    pattern = rf"^{cls.__name__}: image_shape=.* must be \(channels, height, width\).* Pass image_shape=(\([^)]*\))"
    with pytest.raises(InvalidParameterError) as caught:
        model(SHAPES[case]).fit(X)
    found = eval(re.search(pattern, str(caught.value))[1])
    assert model(found).fit(X).image_shape_ == GREY


def test_colour_with_its_channels_last_too():
    with pytest.raises(InvalidParameterError, match=r"Pass image_shape=\(3, 8, 12\)\.$"):
        small(PGDProjector, smooth_generator(COLOUR), image_shape=(8, 12, 3)).fit(pictures(6, COLOUR))


def test_many_channels_of_a_generator_are_believed():
    shape = (6, 8, 3)
    model = small(PGDProjector, smooth_generator(shape), image_shape=shape).fit(pictures(6, shape))
    assert model.image_shape_ == shape


def test_another_form_is_advised_where_the_parameter_contradicts_it():
    X = pictures(6).reshape(6, 8, 8)
    found = advised(MimicGANProjector(image_shape=(1, 4, 16)).fit, X, r"Pass image_shape=(.*), or leave it out\.$")
    assert found == GREY
