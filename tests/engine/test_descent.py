"""The descent: rows settle and stay, rates fall, latents stay allowed."""

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.engine import Latents, Problem, Settings
from skmimic.engine._descent import Descent, check_finite
from skmimic.engine._settings import cosine
from skmimic.exceptions import NotFiniteError
from skmimic.surrogates import Affine, Identity
from tests.helpers import loaded, pca_generator

SETTINGS = Settings(solver="joint", tol=0.0)


def problem_of(generator=None, surrogate=None, **keywords):
    return Problem(generator or loaded(), surrogate or Identity(), **keywords)


def observed(generator=None, n=6):
    generator = generator or loaded()
    z = generator.prior.sample(n, generator.latent_dim, torch.Generator().manual_seed(0))
    return generator.decode(z)


def descent_of(problem, settings=SETTINGS, n=6, z=None):
    z = torch.zeros(n, problem.generator.latent_dim) if z is None else z
    return Descent(problem, observed(problem.generator, n), problem.latents(z), settings)


def test_the_start_is_copied():
    z = torch.zeros(6, 4)
    descent = descent_of(problem_of(), z=z)
    descent.latent_step()
    assert (z == 0).all()
    assert (descent.latents.z != 0).any()


def test_a_latent_step_holds_the_surrogate_and_a_surrogate_step_the_latents():
    problem = problem_of(surrogate=Affine((1, 8, 8)))
    descent = descent_of(problem)
    theta, z = problem.surrogate.theta.detach().clone(), descent.latents.z.detach().clone()
    descent.surrogate_step(problem.generator.decode(z) * 0.5)
    assert torch.equal(descent.latents.z, z)
    assert not torch.equal(problem.surrogate.theta, theta)
    theta = problem.surrogate.theta.detach().clone()
    descent.latent_step()
    assert torch.equal(problem.surrogate.theta, theta)
    assert not torch.equal(descent.latents.z, z)
    descent.joint_step()
    assert not torch.equal(problem.surrogate.theta, theta)


def test_no_gradient_is_left_on_any_parameter():
    problem = problem_of(surrogate=Affine((1, 8, 8)))
    descent = descent_of(problem)
    descent.joint_step()
    assert problem.surrogate.theta.grad is None
    assert descent.latents.z.grad is None


def test_the_objective_falls_until_the_rows_fit():
    descent = descent_of(problem_of(latent_weight=0.0), replace(SETTINGS, lr_latent=0.05))
    before = descent.objective()
    descent.project_rows(60)
    assert (descent.objective() < before).all()


@pytest.mark.parametrize("name", ["box", "normal"])
def test_latents_never_leave_the_prior(name):
    generator = loaded() if name == "box" else loaded(pca_generator())
    descent = descent_of(problem_of(generator, latent_weight=0.0), replace(SETTINGS, lr_latent=5.0))
    for _ in range(5):
        descent.latent_step()
        z = descent.latents.z.detach()
        torch.testing.assert_close(generator.prior.project(z), z)


def test_a_row_that_has_settled_does_not_move_again():
    """A row that starts at its optimum is frozen at the first comparison, whatever the others still do."""
    generator, settings = loaded(), replace(SETTINGS, tol=1e-3, lr_latent=0.05)
    problem = problem_of(generator, latent_weight=0.0)
    truth = generator.prior.sample(6, 4, torch.Generator().manual_seed(0))
    near = truth.clone()
    near[1:] = 0.0
    long, longer = (Descent(problem, observed(), Latents(near), settings) for _ in range(2))
    long.project_rows(80)
    alone = Descent(problem, observed()[[0] * 6], Latents(near[[0] * 6]), settings)
    alone.project_rows(80)
    torch.testing.assert_close(long.latents.z[0], alone.latents.z[0], rtol=0, atol=1e-6)
    longer.project_rows(80)
    assert torch.equal(long.latents.z, longer.latents.z)


def test_stops_early_when_all_rows_have_settled():
    calls = []
    problem = problem_of(latent_weight=0.0, loss=lambda mimicked, seen: 0 * (mimicked - seen).flatten(1).sum(1))
    descent = descent_of(problem, replace(SETTINGS, tol=0.9))
    step = descent.latent_step
    descent.latent_step = lambda rate: calls.append(rate) or step(rate)
    descent.project_rows(300)
    assert len(calls) == 50  # compared after 25 and 50 steps, at an objective that stays at zero


@given(st.integers(1, 500))
def test_rates_fall_from_one_to_a_twentieth(n_steps):
    rates = [cosine(step, n_steps) for step in range(n_steps)]
    assert rates[0] == 1
    assert all(0.05 <= later <= earlier for earlier, later in itertools.pairwise(rates))


def test_deviations_move_no_faster_than_a_fifth_of_their_spread():
    problem = problem_of(surrogate=Affine((1, 8, 8)), deviation_sd=0.005)
    descent = descent_of(problem)
    descent.latent_step()
    assert 0 < descent.latents.deviations.abs().max() <= 0.001 * 1.01


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_bad_row_is_enough(value):
    objective = torch.tensor([1.0, value, 2.0])
    with pytest.raises(NotFiniteError, match=r"phase: the objective is not finite \(lr_latent=0.05, lr_surrogate=0.01"):
        check_finite(objective, SETTINGS, "phase")
    check_finite(objective[[0, 2]], SETTINGS, "phase")
