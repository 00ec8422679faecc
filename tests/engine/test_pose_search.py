"""The pose of few rows: found where distances to samples mislead, left alone where many rows tell it."""

from dataclasses import replace

import pytest
import torch

from skmimic import load_gan
from skmimic.engine import Settings, estimate_corruption
from skmimic.engine._descent import Descent
from skmimic.engine._initialisation import Candidates
from skmimic.engine._pose_search import FEW_ROWS, FEWEST_STEPS, _grid, search_pose
from skmimic.engine._problem import TETHER_SD, Latents, Problem
from skmimic.engine._retrieval import Pose
from skmimic.surrogates import Affine, Composition, Identity, affine_matrix, warp
from tests.helpers import loaded

SETTINGS = Settings(solver="joint", T=6)


def drawn(generator, n):
    z = generator.prior.sample(n, generator.latent_dim, torch.Generator().manual_seed(5))
    return generator.decode(z).detach()


@pytest.fixture(scope="module")
def turned():
    """Four digits of the generator itself, turned by 35 degrees."""
    generator = load_gan("mnist16").on("cpu")
    return generator, warp(drawn(generator, 4), affine_matrix(35.0))


def searched(generator, rows, pose, settings=SETTINGS, problem=None):
    problem = problem or Problem(generator, Composition([Affine((1, 16, 16))]))
    candidates = Candidates(generator, torch.Generator().manual_seed(0))
    return search_pose(problem, rows, candidates, settings, pose), problem


@pytest.mark.parametrize("guess", [Pose(26.0, 1.08), Pose(47.0, 0.95)])
def test_a_pose_is_found_from_a_guess_that_is_off(turned, guess):
    pose, problem = searched(*turned, guess)
    assert pose.rotation_deg == pytest.approx(35, abs=3)
    assert pose.zoom == pytest.approx(1, abs=0.04)
    assert torch.equal(problem.surrogate.part(Affine).theta, affine_matrix())  # looked at, not changed


def test_the_same_rows_give_the_same_pose(turned):
    short = replace(SETTINGS, T=2)
    first, problem = searched(*turned, Pose(30.0), short)
    assert searched(*turned, Pose(30.0), short, problem)[0] == first


@pytest.mark.parametrize("n_rows", [2, 4])
def test_clean_images_stay_upright(turned, n_rows):
    assert searched(turned[0], drawn(turned[0], n_rows), Pose())[0] == Pose()


@pytest.mark.parametrize("zoom", [1.0, 1.2])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 4])
def test_the_first_look_has_no_twins_and_no_side(zoom, n_rows):
    poses = _grid(Pose(10.0, zoom), n_rows)
    assert len(set(poses)) == len(poses)
    turns = {pose.rotation_deg - 10 for pose in poses}
    assert turns == {-turn for turn in turns}
    assert max(turns) >= 21
    assert 1.0 in {pose.zoom for pose in poses}


def test_few_rows_are_held_at_a_pose_and_many_are_free(turned):
    generator, rows = turned
    sentences = []
    adaptation = estimate_corruption(generator, rows, SETTINGS, "affine", report=sentences.append)
    shape = adaptation.surrogate.describe()
    assert shape["rotation_deg"] == pytest.approx(35, abs=3)
    assert shape["scale"] == pytest.approx((1, 1), abs=0.06)
    assert abs(shape["shear_deg"]) < 3
    assert any("searched the pose of 4 rows" in sentence for sentence in sentences)
    sentences.clear()
    many = rows.repeat(FEW_ROWS // 4, 1, 1, 1)
    estimate_corruption(generator, many, SETTINGS, "affine", report=sentences.append)
    assert not any("searched" in sentence for sentence in sentences)


def test_little_effort_is_not_spent_on_a_search(turned):
    sentences = []
    hasty = replace(SETTINGS, T=2)
    assert hasty.n_latent_steps < FEWEST_STEPS <= SETTINGS.n_latent_steps
    estimate_corruption(*turned, hasty, "affine", report=sentences.append)
    assert not any("searched" in sentence for sentence in sentences)


def test_a_shift_of_few_rows_is_still_found(turned):
    """The search knows no shifts; the map that was left alone explains the rows better and is kept."""
    generator, _ = turned
    shifted = torch.roll(drawn(generator, 8), 2, dims=-1)
    found = estimate_corruption(generator, shifted, SETTINGS, "affine").surrogate.describe()
    assert found["shift_px"] == pytest.approx((2, 0), abs=0.5)


def test_a_tether_is_a_gaussian_prior_counted_once():
    affine = Affine((1, 8, 8))
    free = Problem(loaded(), Composition([affine]))
    assert free.shared_penalty() == 0
    held = free.with_(tether=affine_matrix())
    assert held.shared_penalty().item() == 0
    with torch.no_grad():
        affine.theta[0, 1] += 2 * TETHER_SD[1]
        affine.theta[1, 2] -= TETHER_SD[2]
    assert held.shared_penalty().item() == pytest.approx(2.5)


@pytest.mark.parametrize("n_rows", [2, 8])
def test_joint_steps_are_pulled_to_the_tether(n_rows):
    """With a fidelity that does not care, only the tether moves the affine map."""
    affine = Affine((1, 8, 8))
    careless = {"loss": lambda mimicked, seen: 0 * mimicked.flatten(1).sum(1), "latent_weight": 0.0}
    problem = Problem(loaded(), Composition([affine]), tether=affine_matrix(10.0), **careless)
    latents = Latents(loaded().prior.sample(n_rows, loaded().latent_dim, torch.Generator().manual_seed(0)))
    descent = Descent(problem, torch.zeros(n_rows, 1, 8, 8), latents, SETTINGS)
    for _ in range(60):
        descent.joint_step()
    torch.testing.assert_close(affine.theta.detach(), affine_matrix(10.0), atol=0.02, rtol=0)


def test_surrogates_without_an_affine_map_are_not_held(turned):
    generator, rows = turned
    sentences = []
    estimate_corruption(generator, rows, SETTINGS, "photometric", report=sentences.append)
    estimate_corruption(generator, rows, SETTINGS, Identity(), report=sentences.append)
    assert not any("searched" in sentence for sentence in sentences)
