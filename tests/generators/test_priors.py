import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.exceptions import InvalidModelFileError
from skmimic.generators import BoxPrior, NormalPrior, Prior, UniformPrior, as_prior
from skmimic.generators._priors import prior_from_config

bounds = st.tuples(st.floats(-10, 10), st.floats(0.1, 10)).map(lambda pair: BoxPrior(pair[0], pair[0] + pair[1]))
normals = st.floats(0.5, 1.0).map(NormalPrior)
priors = st.one_of(st.just(UniformPrior()), bounds, normals)
seeds = st.integers(0, 2**31)


def latents(seed, n=7, d=5, spread=6.0):
    return spread * torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@given(priors, seeds)
def test_samples_are_allowed(prior, seed):
    z = prior.sample(9, 5, torch.Generator().manual_seed(seed))
    assert z.shape == (9, 5)
    assert z.dtype == torch.float32
    torch.testing.assert_close(prior.project(z), z, rtol=1e-6, atol=0)


@given(priors, seeds)
def test_projection_is_idempotent_and_row_wise(prior, seed):
    z = latents(seed)
    projected = prior.project(z)
    torch.testing.assert_close(prior.project(projected), projected, rtol=1e-6, atol=0)
    assert torch.equal(prior.project(z[2:4]), projected[2:4])
    assert torch.equal(prior.project(z.flip(0)), projected.flip(0))


@given(priors, seeds)
def test_projection_moves_no_allowed_latent_and_nothing_is_nearer(prior, seed):
    z = latents(seed)
    projected = prior.project(z)
    rivals = prior.project(latents(seed + 1))
    distance = (z - projected).norm(dim=1)
    assert (distance <= (z - rivals).norm(dim=1) * (1 + 1e-5) + 1e-5).all()


@given(priors, seeds)
def test_penalty_is_half_the_squares_in_the_unit_of_the_prior(prior, seed):
    z = latents(seed)
    low, high = (prior.low, prior.high) if isinstance(prior, BoxPrior) else (-1, 1)
    unit = (z - (low + high) / 2) / ((high - low) / 2)
    torch.testing.assert_close(prior.penalty(z), 0.5 * (unit**2).sum(1))
    assert prior.penalty(prior.mean(5)[None]).item() == pytest.approx(0, abs=1e-10)


def test_penalty_of_a_corner_is_half_the_dimension():
    assert BoxPrior(2, 6).penalty(torch.full((1, 8), 6.0)).item() == 4.0


@given(priors, seeds)
def test_squash_gives_allowed_latents_and_has_gradients(prior, seed):
    raw = (latents(seed) / 6).requires_grad_()
    z = prior.squash(raw)
    if isinstance(prior, BoxPrior):
        torch.testing.assert_close(prior.project(z), z)
    else:
        assert torch.equal(z, raw)
    z.sum().backward()
    assert (raw.grad > 0).all()


@pytest.mark.parametrize("prior", [UniformPrior(), BoxPrior(-3, 1), NormalPrior(1.0)])
def test_scale_and_mean_are_those_of_the_samples(prior):
    z = prior.sample(40_000, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(z.mean(0), prior.mean(3), atol=0.05, rtol=0)
    assert z.std().item() == pytest.approx(prior.scale, rel=0.02)


@pytest.mark.parametrize("d", [1, 16, 512])
def test_radius_of_the_normal_prior_is_the_quantile_of_the_norm(d):
    norms = torch.randn(20_000, d, generator=torch.Generator().manual_seed(0)).norm(dim=1)
    assert (norms <= NormalPrior(0.9).radius(d)).float().mean().item() == pytest.approx(0.9, abs=0.01)


def test_normal_projection_keeps_the_direction_and_the_rows_inside():
    prior = NormalPrior()
    z = torch.tensor([[100.0, 0.0, 100.0], [0.1, 0.2, 0.3]])
    projected = prior.project(z)
    assert torch.equal(projected[1], z[1])
    assert projected[0].norm().item() == pytest.approx(prior.radius(3), rel=1e-6)
    torch.testing.assert_close(projected[0] / projected[0].norm(), z[0] / z[0].norm())


def test_normal_with_quantile_one_allows_everything():
    z = torch.full((2, 3), 1e6)
    assert torch.equal(NormalPrior(1.0).project(z), z)
    assert math.isinf(NormalPrior(1.0).radius(3))


def test_samples_touch_no_global_random_state_and_follow_the_generator():
    before = torch.get_rng_state()
    draws = [UniformPrior().sample(3, 2, torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*draws)
    assert torch.equal(before, torch.get_rng_state())


@given(priors)
def test_config_reads_back_and_equality_follows_it(prior):
    again = prior_from_config(prior.config)
    assert again == prior
    assert hash(again) == hash(prior)
    assert type(again) is type(prior) or prior == UniformPrior()


def test_priors_are_values_that_cannot_be_changed():
    with pytest.raises(AttributeError):
        BoxPrior(0, 1).low = 3
    assert UniformPrior() == BoxPrior(-1, 1) != NormalPrior()
    assert repr(BoxPrior(0, 2)) == "BoxPrior(low=0, high=2)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("uniform", UniformPrior()),
        ("normal", NormalPrior()),
        ((0, 2), BoxPrior(0, 2)),
        ([-1.0, 1.0], UniformPrior()),
        (np.array([0.0, 2.0]), BoxPrior(0, 2)),
        (NormalPrior(0.5), NormalPrior(0.5)),
    ],
)
def test_as_prior_reads_short_descriptions(value, expected):
    prior = as_prior(value)
    assert isinstance(prior, Prior)
    assert prior == expected


@pytest.mark.parametrize(
    "value", ["gaussian", (1, 0), (0, 0), (0, math.inf), (math.nan, 1), (0, 1, 2), 3, None, (0, 1e39), ("a", "b")]
)
def test_as_prior_refuses_everything_else_by_name(value):
    with pytest.raises(ValueError, match=r"prior must be 'uniform'.*'normal'.*bounds"):
        as_prior(value)


@pytest.mark.parametrize("quantile", [0.0, -1, 1.1, math.nan])
def test_normal_prior_refuses_quantiles_outside(quantile):
    with pytest.raises(ValueError, match="quantile"):
        NormalPrior(quantile)


@pytest.mark.parametrize(
    "config",
    [
        {},
        [],
        None,
        "uniform",
        {"kind": "cauchy"},
        {"kind": "box", "low": 0},
        {"kind": "box", "low": 1, "high": 0},
        {"kind": ["box"], "low": 0, "high": 1},
        {"kind": "normal", "quantile": "x"},
        {"kind": "normal", "radius": 3},
    ],
)
def test_a_hostile_config_describes_no_prior(config):
    with pytest.raises(InvalidModelFileError, match="describes no prior"):
        prior_from_config(config)
