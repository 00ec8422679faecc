"""Closed-form generators: exact answers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.exceptions import GeneratorMismatchError
from skmimic.generators import NormalPrior, linear_generator, linear_generator_from_data


def data(n=40, p=64, rank=None, seed=0):
    random = np.random.RandomState(seed)
    if rank is None:
        return random.rand(n, p)
    return random.rand(n, rank) @ random.rand(rank, p) + random.rand(p)


@given(st.integers(1, 6), st.integers(0, 2**31), st.booleans())
def test_the_map_is_exact_in_float64_and_decode_follows_it(latent_dim, seed, rows):
    random = np.random.RandomState(seed)
    components, mean = random.normal(size=(latent_dim, 12)), random.normal(size=12)
    generator = linear_generator(components, mean, (3, 2, 2))
    found = generator.linear_map()
    assert found[0].dtype == found[1].dtype == np.float64
    np.testing.assert_array_equal(found[0], components)
    np.testing.assert_array_equal(found[1], mean)
    Z = random.normal(size=(7, latent_dim))
    np.testing.assert_allclose(generator.decode(Z).reshape(7, -1), Z @ components + mean, atol=1e-4)


def test_the_map_is_canonical_and_the_images_are_in_range():
    components, mean = np.eye(2, 64) * 10, np.full(64, 100.0)
    generator = linear_generator(components, mean, (8, 8), data_range=(0, 200))
    found_components, found_mean = generator.linear_map()
    np.testing.assert_allclose(found_components, components / 100)
    np.testing.assert_allclose(found_mean, 0, atol=1e-12)
    assert generator.decode([[1, 0]])[0, 0, 0, 0] == pytest.approx(110)
    assert generator.on("cpu").decode(torch.tensor([[1.0, 0.0]]))[0, 0, 0, 0].item() == pytest.approx(0.1, abs=1e-6)


def test_the_map_is_a_copy(linear):
    components, mean = linear.linear_map()
    components[:], mean[:] = 0, 0
    assert np.abs(linear.linear_map()[0]).max() > 0
    assert np.abs(linear.linear_map()[1]).max() > 0


def test_standard_normal_latents_have_the_moments_of_the_data():
    X = data(rank=4)
    components, mean = linear_generator_from_data(X, 10).linear_map()
    assert len(components) == 4
    np.testing.assert_allclose(mean, X.mean(axis=0))
    np.testing.assert_allclose(components.T @ components, np.cov(X.T), atol=1e-12)


def test_rows_in_the_span_are_decoded_exactly():
    X = data(rank=3)
    generator = linear_generator_from_data(X, 3)
    components, mean = generator.linear_map()
    latents = np.linalg.lstsq(components.T, (X - mean).T, rcond=None)[0].T
    np.testing.assert_allclose(generator.decode(latents).reshape(X.shape), X, atol=1e-5)
    np.testing.assert_allclose(latents.std(axis=0, ddof=1), 1)


def test_signs_do_not_depend_on_the_order_of_the_rows():
    X = data()
    one = linear_generator_from_data(X, 5).linear_map()[0]
    two = linear_generator_from_data(X[::-1], 5).linear_map()[0]
    np.testing.assert_allclose(one, two, atol=1e-10)
    assert (one[np.arange(5), np.abs(one).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize(("X", "latent_dim"), [(data(3), 2), (data(2), 1), (data(100, 4), 4), (data(40, 64, 2), 2)])
def test_there_are_never_more_latents_than_the_data_spans(X, latent_dim):
    generator = linear_generator_from_data(X, 32)
    assert generator.latent_dim == latent_dim
    assert np.isfinite(generator.sample(4, random_state=0)).all()


def test_it_has_a_normal_prior_and_the_values_of_the_data(linear):
    assert linear.prior == NormalPrior()
    assert linear.data_range == (-1, 1)
    assert linear.is_linear
    assert linear_generator_from_data(200 + data() / 100, 2).sample(1)[0, 0, 0, 0] == pytest.approx(200, abs=1)


@pytest.mark.parametrize(
    ("X", "image_shape", "expected"),
    [
        (data(9, 64), None, (1, 8, 8)),
        (data(9, 192), None, (3, 8, 8)),
        (data(9, 10), None, (1, 1, 10)),
        (data(9, 10), (2, 5), (1, 2, 5)),
        (data(9, 64).reshape(9, 8, 8), None, (1, 8, 8)),
        (data(9, 48).reshape(9, 3, 4, 4), None, (3, 4, 4)),
        (data(9, 64).astype(np.float32), None, (1, 8, 8)),
        ((255 * data(9, 64)).astype(np.uint8), None, (1, 8, 8)),
    ],
)
def test_image_shapes(X, image_shape, expected):
    assert linear_generator_from_data(X, 3, image_shape).image_shape == expected


@pytest.mark.parametrize("X", [np.zeros(3), np.zeros((0, 4)), np.full((2, 4), np.nan), np.full((2, 4), np.inf)])
def test_odd_data_are_refused(X):
    with pytest.raises(GeneratorMismatchError, match="expected finite rows"):
        linear_generator_from_data(X, 2)


def test_odd_arguments_are_refused():
    with pytest.raises(ValueError, match="n_components"):
        linear_generator_from_data(data(), 0)
    with pytest.raises(GeneratorMismatchError, match="image_shape"):
        linear_generator_from_data(data(), 2, (7, 7))
    with pytest.raises(GeneratorMismatchError, match="components must be"):
        linear_generator(np.zeros(3))
    with pytest.raises(GeneratorMismatchError, match="the mean has 5"):
        linear_generator(np.ones((2, 4)), np.ones(5))
    with pytest.raises(GeneratorMismatchError, match="NaN"):
        linear_generator(np.full((2, 4), np.nan))


def test_only_linear_generators_have_a_map(generator):
    assert not generator.is_linear
    with pytest.raises(GeneratorMismatchError, match="not linear"):
        generator.linear_map()
