"""L-BFGS of rows: every row its own, never uphill, exact where the answer is known."""

import math
from dataclasses import replace

import pytest
import torch

from skmimic import load_gan
from skmimic.engine import Latents, Problem, Settings
from skmimic.engine._descent import Descent, observed_steps
from skmimic.engine._initialisation import Candidates, start_latents
from skmimic.engine._quasi_newton import FINAL_SHARE, TRIAL_SHARE, Contest, QuasiNewton, row_walk
from skmimic.surrogates import Affine, Identity
from tests.helpers import loaded, pca_generator

SETTINGS = Settings(solver="joint", optimiser="lbfgs", tol=0.0)


def problem_of(generator=None, surrogate=None, **keywords):
    return Problem(generator or loaded(), surrogate or Identity(), **keywords)


def drawn(generator, n, seed=0):
    return generator.prior.sample(n, generator.latent_dim, torch.Generator().manual_seed(seed))


def walk_of(problem, settings=SETTINGS, n=6):
    generator = problem.generator
    observed = generator.decode(drawn(generator, n))
    return QuasiNewton(problem, observed, problem.latents(drawn(generator, n, seed=1)), settings)


@pytest.fixture(scope="module")
def digits():
    generator = load_gan("mnist16").on("cpu")
    return generator, generator.decode(drawn(generator, 16, seed=3)).detach()


def test_no_row_ever_goes_uphill(digits):
    generator, observed = digits
    walk = QuasiNewton(problem_of(generator), observed, Latents(drawn(generator, 16)), SETTINGS)
    values = [walk.objective()]
    for _ in range(30):
        walk.project_rows(1)
        values.append(walk.objective())
    path = torch.stack(values)
    assert (path[1:] <= path[:-1]).all()
    assert (path[-1] < path[0]).all()


def test_the_objective_is_that_of_the_latents(digits):
    generator, observed = digits
    problem = problem_of(generator)
    walk = QuasiNewton(problem, observed, Latents(drawn(generator, 16)), SETTINGS)
    walk.project_rows(20)
    torch.testing.assert_close(walk.objective(), problem.objective(observed, walk.latents).detach())


def test_least_squares_of_a_linear_generator_is_found():
    """With l2 the objective is |y - A z|^2 plus the prior, whose minimum is one linear system."""
    generator = loaded(pca_generator())
    walk = walk_of(problem_of(generator, loss="l2", latent_weight=0.0))
    walk.project_rows(80)
    torch.testing.assert_close(walk.latents.z, drawn(generator, 6), atol=2e-3, rtol=0)


def test_a_row_is_the_same_in_any_company(digits):
    generator, observed = digits
    problem, start = problem_of(generator), drawn(generator, 16)
    settings = replace(SETTINGS, tol=1e-2)

    def found(order):
        walk = QuasiNewton(problem, observed[order], Latents(start[order]), settings)
        walk.project_rows(60)
        return walk.latents.z

    everyone, backwards = found(list(range(16))), found(list(range(15, -1, -1)))
    assert torch.equal(everyone.flip(0), backwards)
    few = [0, 1, 2, 3] * 4
    assert torch.equal(found(few)[:4], everyone[:4])


@pytest.mark.parametrize("name", ["box", "normal"])
def test_latents_never_leave_the_prior(name):
    generator = loaded() if name == "box" else loaded(pca_generator())
    problem = problem_of(generator, latent_weight=0.0)
    observed = 3 * generator.decode(drawn(generator, 6))  # asks for more than the prior allows
    walk = QuasiNewton(problem, observed, problem.latents(drawn(generator, 6)), replace(SETTINGS, lr_latent=2.0))
    for _ in range(10):
        walk.project_rows(1)
        z = walk.latents.z
        torch.testing.assert_close(generator.prior.project(z), z)


def test_stops_when_every_row_has_settled_and_not_before():
    problem = problem_of(loaded(pca_generator()), loss="l2")
    steps = []
    walk = walk_of(problem, replace(SETTINGS, tol=1e-4))
    walk.project_rows(500, lambda step, latents: steps.append(step))
    assert 25 <= steps[-1] < 500
    before = walk.objective()
    walk.project_rows(25)
    assert (before - walk.objective() <= 1e-4 * before).all()


def test_observed_at_the_same_steps_as_the_descent(digits):
    generator, observed = digits
    steps = []
    walk = QuasiNewton(problem_of(generator), observed, Latents(drawn(generator, 16)), SETTINGS)
    walk.project_rows(60, lambda step, latents: steps.append(step))
    assert steps == observed_steps(60)


def test_a_row_that_is_not_finite_leaves_the_others_alone(digits):
    generator, observed = digits
    problem, start = problem_of(generator), drawn(generator, 16)
    clean = QuasiNewton(problem, observed, Latents(start), SETTINGS)
    broken = observed.clone()
    broken[5] = float("inf")  # NaN would be a row that was not seen
    spoiled = QuasiNewton(problem, broken, Latents(start), SETTINGS)
    for walk in (clean, spoiled):
        walk.project_rows(20)
    others = [index for index in range(16) if index != 5]
    assert torch.equal(clean.latents.z[others], spoiled.latents.z[others])
    assert not spoiled.objective()[5].isfinite()


def test_a_start_without_a_gradient_stays():
    flat = problem_of(latent_weight=0.0, loss=lambda mimicked, seen: 0 * (mimicked - seen).flatten(1).sum(1))
    walk = walk_of(flat)
    start = walk.latents.z.clone()
    walk.project_rows(10)
    assert torch.equal(walk.latents.z, start)


def test_deviations_move_along_with_the_latents():
    problem = problem_of(surrogate=Affine((1, 8, 8)), deviation_sd=0.1)
    walk = walk_of(problem)
    walk.project_rows(20)
    assert walk.latents.deviations.shape == (6, 6)
    assert (walk.latents.deviations != 0).any()
    assert problem.surrogate.theta.grad is None


def test_a_third_of_the_steps_of_adam_is_enough(digits):
    """The exchange rate of `Settings.n_latent_steps`, on other digits than those it was measured on."""
    generator, observed = digits
    problem = problem_of(generator)
    random = torch.Generator().manual_seed(0)
    start = start_latents("nearest", problem, observed, random, Candidates(generator, random, 500))
    found = {}
    for optimiser in ("lbfgs", "adam"):
        settings = replace(SETTINGS, optimiser=optimiser, T=6)
        walk = row_walk(problem, observed, start, settings)
        assert isinstance(walk, QuasiNewton if optimiser == "lbfgs" else Descent)
        walk.project_rows(settings.n_latent_steps)
        found[optimiser] = walk.objective().mean()
    assert found["lbfgs"] < found["adam"]


def contest_of(digits, seeds):
    generator, observed = digits
    problem = problem_of(generator)
    starts = [problem.latents(drawn(generator, 16, seed)) for seed in seeds]
    return problem, observed, starts, row_walk(problem, observed, starts, SETTINGS)


def test_the_better_start_of_each_row_goes_on(digits):
    """A row's answer is no higher than that of either start after its trial, and ends as if it had gone on alone."""
    problem, observed, starts, contest = contest_of(digits, (0, 1))
    assert isinstance(contest, Contest)
    alone = [QuasiNewton(problem, observed, start, SETTINGS) for start in starts]
    for walk in alone:
        walk.project_rows(15)
    trials = torch.stack([walk.objective() for walk in alone])
    second_is_lower = trials[1] < trials[0]
    assert second_is_lower.any()
    assert not second_is_lower.all()
    for walk in alone:
        walk.project_rows(30)
    expected = torch.where(second_is_lower, alone[1].objective(), alone[0].objective())
    contest.project_rows(60)
    torch.testing.assert_close(contest.objective(), expected)
    torch.testing.assert_close(contest.objective(), problem.objective(observed, contest.latents).detach())


def test_equal_starts_are_one_start(digits):
    problem, observed, starts, contest = contest_of(digits, (0, 0))
    alone = QuasiNewton(problem, observed, starts[0], SETTINGS)
    contest.project_rows(60)
    alone.project_rows(45)  # the trial of the second start cost 15
    assert torch.equal(contest.latents.z, alone.latents.z)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_start_that_is_not_finite_never_wins(digits, is_first):
    problem, observed, (start, other), _ = contest_of(digits, (0, 1))
    broken = Latents(torch.full_like(other.z, float("nan")))
    contest = row_walk(problem, observed, [broken, start] if is_first else [start, broken], SETTINGS)
    contest.project_rows(40)
    assert torch.isfinite(contest.objective()).all()


def test_no_row_settles_right_after_the_trial(digits):
    """Of 50 evaluations the trial takes 24, one before a check; a row that was refused one step has not settled."""
    problem, observed, starts, patient = contest_of(digits, (0, 1))
    assert 2 * int(TRIAL_SHARE * 50) == 24
    hasty = row_walk(problem, observed, starts, replace(SETTINGS, tol=1e-4))
    for walk in (hasty, patient):
        walk.project_rows(50)
    assert torch.equal(hasty.objective(), patient.objective())


@pytest.mark.parametrize("n_steps", [1, 3, 25, 60, 167])
@pytest.mark.parametrize("n_starts", [2, 3])
def test_a_contest_is_observed_at_the_same_steps(digits, n_starts, n_steps):
    steps = []
    contest = contest_of(digits, range(n_starts))[-1]
    contest.project_rows(n_steps, lambda step, latents: steps.append(step))
    assert steps == observed_steps(n_steps)


def rough_problem(problem, noise=0.005, seed=0):
    """The same problem on a generator that is wrong by a little, in another way at every place."""
    generator = copy_of(problem.generator)
    exact, wave = (
        generator.decode,
        200 * torch.randn(generator.latent_dim, generator=torch.Generator().manual_seed(seed)),
    )
    generator.decode = lambda z: exact(z) + noise * torch.sin(z @ wave).detach()[:, None, None, None]
    return problem.with_(generator=generator)


def counted(problem):
    """The same problem, and a list of how many rows each evaluation takes."""
    generator, counts, decode = copy_of(problem.generator), [], problem.generator.decode
    generator.decode = lambda z: (counts.append(len(z)), decode(z))[1]
    return problem.with_(generator=generator), counts


def copy_of(generator):
    twin = object.__new__(type(generator))
    vars(twin).update(vars(generator))
    return twin


def test_a_rough_contest_ends_in_the_problem_itself(digits, monkeypatch):
    """As low as the exact contest but for a little, its objective that of the problem, and downhill at the end."""
    problem, observed, starts, exact = contest_of(digits, (0, 1))
    contest, changed = row_walk(problem, observed, starts, SETTINGS, rough_problem(problem)), []
    end_in = QuasiNewton.end_in
    monkeypatch.setattr(
        QuasiNewton, "end_in", lambda walk, problem: (end_in(walk, problem), changed.append(walk.objective()))
    )
    for walk in (exact, contest):
        walk.project_rows(120)
    (at_change,) = changed
    assert (contest.objective() <= at_change).all()
    assert contest.objective().sum() < at_change.sum()
    torch.testing.assert_close(contest.objective(), problem.objective(observed, contest.latents).detach())
    assert contest.objective().mean() < 1.03 * exact.objective().mean()


@pytest.mark.parametrize("n_steps", [1, 25, 60])
@pytest.mark.parametrize("n_starts", [1, 2, 3])
def test_a_rough_contest_evaluates_as_often_and_is_observed_at_the_same_steps(digits, n_starts, n_steps):
    """A start and its steps for each row, but for one evaluation more when the problem is changed."""
    original, observed, starts, _ = contest_of(digits, range(n_starts))
    (problem, plain), (rough, roughly) = counted(original), counted(rough_problem(original))
    steps = []
    contest = row_walk(problem, observed, starts, SETTINGS, rough)
    contest.project_rows(n_steps, lambda step, latents: steps.append(step))
    assert steps == observed_steps(n_steps)
    assert sum(plain) == len(observed) * (1 + math.ceil(FINAL_SHARE * n_steps))
    assert sum(plain) + sum(roughly) == len(observed) * (n_starts + n_steps + 1)
    plain.clear()
    row_walk(problem, observed, starts, SETTINGS).project_rows(n_steps)
    assert sum(plain) == len(observed) * (n_starts + n_steps)
    torch.testing.assert_close(contest.objective(), problem.objective(observed, contest.latents).detach())


def test_slack_lets_a_step_go_uphill_a_little(digits):
    generator, observed = digits
    problem = rough_problem(problem_of(generator), noise=0.1)
    walk = QuasiNewton(problem, observed, Latents(drawn(generator, 16)), SETTINGS, slack=1e-2)
    values = [walk.objective()]
    for _ in range(40):
        walk.step()
        values.append(walk.objective())
    rises = (torch.stack(values).diff(dim=0) / values[0]).amax()
    assert 0 < rises <= 1e-2


def test_a_descent_of_first_order_takes_the_first_start(digits):
    generator, observed = digits
    problem = problem_of(generator)
    starts = [problem.latents(drawn(generator, 16, seed)) for seed in (0, 1)]
    walk = row_walk(problem, observed, starts, replace(SETTINGS, optimiser="adam"))
    assert isinstance(walk, Descent)
    assert torch.equal(walk.latents.z, starts[0].z)


@pytest.mark.parametrize(("optimiser", "n_steps"), [("lbfgs", 167), ("adam", 500), ("rmsprop_tf", 500)])
def test_steps_of_phase_b(optimiser, n_steps):
    assert replace(SETTINGS, optimiser=optimiser, T=20, T2=25).n_latent_steps == n_steps
    assert replace(SETTINGS, optimiser=optimiser, T=1, T2=1).n_latent_steps == 1


@pytest.mark.parametrize(("optimiser", "n_steps"), [("lbfgs", 13), ("adam", 25), ("rmsprop", 25)])
def test_steps_after_an_encoder(optimiser, n_steps):
    assert replace(SETTINGS, optimiser=optimiser, T2=25).n_refinement_steps == n_steps
    assert replace(SETTINGS, optimiser=optimiser, T2=1).n_refinement_steps == 1
    assert replace(SETTINGS, optimiser=optimiser, T2=0).n_refinement_steps == 0
