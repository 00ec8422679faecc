"""Layout of images: fixed in `fit`, held to afterwards; channels last are read right, what does not fit is refused."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from skmimic import (
    DCGAN,
    VAE,
    BiGAN,
    BiGANProjector,
    EncoderProjector,
    MimicAnomalyDetector,
    MimicDomainAligner,
    MimicGANProjector,
    PerceptualProjector,
    PGDProjector,
    as_generator,
)
from skmimic.estimators._layout import as_came, rows_in, shapes_in
from skmimic.exceptions import GeneratorMismatchError
from tests.helpers import ESTIMATORS, LEARNING, SmoothDecoder, pictures, small, smooth_generator

COLOUR = (3, 8, 12)
IDS = {"ids": lambda cls: cls.__name__}
ANSWERS = ("transform", "inverse_transform", "encode", "score_samples", "score_maps", "predict", "assign", "p_values")
OF_FORM = ("transform", "inverse_transform", "score_maps")


def colour(n=12):
    return pictures(n, COLOUR).reshape(n, *COLOUR)


def last(images):
    return np.ascontiguousarray(np.moveaxis(images, 1, -1))


def answers(model, X):
    return {name: getattr(model, name)(X) for name in ANSWERS if hasattr(model, name)}


def assert_same_answers(found, expected, is_last=True):
    assert set(found) == set(expected)
    for name, values in expected.items():
        values = last(values) if is_last and name in OF_FORM and values.ndim == 4 else values
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.fixture(scope="module", params=ESTIMATORS, **IDS)
def fitted(request):
    """An estimator, and what it answers to images (n, C, H, W)."""
    learned = {"surrogate": "identity"} if request.param in LEARNING[1:] else {}
    model = small(request.param, smooth_generator(COLOUR), **learned).fit(colour())
    return model, answers(model, colour(5))


class TestChannelsLast:
    def test_after_fit_are_read_right(self, fitted):
        model, expected = fitted
        assert_same_answers(answers(model, last(colour(5))), expected)

    def test_in_fit_are_read_right(self, fitted):
        model, expected = fitted
        other = clone(model).fit(last(colour()))
        assert other.image_shape_ == COLOUR
        assert_same_answers(answers(other, last(colour(5))), expected)
        assert_same_answers(answers(other, colour(5)), expected, is_last=False)
        flat = answers(other, pictures(5, COLOUR))
        np.testing.assert_array_equal(flat["score_samples"], expected["score_samples"])

    def test_in_adapt_and_project(self):
        model = small(MimicGANProjector, smooth_generator(COLOUR), T=1, T1=1)
        first, second = (model.project(X) for X in (colour(), last(colour())))
        np.testing.assert_array_equal(first.images, second.images)  # a result has its images first, whatever X
        first, second = (model.fit(colour()).adapt(0.5 * X).surrogate_ for X in (colour(), last(colour())))
        assert first.describe() == second.describe()

    def test_decoded_images_have_the_form_of_fit(self):
        model = small(PGDProjector, smooth_generator(COLOUR)).fit(last(colour()))
        found = model.transform(last(colour(4)))
        np.testing.assert_allclose(model.decode(model.encode(colour(4))), found, atol=1e-6)
        assert found.shape == (4, 8, 12, 3)

    def test_sides_of_the_aligner(self):
        model = small(MimicDomainAligner, smooth_generator(COLOUR), T=1, T1=1)
        domain = np.repeat([0, -1], 6)
        first, second = (clone(model).fit_transform(X, sample_domain=domain) for X in (colour(), last(colour())))
        np.testing.assert_array_equal(second, last(first))
        first, second = (
            clone(model).fit(colour(), X_target=X).transform(colour(4)) for X in (colour(), last(colour()))
        )
        np.testing.assert_array_equal(second, first)

    @pytest.mark.parametrize("cls", [PerceptualProjector, EncoderProjector, BiGANProjector], **IDS)
    def test_other_baselines(self, cls):
        few = {PerceptualProjector: {"features": nn.Conv2d(3, 2, 3), "T": 2, "T2": 4}, EncoderProjector: {"n_steps": 2}}
        gan = VAE(3, width=2, max_steps=2, random_state=0).fit(colour()) if cls is BiGANProjector else None
        gan = smooth_generator(COLOUR) if gan is None else gan.generator_
        model = cls(gan, random_state=0, **few.get(cls, {})).fit(last(colour()))
        np.testing.assert_array_equal(model.transform(last(colour(4))), last(model.transform(colour(4))))

    @pytest.mark.parametrize("cls", [DCGAN, VAE, BiGAN], **IDS)
    @pytest.mark.parametrize("shape", [COLOUR, (1, 8, 12)])
    def test_trained_generators(self, cls, shape):
        images = pictures(12, shape).reshape(-1, *shape)
        first, second = (cls(3, width=2, max_steps=2, random_state=0).fit(X) for X in (images, last(images)))
        assert second.generator_.image_shape == second.image_shape_ == shape
        np.testing.assert_array_equal(second.sample(3, random_state=0), last(first.sample(3, random_state=0)))

    @pytest.mark.filterwarnings(
        "ignore:MimicAnomalyDetector. contamination=0.1 asks for fewer"
    )  # of twelve two are held out
    @pytest.mark.parametrize("cls", [MimicGANProjector, MimicAnomalyDetector, MimicDomainAligner], **IDS)
    @pytest.mark.parametrize("gan", [None, PCA(3), DCGAN(3, width=2, max_steps=2, random_state=0)])
    def test_generators_that_are_made_in_fit(self, cls, gan):
        model = cls(gan, random_state=0, T=1, T2=2, surrogate="identity")
        models = [clone(model).fit(X) for X in (colour(), last(colour()))]
        assert models[1].image_shape_ == COLOUR
        first, second = (each.score_samples(X) for each, X in zip(models, (colour(4), last(colour(4))), strict=True))
        np.testing.assert_array_equal(first, second)

    def test_grey_rows_have_one_order_only(self):
        X = pictures().reshape(-1, 8, 8, 1)
        model = MimicGANProjector(PCA(5).fit(pictures()), surrogate="identity").fit(X)
        assert model.image_shape_ == (1, 8, 8)
        assert model.transform(X).shape == X.shape

    def test_colours_for_a_decomposition_of_rows_are_refused(self):
        with pytest.raises(GeneratorMismatchError, match=r"in this order or in that of \(n, C, H, W\).*np\.moveaxis"):
            MimicGANProjector(PCA(3).fit(last(colour()).reshape(12, -1))).fit(last(colour()))

    def test_what_is_known_comes_before_the_look_of_the_axes(self):
        for shape, wanted in (((3, 12, 3), (3, 3, 12)), ((12, 3, 3), (12, 3, 3)), ((9, 3, 3), (3, 9, 3))):
            X = np.random.default_rng(0).uniform(-1, 1, (6, *shape)).astype(np.float32)
            model = MimicGANProjector(image_shape=wanted, surrogate="identity").fit(X)
            assert model.image_shape_ == wanted
            assert model.transform(X).shape == X.shape


@pytest.mark.parametrize(
    ("shape", "known", "told"),
    [
        ((9, 7), None, (1, 9, 7)),
        ((3, 9, 7), None, (3, 9, 7)),
        ((9, 7, 3), None, (3, 9, 7)),
        ((9, 7, 2), None, (2, 9, 7)),
        ((3, 9, 3), None, (3, 9, 3)),
        ((5, 5, 5), None, (5, 5, 5)),
        ((8, 16, 16), None, (8, 16, 16)),
        ((8, 16, 12), (8, 16, 12), (8, 16, 12)),
        ((16, 16, 8), (8, 16, 16), (8, 16, 16)),
        ((9, 7, 4), (4, 9, 7), (4, 9, 7)),
        ((3, 9, 3), (3, 3, 9), (3, 3, 9)),
        ((9, 7, 3), (1, 9, 9), (3, 9, 7)),
    ],
)
def test_one_rule_says_which_axis_holds_the_channels(shape, known, told):
    X = np.arange(2 * np.prod(shape)).reshape(2, *shape)
    assert shapes_in("Test", X, known) == (shape, told)
    rows = rows_in(X, told)
    np.testing.assert_array_equal(as_came(rows, shape, told), X)
    channels_first = X if shape == told else np.moveaxis(X, -1, 1) if len(shape) == 3 else X
    np.testing.assert_array_equal(rows, channels_first.reshape(2, -1))


@pytest.mark.parametrize("shape", [(16, 16, 8), (8, 16, 12), (5, 6, 7)])
@pytest.mark.parametrize("cls", [MimicGANProjector, DCGAN, VAE], **IDS)
def test_channels_that_may_be_either_axis_are_asked_for(cls, shape):
    X = np.zeros((9, *shape), dtype=np.float32)
    wanted = rf"image_shape=.*{re.escape(str(shape))} or {re.escape(str((shape[2], *shape[:2])))}"
    with pytest.raises(GeneratorMismatchError, match=rf"^{cls.__name__}: .*first axis or the last.*{wanted}"):
        cls().fit(X)


GREY = (1, 8, 8)
LATER = {
    "values agree": ((6, 4, 16), r"fitted on images of shape \(1, 8, 8\), but X has images of shape \(1, 4, 16\)"),
    "columns": ((6, 64, 1), r"but X has images of shape \(1, 64, 1\)"),
    "colours": ((6, 3, 8, 8), r"X is in colour, the generator grey: average the channels, X\.mean\(axis=1"),
    "colours last": ((6, 8, 8, 3), r"average the channels, X\.mean\(axis=-1"),
    "one image": ((8, 8), r"X has the shape \(8, 8\) of one image\. If X is one image, pass X\[None\]"),
    "size": ((6, 9, 9), r"Resize X"),
    "five axes": ((6, 1, 1, 8, 8), r"expected rows \(n, C\*H\*W\) or images"),
}


@pytest.mark.parametrize("case", LATER)
@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_another_shape_than_in_fit_is_refused_by_every_method(cls, case):
    shape, message = LATER[case]
    model = small(cls, surrogate="identity") if "surrogate" in cls().get_params() else small(cls)
    model.fit(pictures().reshape(-1, *GREY))
    methods = ("transform", "encode", "inverse_transform", "score_samples", "score_maps", "predict", "project", "adapt")
    for name in methods:
        if hasattr(model, name):
            with pytest.raises(GeneratorMismatchError, match=rf"^{cls.__name__}: .*{message}"):
                getattr(model, name)(np.zeros(shape, dtype=np.float32))


MISFITS = [
    (COLOUR, (5, 8, 12), r"grey, the generator in colour: repeat the channel, np\.repeat\(X\[:, None\], 3, axis=1\)"),
    (COLOUR, (5, 1, 8, 12), r"np\.repeat\(X, 3, axis=1\)"),
    (COLOUR, (5, 8, 12, 1), r"np\.repeat\(X, 3, axis=-1\)"),
    (COLOUR, (5, 96), r"288 values, but X has 96 features\. X is grey, .* np\.tile\(X, 3\)"),
    (COLOUR, (5, 4, 8, 12), r"four channels, .*drop the fourth, X\[:, :3\]\."),
    (COLOUR, (5, 8, 12, 4), r"drop the fourth, X\[\.\.\., :3\]\."),
    (COLOUR, (5, 384), r"four channels, .* drop the fourth"),
    (COLOUR, (5, 2, 8, 12), r"X has 2 channels, the generator 3: choose or combine"),
    (COLOUR, COLOUR, r"If X is one image, pass X\[None\]"),
    (COLOUR, (8, 12, 3), r"If X is one image, pass X\[None\]"),
    (COLOUR, (5, 3, 12, 8), r"Height and width are exchanged: pass X\.swapaxes\(2, 3\)"),
    (GREY, (5, 3, 8, 8), r"in colour, the generator grey: average the channels, X\.mean\(axis=1, keepdims=True\)"),
    (GREY, (5, 8, 8, 3), r"X\.mean\(axis=-1, keepdims=True\)"),
    (GREY, (5, 192), r"average the channels, X\.reshape\(len\(X\), 3, -1\)\.mean\(axis=1\)"),
    (GREY, (5, 8, 8, 4), r"drop the fourth, X\[\.\.\., :3\]\.mean\(axis=-1, keepdims=True\)"),
    (GREY, (8, 8), r"64 values, but X has 8 features\. If X is one image, pass X\[None\]"),
    (GREY, (5, 10, 10), r"Resize X"),
]


@pytest.mark.parametrize(("wanted", "shape", "message"), MISFITS)
@pytest.mark.parametrize("as_module", [False, True])
def test_channels_that_differ_and_axes_that_lack_are_named(wanted, shape, message, as_module):
    gan = SmoothDecoder(image_shape=wanted) if as_module else smooth_generator(wanted)
    with pytest.raises(GeneratorMismatchError, match=rf"^PGDProjector: generator gives images .*{message}"):
        small(PGDProjector, gan).fit(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize("cls", [MimicGANProjector, MimicAnomalyDetector, DCGAN, VAE], **IDS)
@pytest.mark.parametrize(("shape", "cure"), [((9, 4, 8, 10), r"X\[:, :3\]"), ((9, 8, 10, 4), r"X\[\.\.\., :3\]")])
def test_transparency_is_not_taken_for_a_colour(cls, shape, cure):
    with pytest.raises(
        GeneratorMismatchError, match=rf"{cls.__name__}: .*four channels.*{cure}.*image_shape=\(4, 8, 10"
    ):
        cls().fit(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize("library", ["pandas", "polars"])
class TestFrames:
    """With `set_output`, images come out as rows of a data frame, whatever their form."""

    @pytest.mark.parametrize("form", [(64,), (8, 8), (1, 8, 8), (8, 8, 1)])
    @pytest.mark.parametrize("cls", [MimicGANProjector, PGDProjector, MimicDomainAligner], **IDS)
    def test_images_are_rows(self, library, form, cls):
        pytest.importorskip(library)
        X = pictures(8).reshape(-1, *form)
        model = small(cls, surrogate="identity") if cls is not PGDProjector else small(cls)
        model.fit(X)
        expected = model.transform(X).reshape(8, 64)
        names = list(model.get_feature_names_out())
        frame = model.set_output(transform=library).transform(X)
        assert type(frame).__module__.startswith(library)
        assert list(frame.columns) == names
        np.testing.assert_array_equal(frame.to_numpy(), expected)
        again = clone(model).set_output(transform=library).fit_transform(X)
        assert type(again) is type(frame)
        assert again.shape == (8, 64)
        np.testing.assert_array_equal(model.transform(frame.to_numpy()).to_numpy().shape, (8, 64))

    def test_latents_of_images(self, library):
        pytest.importorskip(library)
        model = small(MimicGANProjector, output="latents", surrogate="identity").set_output(transform=library)
        frame = model.fit(pictures(8).reshape(-1, 8, 8)).transform(pictures(8).reshape(-1, 8, 8))
        assert frame.shape == (8, 4)

    @pytest.mark.parametrize("gan", [PCA(3), make_pipeline(MinMaxScaler(), PCA(3)), None])
    @pytest.mark.parametrize("is_fitted", [False, True])
    def test_estimators_inside_do_not_care(self, library, gan, is_fitted):
        pytest.importorskip(library)
        import sklearn

        X = pictures(20)
        gan = clone(gan).fit(X) if is_fitted and gan is not None else gan
        plain = MimicGANProjector(gan, surrogate="identity").fit(X).transform(X)
        with sklearn.config_context(transform_output=library):
            frame = MimicGANProjector(gan, surrogate="identity").fit(X).transform(X)
            assert as_generator(PCA(3).fit(X)).latent_dim == 3
        np.testing.assert_allclose(frame.to_numpy(), plain, atol=1e-6)
