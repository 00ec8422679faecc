"""Shared numbers, latents and deviations together, in rounds that overshoot."""

from dataclasses import replace

import pytest
import torch

from skmimic import load_gan
from skmimic.engine import Candidates, Problem, Settings
from skmimic.engine.solvers import PLAN, has_units, solve_in_rounds
from skmimic.exceptions import NotFiniteError
from skmimic.surrogates import Affine, Blur, Composition, Convolution, Identity, Mask, Photometric, affine_matrix, warp
from skmimic.utils import gaussian_blur

SHAPE = (1, 16, 16)
SETTINGS = Settings(solver="joint")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def digits():
    generator = load_gan("mnist16").on("cpu")
    rows = generator.decode(generator.prior.sample(48, generator.latent_dim, seeded(5))).detach()
    return generator, rows, Candidates(generator, seeded(), 1000)


def solved(digits, surrogate, observed, settings=SETTINGS, **keywords):
    generator, _, candidates = digits
    problem = Problem(generator, surrogate, latent_weight=0.1)
    return solve_in_rounds(problem, observed, settings, candidates, seeded(), **keywords)


def at(matrix):
    affine = Affine(SHAPE)
    with torch.no_grad():
        affine.theta.copy_(matrix)
    return affine


def test_a_map_is_found_to_a_small_part_of_a_pixel(digits):
    true = affine_matrix(20.0, 0.9, (0.1, -0.05))
    affine = at(affine_matrix(14.0, 0.95, (0.05, 0.0)))
    found = solved(digits, affine, warp(digits[1], true))
    assert (affine.theta - true).abs().max() * SHAPE[1] / 2 < 0.15
    assert len(found.trace.objectives) == 2 * len(PLAN)
    assert found.latents.z.shape == (48, digits[0].latent_dim)
    assert not found.latents.z.requires_grad


def test_of_several_starts_the_one_that_leads_lowest_goes_on(digits):
    true = affine_matrix(20.0, 0.9, (0.1, -0.05))
    astray, near, nearer = (at(affine_matrix(*numbers)) for numbers in ((-70.0, 0.9), (14.0, 0.95), (17.0, 0.9)))
    found = solved(digits, astray, warp(digits[1], true), rivals=(near, nearer))
    assert found.problem.surrogate in (near, nearer)
    assert (found.problem.surrogate.theta - true).abs().max() * SHAPE[1] / 2 < 0.15
    assert len(found.rivals) == 2
    assert all(gap >= 0 for gap, _ in found.rivals)
    gap = next(gap for gap, surrogate in found.rivals if surrogate is astray)
    assert gap > 0.05 * len(digits[1]) * found.trace.objectives[-1]


def test_where_none_wins_the_lowest_goes_on_alone(digits, monkeypatch):
    monkeypatch.setattr("skmimic.engine.solvers._rounds.MOST_TOLD", 1)
    observed = warp(digits[1], affine_matrix(20.0, 0.9, (0.1, -0.05)))
    far, farther = (at(affine_matrix(angle, 0.95)) for angle in (12.0, 4.0))
    found = solved(digits, farther, observed, rivals=(far,))
    (gap, other), *rest = found.rivals
    assert not rest
    assert gap >= 0
    assert other is not found.problem.surrogate


def test_T_bounds_the_contest_of_starts(digits):
    far, farther = (at(affine_matrix(angle, 0.95)) for angle in (12.0, 4.0))
    observed = warp(digits[1], affine_matrix(20.0, 0.9, (0.1, -0.05)))
    found = solved(digits, farther, observed, replace(SETTINGS, T=2), rivals=(far,))
    assert len(found.rivals) == 1


def test_gain_bias_and_blur_are_found(digits):
    surrogate = Composition([Blur(SHAPE, 0.8), Photometric(SHAPE)])
    solved(digits, surrogate, 0.6 * gaussian_blur(digits[1], 1.0) - 0.2)
    told = surrogate.describe()
    assert told["blur_px"] == pytest.approx(1, abs=0.05)
    assert (*told["gain"], *told["bias"]) == pytest.approx((0.6, -0.2), abs=0.08)  # from (1, 0), twenty units away


def test_gain_and_bias_are_found_with_a_map(digits):
    surrogate = Composition([at(affine_matrix(5.0)), Photometric(SHAPE)])
    solved(digits, surrogate, 0.6 * warp(digits[1], affine_matrix(8.0)) - 0.2)
    told = surrogate.describe()
    assert told["rotation_deg"] == pytest.approx(8, abs=1)
    assert (*told["gain"], *told["bias"]) == pytest.approx((0.6, -0.2), abs=0.03)


def test_only_what_is_learned_moves(digits):
    affine, held = at(affine_matrix(5.0)), Photometric(SHAPE).requires_grad_(False)
    solved(digits, Composition([affine, held]), warp(digits[1], affine_matrix(8.0)), replace(SETTINGS, T=1, T1=5))
    assert held.gain.item() == 1
    assert not torch.equal(affine.theta, affine_matrix(5.0))


def test_T_bounds_the_rounds_and_each_is_reported(digits):
    traces = []
    keep = lambda trace, surrogate: traces.append(trace)  # noqa: E731
    solved(digits, Affine(SHAPE), digits[1], replace(SETTINGS, T=2, T1=5), keep=keep)
    assert [len(trace.objectives) for trace in traces] == [2, 4]


def test_of_several_starts_the_likeliest_is_kept_until_the_lowest_is_known(digits):
    """An interruption between them must not leave a rival."""
    true, kept = affine_matrix(8.0), []
    likeliest, rival = at(affine_matrix(40.0)), at(true)
    keep = lambda trace, surrogate: kept.append(surrogate)  # noqa: E731
    found = solved(digits, likeliest, warp(digits[1], true), rivals=(rival,), keep=keep)
    assert found.problem.surrogate is rival, "the rival must win for this test to tell anything"
    assert len(kept) == 2
    assert kept[0] is likeliest
    assert kept[1] is rival


def test_the_same_rows_give_the_same_numbers(digits):
    first, second = Affine(SHAPE), Affine(SHAPE)
    for affine in (first, second):
        solved(digits, affine, warp(digits[1], affine_matrix(8.0)), replace(SETTINGS, T=2, T1=5))
    assert torch.equal(first.theta, second.theta)


def test_leaving_the_finite_numbers_names_the_round(digits):
    generator, rows, candidates = digits
    broken = Problem(generator, Affine(SHAPE), loss=lambda a, b: (a - b).flatten(1).sum(1) / 0)
    with pytest.raises(NotFiniteError, match="joint solver, round 1 of 2"):
        solve_in_rounds(broken, rows, SETTINGS, candidates, seeded())


def test_weights_of_networks_and_masks_have_no_units():
    assert has_units(Composition([Affine(SHAPE), Photometric(SHAPE), Blur(SHAPE), Mask(SHAPE, learn=False)]))
    assert has_units(Identity())
    assert not has_units(Composition([Affine(SHAPE), Convolution(SHAPE)]))
    assert not has_units(Mask(SHAPE))
