"""The pose of few rows: found where distances to samples mislead, left alone where many rows tell it."""

from dataclasses import replace

import pytest
import torch

from skmimic import load_gan
from skmimic.engine import Settings, estimate_corruption
from skmimic.engine._initialisation import Candidates
from skmimic.engine._pose_search import FEW_ROWS, search_pose
from skmimic.engine._problem import TETHER_SD, Problem
from skmimic.engine._retrieval import Pose
from skmimic.surrogates import Affine, Composition, Identity, affine_matrix, warp
from tests.helpers import loaded

SETTINGS = Settings(solver="joint", T=6)


@pytest.fixture(scope="module")
def turned():
    """Four digits of the generator itself, turned by 35 degrees."""
    generator = load_gan("mnist16").on("cpu")
    z = generator.prior.sample(4, generator.latent_dim, torch.Generator().manual_seed(5))
    return generator, warp(generator.decode(z).detach(), affine_matrix(35.0))


def found(turned, pose, settings=SETTINGS):
    generator, rows = turned
    problem = Problem(generator, Composition([Affine((1, 16, 16))]))
    candidates = Candidates(generator, torch.Generator().manual_seed(0))
    return search_pose(problem, rows, candidates, settings, pose), problem


@pytest.mark.parametrize("guess", [Pose(26.0, 1.08), Pose(47.0, 0.95)])
def test_a_pose_is_found_from_a_guess_that_is_off(turned, guess):
    pose, problem = found(turned, guess)
    assert pose.rotation_deg == pytest.approx(35, abs=3)
    assert pose.zoom == pytest.approx(1, abs=0.04)
    assert torch.equal(problem.surrogate.part(Affine).theta, affine_matrix())  # looked at, not changed


def test_the_same_rows_give_the_same_pose(turned):
    short = replace(SETTINGS, T=2)
    assert found(turned, Pose(30.0), short)[0] == found(turned, Pose(30.0), short)[0]


def test_few_rows_are_held_at_a_pose_and_many_are_free(turned):
    generator, rows = turned
    sentences = []
    found = estimate_corruption(generator, rows, replace(SETTINGS, T=4), "affine", report=sentences.append)
    shape = found.surrogate.describe()
    assert abs(shape["shear_deg"]) < 3
    assert any("searched the pose of 4 rows" in sentence for sentence in sentences)
    sentences.clear()
    many = rows.repeat(FEW_ROWS // 4, 1, 1, 1)
    estimate_corruption(generator, many, replace(SETTINGS, T=1), "affine", report=sentences.append)
    assert not any("searched" in sentence for sentence in sentences)


def test_a_tether_is_a_gaussian_prior_counted_once():
    affine = Affine((1, 8, 8))
    free = Problem(loaded(), Composition([affine]))
    assert free.shared_penalty() == 0
    held = free.with_(tether=affine_matrix())
    assert held.shared_penalty().item() == 0
    with torch.no_grad():
        affine.theta[0, 1] += 2 * TETHER_SD
    assert held.shared_penalty().item() == pytest.approx(2.0)


def test_surrogates_without_an_affine_map_are_not_held(turned):
    generator, rows = turned
    sentences = []
    estimate_corruption(generator, rows, replace(SETTINGS, T=1), "photometric", report=sentences.append)
    estimate_corruption(generator, rows, replace(SETTINGS, T=1), Identity(), report=sentences.append)
    assert not any("searched" in sentence for sentence in sentences)
