"""Finite values too large to compute with are refused by name, in every method; what is only far is answered."""

import re

import numpy as np
import pytest
from torch import nn

from skmimic import DCGAN, VAE, Generator, MimicAnomalyDetector, MimicGANProjector, PGDProjector
from skmimic.exceptions import DataRangeError, GeneratorMismatchError, NotFiniteError
from tests.helpers import ESTIMATORS, pca_generator, pictures, small

IDS = {"ids": lambda cls: cls.__name__}
METHODS = (
    "fit", "adapt", "transform", "encode", "inverse_transform", "score_samples", "score", "project", "predict",
    "decision_function", "score_maps", "p_values", "assign", "fit_transform", "fit_predict",
)  # fmt: skip


def holding(value, dtype=np.float64, row=4):
    X = pictures().astype(dtype)
    X[row, 9] = value
    return X


@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_every_method_names_value_and_row(cls):
    model = small(cls).fit(pictures())
    for method in METHODS:
        for value in (1e16, -1e20, 1e39, -1e300) if hasattr(model, method) else ():
            with pytest.raises(
                DataRangeError, match=rf"{cls.__name__}: X holds {value:g} in row 4".replace("+", r"\+")
            ):
                getattr(model, method)(holding(value))


@pytest.mark.filterwarnings("ignore:.*does not fit the data range")  # said before it is refused
@pytest.mark.parametrize("cls", [DCGAN, VAE], **IDS)
@pytest.mark.parametrize(("value", "data_range"), [(1e20, "auto"), (-1e30, (-1, 1)), (3e8, (-1, 1))])
def test_training_refuses_them(cls, value, data_range):
    with pytest.raises(DataRangeError, match="in row 4"):
        cls(width=2, max_steps=1, data_range=data_range).fit(holding(value, np.float32))


@pytest.mark.parametrize("gan", [None, pca_generator()], ids=["made in fit", "PCA"])
def test_linear_generators_too(gan):
    with pytest.raises(DataRangeError, match="PGDProjector: X holds 1e"):
        PGDProjector(gan).fit(np.full((6, 64), 1e20))
    model = PGDProjector(gan).fit(pictures())
    with pytest.raises(DataRangeError, match="row 4"):
        model.transform(holding(-1e17))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1e6, 1e6), (0.0, 1e-6)])
def test_how_far_is_too_far_follows_the_range_of_the_data(low, high):
    half = (high - low) / 2
    X = ((pictures().astype(np.float64) + 1) * half + low).clip(low, high)
    model = small(PGDProjector, data_range=(low, high)).fit(X)
    far, farther = X.copy(), X.copy()
    far[2, 3], farther[2, 3] = low - 1e5 * half, low - 4e6 * half
    with pytest.warns(UserWarning, match="does not fit the data range"):
        assert np.isfinite(model.transform(far)).all()
    with pytest.raises(DataRangeError, match="row 2; that is a million times farther out than the data range"):
        model.transform(farther)


def test_a_pixel_that_was_not_seen_is_not_huge():
    model = small(MimicGANProjector, surrogate="identity").fit(pictures())
    assert np.isfinite(model.transform(holding(np.nan, np.float32))).all()


def test_what_is_only_far_from_normal_is_an_anomaly():
    normal = np.random.default_rng(3).normal(size=(120, 3)) @ np.random.default_rng(4).normal(size=(3, 12))
    assert MimicAnomalyDetector(random_state=0).fit(normal).predict(normal[:1] + 1e4) == -1


@pytest.mark.parametrize("latent", [1e16, 1e39, -1e300])
def test_latents_too(latent):
    model = small(MimicGANProjector, surrogate="identity", output="latents").fit(pictures())
    Z = np.zeros((2, 4))
    Z[1, 2] = latent
    for method in (model.decode, model.inverse_transform, model.generator_.decode):
        with pytest.raises(GeneratorMismatchError, match=re.escape(f"latents go up to {abs(latent):g}")):
            method(Z)


def test_images_that_are_not_finite_are_refused():
    class Exponential(nn.Module):
        def forward(self, z):
            return z.tanh() + 0 * (z / 1e3).exp()

    generator = Generator(
        nn.Sequential(nn.Linear(4, 64), Exponential(), nn.Unflatten(1, (1, 8, 8))), latent_dim=4, data_range=(-1, 1)
    )
    with pytest.raises(NotFiniteError, match="latents up to 1e"):
        generator.decode(np.full((1, 4), 1e6))
