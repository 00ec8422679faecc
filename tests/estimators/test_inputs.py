"""What can be X besides an array: lists of arrays, tensors or pictures are read, the rest says what to do."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from skmimic import DCGAN, MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector
from skmimic.estimators._aligner import Target
from skmimic.estimators._inputs import as_array
from skmimic.exceptions import DataRangeError, GeneratorMismatchError
from tests.helpers import pictures, small, smooth_generator

COLOUR = (3, 8, 8)
GREY = pictures(10).reshape(10, 8, 8)
RGB = pictures(10, COLOUR).reshape(10, *COLOUR)


def series(items):
    return pytest.importorskip("pandas").Series(items)


def objects(items):
    items = list(items)
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array


FORMS = {
    "list of (H, W)": lambda: (list(GREY), GREY),
    "list of (C, H, W)": lambda: (list(RGB), RGB),
    "list of (H, W, C)": lambda: (list(np.moveaxis(RGB, 1, -1)), np.moveaxis(RGB, 1, -1)),
    "tuple": lambda: (tuple(GREY), GREY),
    "nested lists": lambda: (GREY.tolist(), GREY),
    "list of tensors": lambda: (list(torch.tensor(RGB)), RGB),
    "list of tensors with gradients": lambda: ([torch.tensor(x, requires_grad=True) for x in GREY], GREY),
    "list of rows as tensors": lambda: (list(torch.tensor(pictures(10)).requires_grad_()), pictures(10)),
    "series": lambda: (series(list(GREY)), GREY),
    "series of tensors": lambda: (series(list(torch.tensor(GREY))), GREY),
    "array of objects": lambda: (objects(RGB), RGB),
    "list of rows": lambda: (list(pictures(10)), pictures(10)),
    "series of rows": lambda: (series(list(pictures(10))), pictures(10)),
    "series of lists": lambda: (series(pictures(10).tolist()), pictures(10)),
    "objects that are rows": lambda: (objects(pictures(10)), pictures(10)),
    "floats of two widths": lambda: ([*GREY[:5], *GREY[5:].astype(np.float64)], GREY),
    "tensor with gradient": lambda: (torch.tensor(RGB).requires_grad_(), RGB),
    "rows as tensor with gradient": lambda: (torch.tensor(pictures(10)).requires_grad_(), pictures(10)),
}


@pytest.mark.parametrize("form", FORMS)
def test_is_read_as_the_stacked_array(form):
    X, stacked = FORMS[form]()
    gan = smooth_generator(COLOUR if stacked.ndim == 4 else (1, 8, 8))
    model = small(MimicGANProjector, gan, surrogate="identity").fit(X)
    expected = small(MimicGANProjector, gan, surrogate="identity").fit(stacked).transform(stacked)
    assert model.transform(X).shape == stacked.shape
    np.testing.assert_allclose(model.transform(X), expected, atol=1e-6)  # nested lists are float64


@pytest.mark.parametrize("cls", [MimicAnomalyDetector, MimicDomainAligner, DCGAN])
def test_every_estimator_reads_lists(cls):
    model = DCGAN(3, width=2, max_steps=1) if cls is DCGAN else small(cls, surrogate="identity")
    model.fit(list(GREY))
    assert model.image_shape_ == (1, 8, 8)
    if cls is not DCGAN:
        np.testing.assert_array_equal(model.score_samples(tuple(GREY)), model.score_samples(GREY))


def test_lists_have_domains():
    X, domain = list(GREY), np.repeat([0, -1], 5)
    found = small(MimicDomainAligner, surrogate="identity").fit_transform(X, sample_domain=domain)
    expected = small(MimicDomainAligner, surrogate="identity").fit_transform(GREY, sample_domain=domain)
    np.testing.assert_array_equal(found, expected)


REFUSED = {"names": ["a.png"] * 10, "table": {"picture": GREY, "y": [3] * 10}, "sparse": torch.ones(10, 64).to_sparse()}


@pytest.mark.parametrize("kind", REFUSED)
def test_domains_do_not_hide_what_x_is(kind):
    X, domain = REFUSED[kind], np.repeat([0, -1], 5)
    model = small(MimicDomainAligner, surrogate="identity").fit(GREY)
    calls = {
        "fit": lambda: model.fit(X, sample_domain=domain),
        "fit_transform": lambda: model.fit_transform(X, sample_domain=domain),
        "target": lambda: model.fit(GREY, X_target=X),
        "wrapped": lambda: model.fit(GREY, X_target=Target(X)),
        "transform": lambda: model.transform(X, sample_domain=domain),
        "new domain": lambda: model.fit_new_domain(X, sample_domain=-1),
        "adapt": lambda: model.adapt(Target(X)),
    }
    for name, call in calls.items():
        with pytest.raises(TypeError, match=r"^MimicDomainAligner: X(\[0\])? is "):
            pytest.fail(f"{name} gave {call()}")


IMAGES = torch.tensor(GREY)
TENSORS = {
    "gradient": lambda: IMAGES.clone().requires_grad_(),
    "parameter": lambda: torch.nn.Parameter(IMAGES.clone()),
    "negative view": lambda: torch._neg_view(-IMAGES),
    "part of a conjugate": lambda: torch.complex(IMAGES, -IMAGES).conj().imag,
    "nested": lambda: torch.nested.nested_tensor(list(IMAGES)),
    "jagged": lambda: torch.nested.nested_tensor(list(IMAGES), layout=torch.jagged),
    "blocked layout": lambda: IMAGES.to_mkldnn(),
    "bfloat16": lambda: IMAGES.bfloat16(),
    "float8": lambda: IMAGES.to(torch.float8_e4m3fn),
    "quantised": lambda: torch.quantize_per_tensor(IMAGES, 2 / 255, 127, torch.quint8),
    "other strides": lambda: IMAGES.mT.contiguous().mT,
}


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of types that it is about to change
def test_tensors_are_read_whatever_their_layout_and_type(kind):
    tensor = TENSORS[kind]()
    atol = {"bfloat16": 2e-2, "float8": 7e-2, "quantised": 1 / 255 + 1e-6}.get(kind, 0)
    items = [image.to_mkldnn() for image in IMAGES] if tensor.is_mkldnn else list(tensor.unbind())
    for found in (as_array("Test", tensor), as_array("Test", items)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, GREY, atol=atol)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_a_tensor_masks_is_nan():
    seen = IMAGES > 0
    found = as_array("Test", torch.masked.MaskedTensor(IMAGES, seen))
    np.testing.assert_array_equal(found, np.where(seen.numpy(), GREY, np.nan))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_nested_tensors_of_several_shapes_name_the_first():
    X = torch.nested.nested_tensor([torch.ones(8, 8), torch.ones(8, 8), torch.ones(8, 7)])
    with pytest.raises(GeneratorMismatchError, match=r"^Test: X\[2\] has the shape \(8, 7\), X\[0\] \(8, 8\)"):
        as_array("Test", X)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_sparse_tensors_say_how_to_make_them_dense(layout):
    with pytest.raises(TypeError, match=r"^Test: X is a sparse tensor, but dense data is required\. Pass X\.to_dense"):
        as_array("Test", torch.eye(8).to_sparse(layout=layout))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_that_numpy_cannot_hold_say_what_to_pass():
    with pytest.raises(TypeError, match=r"^Test: X is a tensor that numpy cannot hold \(.*float32 or uint8"):
        as_array("Test", torch.zeros(2, 3, dtype=torch.complex32))


class TestPictures:
    """Of Pillow."""

    @pytest.fixture(autouse=True)
    def _pillow(self):
        self.image = pytest.importorskip("PIL.Image")

    def test_are_read_as_bytes(self):
        grey, rgb = (np.round((x + 1) * 127.5).astype(np.uint8) for x in (GREY, np.moveaxis(RGB, 1, -1)))
        for values, shape in ((grey, (1, 8, 8)), (rgb, COLOUR)):
            model = small(MimicGANProjector, smooth_generator(shape), surrogate="identity")
            found = model.fit([self.image.fromarray(a) for a in values])
            assert tuple(found.data_range_) == (0, 255)
            np.testing.assert_array_equal(found.transform(values), found.transform(map_of(self.image, values)))

    @pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "CMYK"])
    def test_modes_that_are_no_brightness_are_refused(self, mode):
        X = [self.image.new("RGB", (8, 8)), self.image.new(mode, (8, 8))]
        with pytest.raises(GeneratorMismatchError, match=rf'^PGD: X\[1\] .* mode {mode!r}.*picture\.convert\("RGB"\)'):
            as_array("PGD", X)

    def test_one_alone_is_no_list(self):
        picture = self.image.fromarray(np.zeros((8, 8), np.uint8))
        for cls in (MimicGANProjector, DCGAN):  # rows of 8 values else
            with pytest.raises(TypeError, match=rf"^{cls.__name__}: X is one picture.*Pass \[X\]"):
                cls().fit(picture)
        with pytest.raises(TypeError, match=r"\[item\[0\] for item in X\]"):
            as_array("PGD", [(picture, 3), (picture, 4)])
        with pytest.raises(TypeError, match=r"Pass X\[0\]"):
            as_array("PGD", ([picture, picture], [3, 4]))

    def test_the_first_of_another_mode_or_size_is_named(self):
        new = self.image.new
        with pytest.raises(GeneratorMismatchError, match=r"X\[2\] is a picture of mode 'L', X\[0\] of mode 'RGB'"):
            as_array("PGD", [new("RGB", (8, 8)), new("RGB", (8, 8)), new("L", (8, 8)), new("1", (8, 8))])
        with pytest.raises(GeneratorMismatchError, match=r"X\[1\] has the shape \(9, 8\), X\[0\] \(8, 8\).*one shape"):
            as_array("PGD", [new("L", (8, 8)), new("L", (8, 9)), new("L", (7, 7))])


def map_of(image, values):
    return [image.fromarray(a) for a in values]


def test_arrays_of_other_shapes_are_named():
    with pytest.raises(
        GeneratorMismatchError, match=r"^MimicGANProjector: X\[3\] has the shape \(8, 7\), X\[0\] \(8, 8"
    ):
        small(MimicGANProjector).fit([*GREY[:3], GREY[3, :, :7], GREY[4]])
    with pytest.raises(GeneratorMismatchError, match=r"X\[1\] is no image"):
        small(MimicGANProjector).fit([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [1.0]]])


@pytest.mark.parametrize(("first", "second"), [("u1", "u2"), ("u1", "i1"), ("u2", "u4"), ("u1", "f4"), ("?", "u1")])
@pytest.mark.parametrize("images", [GREY, pictures(10)], ids=["images", "rows"])
def test_types_of_other_ranges_are_not_stacked(images, first, second):
    images = np.abs(images)
    with pytest.raises(DataRangeError, match=r"^PGD: X\[4\] is .*, X\[0\] .* one type and range"):
        as_array("PGD", [*images[:4].astype(first), *images[4:].astype(second)])


def test_a_later_row_of_another_number_of_features_says_what_to_do():
    model = small(MimicGANProjector, surrogate="identity").fit(pictures(10))
    with pytest.raises(ValueError, match=r"^MimicGANProjector: X has 63 features, but .* Resize X"):
        model.transform(pictures(10)[:, :63])


def test_frames_of_times_are_refused():
    frame = pytest.importorskip("pandas").DataFrame(pictures(10).astype("m8[s]"))
    with pytest.raises(TypeError, match=r"^PGD: X is timedelta64\[s\], times"):
        as_array("PGD", frame)


DATA = TensorDataset(torch.tensor(GREY))
SOURCES = {
    "data set": (DATA, r"X is a TensorDataset.*torch\.stack\(\[item\[0\] for item in dataset\]\)"),
    "loader": (DataLoader(DATA, batch_size=4), r"X is a DataLoader.*torch\.cat\(\[batch\[0\] for batch in loader\]\)"),
    "generator": ((x for x in GREY), r"X is a generator.*list\(X\), or \[item\[0\] for item in X\] where"),
    "map": (map(np.abs, GREY), r"X is a map.*list\(X\)"),
}


LABELS = list(range(10))
FIRST_OF_EACH = r"X holds images with their labels.*Pass \[item\[0\] for item in X\]"
FIRST = r"X is a pair .*\(X, y\)\. Pass X\[0\]"
SOURCES |= {
    "pairs": (list(zip(GREY, LABELS, strict=True)), FIRST_OF_EACH),
    "pairs of tensors": (list(zip(torch.tensor(RGB), torch.tensor(LABELS), strict=True)), FIRST_OF_EACH),
    "pairs of rows and words": (tuple((x, "word") for x in pictures(10)), FIRST_OF_EACH),
    "lists of two": ([[x, 0] for x in GREY], FIRST_OF_EACH),
    "images without labels": ([(x, None) for x in GREY], FIRST_OF_EACH),
    "objects that are pairs": (objects(zip(GREY, LABELS, strict=True)), FIRST_OF_EACH),
    "X and y": ((GREY, np.array(LABELS)), FIRST),
    "rows and y": ((pictures(10), LABELS), FIRST),
    "two of each": ((GREY[:2], LABELS[:2]), FIRST),
    "tensors": ((torch.tensor(RGB), torch.tensor(LABELS)), FIRST),
    "a list of images and y": ((list(GREY), LABELS), FIRST),
    "X and nothing": ([GREY, None], FIRST),
}


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_no_array_says_how_to_make_one(source):
    X, message = SOURCES[source]
    with pytest.raises(TypeError, match=rf"^MimicGANProjector: {message}"):
        small(MimicGANProjector).fit(X)
    model = small(MimicGANProjector, surrogate="identity").fit(GREY)
    with pytest.raises(TypeError, match=message):
        model.transform(X)


def test_the_advice_for_sources_works():
    model = small(MimicGANProjector, surrogate="identity").fit(torch.stack([item[0] for item in DATA]))
    loader = DataLoader(DATA, batch_size=4)
    found = model.transform(torch.cat([batch[0] for batch in loader]))
    np.testing.assert_array_equal(found, model.transform(GREY))
