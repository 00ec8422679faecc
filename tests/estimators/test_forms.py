"""In what form images come and go: rows or pictures, integers or floats, any range."""

import importlib

import numpy as np
import pytest
import sklearn
import torch
from sklearn.decomposition import PCA

from skmimic import DCGAN, Generator, MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector, PGDProjector
from skmimic.exceptions import DataRangeError, DataRangeWarning
from skmimic.surrogates import Identity
from tests.helpers import LEARNING, PROJECTORS, SmoothDecoder, pictures, small, smooth_generator

FORMS = {"rows": (64,), "(h, w)": (8, 8), "(c, h, w)": (1, 8, 8)}
IDS = {"ids": lambda cls: cls.__name__}


def as_bytes(rows):
    return np.round((rows + 1) * 127.5).astype(np.uint8)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cls", PROJECTORS, **IDS)
def test_the_form_that_goes_in_comes_out(cls, form):
    X = pictures().reshape(-1, *FORMS[form])
    model = small(cls).fit(X)
    expected = small(cls).fit(pictures()).transform(pictures())
    assert model.transform(X).shape == X.shape
    np.testing.assert_array_equal(model.transform(X).reshape(-1, 64), expected)
    assert model.inverse_transform(X).shape == X.shape
    assert model.decode(model.encode(X)).shape == X.shape


@pytest.mark.parametrize("form", FORMS)
def test_score_maps_have_the_form_of_the_images(form):
    X = pictures().reshape(-1, *FORMS[form])
    detector = small(MimicAnomalyDetector).fit(X)
    maps = detector.score_maps(X)
    assert maps.shape == X.shape
    np.testing.assert_allclose(maps.reshape(len(X), -1).sum(1), -detector.score_samples(X))


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 12), (3, 8, 12)])
def test_colour_and_oblong_pictures(shape):
    X = pictures(image_shape=shape).reshape(-1, *shape)
    model = small(MimicGANProjector, smooth_generator(shape), surrogate="affine+convolution+mask").fit(X)
    assert model.transform(X).shape == X.shape
    assert model.image_shape_ == shape


@pytest.mark.parametrize(("given", "out"), [("f4", "f4"), ("f8", "f8"), ("u1", "f4"), ("i8", "f4"), ("f2", "f4")])
@pytest.mark.parametrize("cls", PROJECTORS, **IDS)
@pytest.mark.filterwarnings("ignore::skmimic.exceptions.DataRangeWarning")
def test_floats_keep_their_precision_and_integers_give_float32(cls, given, out):
    X = as_bytes(pictures()).astype(given) if np.dtype(given).kind in "iu" else pictures().astype(given)
    model = small(cls).fit(X)
    for method in ("transform", "encode", "inverse_transform"):
        assert getattr(model, method)(X).dtype == out, method
    assert model.score_samples(X).dtype == np.float64


@pytest.mark.parametrize("solver", ["joint", "alternating"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_project_keeps_the_precision_too(solver, dtype):
    result = small(MimicGANProjector, solver=solver).project(pictures().astype(dtype))
    assert {result.latents.dtype, result.images.dtype, result.mimicked.dtype} == {np.dtype(dtype)}
    assert result.losses.dtype == np.float64


@pytest.mark.parametrize("cls", PROJECTORS, **IDS)
def test_the_same_rows_in_another_precision_give_the_same_answer(cls):
    model = small(cls).fit(pictures())
    other = small(cls).fit(pictures().astype(np.float64))
    np.testing.assert_allclose(model.transform(pictures()), other.transform(pictures().astype(np.float64)), atol=1e-6)


def test_lists_frames_tensors_and_read_only_arrays():
    pandas = pytest.importorskip("pandas")
    model = small(MimicGANProjector).fit(pictures())
    expected = model.transform(pictures())
    assert not pictures().flags.writeable
    np.testing.assert_allclose(model.transform(pictures().tolist()), expected, atol=1e-6)
    np.testing.assert_array_equal(model.transform(torch.tensor(pictures())), expected)
    np.testing.assert_array_equal(model.transform(np.asfortranarray(pictures())), expected)
    named = small(MimicGANProjector).fit(pandas.DataFrame(pictures()))
    np.testing.assert_array_equal(named.transform(pandas.DataFrame(pictures())), expected)


class TestRange:
    """uint8 means 0 to 255; whatever does not fit warns, never silently."""

    def test_bytes_are_from_0_to_255_and_come_back_so(self):
        X = as_bytes(pictures())
        model = small(PGDProjector, T=20).fit(X)
        assert tuple(model.data_range_) == (0, 255)
        assert np.abs(model.transform(X) - X).mean() < 15
        same = X.astype(np.float32) / 127.5 - 1  # not pictures(): rounding may let the other start of a row win
        inside = small(PGDProjector, T=20).fit(same).transform(same)
        np.testing.assert_allclose(model.transform(X), (inside + 1) * 127.5, atol=8)

    @pytest.mark.parametrize("bounds", [(0.0, 1.0), (-2.0, 3.0), (0.0, 255.0)])
    def test_a_given_range_is_converted_at_the_edge(self, bounds):
        low, high = bounds
        X = (pictures() + 1) / 2 * (high - low) + low
        model = small(MimicGANProjector, surrogate="identity", data_range=bounds).fit(X)
        expected = small(MimicGANProjector, surrogate="identity").fit(pictures()).transform(pictures())
        np.testing.assert_allclose((model.transform(X) - low) / (high - low) * 2 - 1, expected, atol=1e-3)
        np.testing.assert_allclose(model.decode(model.encode(X)), model.transform(X), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(model.inverse_transform(X), X, rtol=1e-4, atol=1e-4)  # f^ is the identity

    def test_a_generator_of_another_range_means_that_range(self):
        class Unit(SmoothDecoder):
            def forward(self, z):
                return (super().forward(z) + 1) / 2

        generator = Generator(Unit(), data_range=(0.0, 1.0))
        X = generator.sample(20, random_state=0).reshape(20, -1)
        model = small(PGDProjector, generator, T=20).fit(X)
        assert tuple(model.data_range_) == (0, 1)
        assert np.abs(model.transform(X) - X).mean() < 0.05

    def test_of_two_ranges_that_could_be_meant_one_is_taken_and_said(self):
        with pytest.warns(
            DataRangeWarning,
            match=r"MimicGANProjector: X goes.*range of the generator.*Pass data_range=\(low, high",
        ):
            model = small(MimicGANProjector).fit(pictures() * 0.5 + 0.5)
        assert tuple(model.data_range_) == (0, 1)

    def test_bytes_as_floats_are_read(self):
        assert tuple(small(PGDProjector).fit(pictures() * 127.5 + 127.5).data_range_) == (0, 255)

    @pytest.mark.parametrize("cls", [*PROJECTORS, MimicAnomalyDetector], **IDS)
    def test_values_in_no_usual_range_are_refused(self, cls):
        with pytest.raises(DataRangeError, match=rf"{cls.__name__}: X goes from .*Pass data_range=.*mean"):
            small(cls).fit((pictures() + 0.5) / 0.4)
        with pytest.raises(DataRangeError, match=rf"{cls.__name__}: X is uint8"):
            small(cls).fit((pictures() > 0).astype(np.uint8))

    def test_values_beyond_a_given_range_warn(self):
        with pytest.warns(DataRangeWarning, match=r"X goes from -1 to .*does not fit the data range \(0.0, 1.0\)"):
            small(MimicGANProjector, data_range=(0, 1)).fit(pictures())

    @pytest.mark.parametrize("cls", [*PROJECTORS, MimicAnomalyDetector], **IDS)
    @pytest.mark.parametrize(
        ("first", "then"),
        [(pictures(), as_bytes(pictures())), (as_bytes(pictures()), pictures())],
        ids=["bytes after floats", "floats after bytes"],
    )
    def test_another_range_than_in_fit_warns(self, cls, first, then):
        model = small(cls, **({"surrogate": "identity"} if cls in LEARNING else {})).fit(first)
        with pytest.warns(DataRangeWarning, match=rf"{cls.__name__}: X goes from .*Rescale X, or pass data_range"):
            model.score_samples(then)

    def test_dark_pictures_of_bytes_do_not_warn(self):
        model = small(PGDProjector).fit(as_bytes(pictures()))
        model.transform(np.zeros((3, 64), dtype=np.uint8))
        model.transform(np.zeros((3, 64), dtype=np.float32))

    def test_noise_a_little_beyond_the_range_does_not_warn(self):
        small(PGDProjector).fit(np.clip(pictures(), -1, None) * 1.04)

    @pytest.mark.parametrize("cls", LEARNING, **IDS)
    @pytest.mark.parametrize("bounds", [(0, 1), (-1, 1), (-3, 7)])
    @pytest.mark.parametrize("told", ["generator", "estimator"])
    def test_a_generator_that_is_trained_in_fit_shares_its_range(self, cls, bounds, told):
        X = (pictures() + 1) / 2 * (bounds[1] - bounds[0]) + bounds[0]
        X[:, :2] = bounds  # in every row, whichever the generator is trained on
        usual = bounds in ((0, 1), (-1, 1))
        given = {} if usual else {"data_range": bounds}
        gan = DCGAN(3, width=2, max_steps=2, batch_size=8, random_state=0, **(given if told == "generator" else {}))
        model = small(cls, gan, T=1, T2=1, adapt_on=None, **(given if told == "estimator" else {})).fit(X)
        assert model.data_range_ == bounds  # a DataRangeWarning would be an error
        trained = DCGAN(3, width=2, max_steps=2, batch_size=8, random_state=0, **given)
        if cls is not MimicAnomalyDetector:  # which keeps rows for the threshold
            assert model.generator_.fingerprint == trained.fit(X).generator_.fingerprint

    def test_a_given_range_comes_before_that_of_a_generator_trained_in_fit(self):
        gan = DCGAN(3, width=2, max_steps=2, random_state=0)
        model = small(PGDProjector, gan, data_range=(-0.5, 1.5)).fit((pictures() + 1) / 2)
        assert model.data_range_ == (-0.5, 1.5)


@pytest.mark.parametrize("cls", [MimicGANProjector, MimicDomainAligner], **IDS)
def test_the_users_surrogate_sees_the_canonical_range_only(cls):
    seen = []

    class Watches(Identity):
        def forward(self, images, deviations=None):
            seen.append((images.min().item(), images.max().item()))
            return images

        def recipe(self):
            return Watches, {}

    model = small(cls, surrogate=lambda shape: Watches()).fit(as_bytes(pictures()))
    model.adapt(as_bytes(pictures())).transform(as_bytes(pictures()))
    assert min(low for low, _ in seen) >= -1
    assert max(high for _, high in seen) <= 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cls", [MimicGANProjector, MimicAnomalyDetector, MimicDomainAligner])
def test_a_decomposition_that_is_not_fitted_yet_takes_images(cls, form):
    """It is fitted on their rows."""
    X = pictures().reshape(-1, *FORMS[form])
    model = small(cls, PCA(5), surrogate="identity").fit(X)
    assert model.generator_.image_shape == (1, 8, 8)
    np.testing.assert_array_equal(
        model.score_samples(X), small(cls, PCA(5), surrogate="identity").fit(pictures()).score_samples(pictures())
    )


@pytest.mark.parametrize("cls", [PGDProjector, MimicAnomalyDetector, DCGAN])
def test_torch_rows_under_dispatch_are_as_without(cls):
    """scikit-learn's `array_api_dispatch` is about its own estimators."""
    rows = torch.from_numpy(pictures().copy())
    strict = importlib.import_module("array_api_strict").asarray(pictures())

    def answer(X):
        if cls is DCGAN:
            return DCGAN(width=2, max_steps=1, random_state=0).fit(X).sample(2, random_state=0)
        model = small(cls, surrogate="identity").fit(X) if cls is MimicAnomalyDetector else small(cls).fit(X)
        return model.transform(X) if hasattr(model, "transform") else model.score_samples(X)

    expected = answer(pictures())
    for X in (rows, rows.reshape(-1, 8, 8), strict):
        with sklearn.config_context(array_api_dispatch=True):
            found = answer(X)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)
