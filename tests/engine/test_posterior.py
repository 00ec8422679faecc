"""Samples of the posterior: exact where everything is affine, plausible elsewhere, row by row everywhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skmimic.engine import Adaptation, Settings, computing, no_corruption
from skmimic.generators import linear_generator
from skmimic.surrogates import Composition, FittedSurrogate, Mask
from tests.helpers import assert_same, loaded, pictures

SETTINGS = Settings(T=4, T2=10, solver="joint")
NOISE = 0.3


@pytest.fixture(scope="module")
def linear():
    components = torch.randn(3, 64, generator=torch.Generator().manual_seed(0)).numpy() * 0.3
    return linear_generator(components, np.zeros(64), (1, 8, 8))


@pytest.fixture(scope="module")
def observed(linear):
    random = torch.Generator().manual_seed(1)
    clean = torch.as_tensor(linear.decode(torch.randn(4, 3, generator=random).numpy()))
    return clean.double() + NOISE * torch.randn(4, 1, 8, 8, generator=random)


def posterior(linear, row):
    """Mean and covariance of the latents, (A A' / s^2 + I)^-1, with the s that the residual shows."""
    components = linear.linear_map()[0]
    values = row.flatten().numpy()
    _, squares, *_ = np.linalg.lstsq(components.T, values, rcond=None)
    variance = squares.item() / (64 - 3)
    covariance = np.linalg.inv(components @ components.T / variance + np.eye(3))
    return covariance @ components @ values / variance, covariance


def drawn_images(linear, observed, n_samples, settings=SETTINGS, *, exact=True):
    """Samples (n, n_samples, 64)."""
    with computing():
        adaptation = no_corruption(settings)
        projector = adaptation.row_projector(linear.on("cpu"), 4, linear.linear_map() if exact else None)
        observed = observed.to(projector.precision)
        samples = projector.sample(observed, projector(observed)[0], n_samples)
    return samples.double().flatten(2).numpy()


def drawn(linear, *arguments, **keywords):
    """Latents (n, n_samples, 3) of the samples."""
    return drawn_images(linear, *arguments, **keywords) @ np.linalg.pinv(linear.linear_map()[0])


class TestLinear:
    def test_mean_and_covariance_are_those_of_the_posterior(self, linear, observed):
        samples = drawn(linear, observed, 2000)
        for latents, row in zip(samples, observed, strict=True):
            mean, covariance = posterior(linear, row)
            whiten = np.linalg.inv(np.linalg.cholesky(covariance))
            white = (latents - mean) @ whiten.T
            np.testing.assert_allclose(np.cov(white.T), np.eye(3), atol=0.12)
            np.testing.assert_allclose(white.mean(0), 0, atol=0.1)

    def test_descent_finds_the_samples_of_the_closed_form(self, linear, observed):
        """The same draws perturb both; only the estimated noise differs a little, by the prior's pull."""
        settings = replace(SETTINGS, T=40)
        exact = drawn(linear, observed, 3, settings)
        by_descent = drawn(linear, observed, 3, settings, exact=False)
        assert np.abs(exact - by_descent).mean() < 0.5 * exact.std(axis=1).mean()

    def test_more_noise_means_more_spread(self, linear, observed):
        quiet = drawn(linear, observed / 1, 200).std(axis=1)
        louder = observed + 2 * NOISE * torch.randn(observed.shape, generator=torch.Generator().manual_seed(9))
        assert (drawn(linear, louder, 200).std(axis=1).mean(0) > quiet.mean(0)).all()

    def test_the_first_samples_do_not_depend_on_how_many_are_drawn(self, linear, observed):
        assert_same(drawn_images(linear, observed, 5)[:, :3], drawn_images(linear, observed, 3))


def masked(share):
    mask = Mask((1, 8, 8), learn=False)
    dead = torch.zeros(1, 8, 8, dtype=torch.bool)
    dead[:, : round(8 * share)] = True
    mask.set_dead(dead, torch.full((1, 8, 8), -1.0))
    return Composition([mask])


@pytest.fixture(scope="module")
def projector_of():
    def make(surrogate, **changes):
        return Adaptation(FittedSurrogate(surrogate), replace(SETTINGS, **changes)).row_projector(loaded(), 4)

    return make


class TestNetwork:
    def test_hidden_pixels_spread_more_than_seen_ones(self, projector_of):
        surrogate = masked(0.75)
        observed = surrogate(torch.tensor(pictures(8)).view(8, 1, 8, 8)).detach()
        projector = projector_of(surrogate)
        with computing():
            spread = projector.sample(observed, projector(observed)[0], 6).std(dim=1)
        assert spread[:, :, :6].mean() > 1.5 * spread[:, :, 6:].mean()

    @pytest.mark.parametrize("optimiser", ["lbfgs", "adam", "rmsprop"])
    def test_every_optimiser_draws_samples(self, projector_of, optimiser):
        observed = torch.tensor(pictures(4)).view(4, 1, 8, 8)
        projector = projector_of(masked(0.5), optimiser=optimiser)
        with computing():
            found = projector.sample(observed, projector(observed)[0], 3)
        assert torch.isfinite(found).all()
        assert found.std(dim=1).max() > 0.01

    def test_a_row_alone_gets_the_same_bits(self, projector_of):
        observed = torch.tensor(pictures(6)).view(6, 1, 8, 8)
        projector = projector_of(masked(0.5))
        with computing():
            z = projector(observed)[0]
            whole = projector.sample(observed, z, 3)
            order = [4, 1]
            assert torch.equal(projector.sample(observed[order], z[order], 3), whole[order])
        assert not torch.equal(whole[:, 0], whole[:, 1])
