"""How surely the numbers that rows share are known."""

import math

import numpy as np
import pytest
import torch

from skmimic import MimicGANProjector, load_gan
from skmimic.engine import Candidates, Latents, Problem, Settings
from skmimic.engine.identification import standard_errors
from skmimic.engine.identification._standard_errors import INFLATION
from skmimic.engine.solvers import solve_in_rounds
from skmimic.generators import linear_generator
from skmimic.surrogates import (
    Affine,
    Composition,
    Convolution,
    FittedSurrogate,
    Identity,
    Photometric,
    affine_matrix,
    describe_affine,
    warp,
)

SETTINGS = Settings(solver="joint")
SHAPE = (1, 16, 16)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(shape=(1, 4, 4), n_components=3):
    """A generator of few parts, all of whose images are inside the range."""
    rng = np.random.default_rng(0)
    size = math.prod(shape)
    components = rng.normal(0, 0.3 / math.sqrt(n_components), (n_components, size))
    return linear_generator(components, rng.uniform(-0.3, 0.3, size), shape, data_range=(-1, 1)).on("cpu")


def noisy_rows(generator, n, seed):
    """Rows with a gain of .6, a bias of -.1 and noise."""
    random = seeded(seed)
    images = generator.decode(generator.prior.sample(n, generator.latent_dim, random)).detach()
    return 0.6 * images - 0.1 + 0.05 * torch.randn(images.shape, generator=random)


def learned(generator, rows, candidates):
    surrogate = Photometric(generator.image_shape)
    problem = Problem(generator, surrogate, latent_weight=0.1)
    return problem, solve_in_rounds(problem, rows, SETTINGS, candidates, seeded()).latents


def test_the_errors_are_the_spread_over_draws_of_the_rows():
    """Where learning ends at the optimum, as on a linear generator, but for the factor that stands for not doing so."""
    generator = linear()
    candidates = Candidates(generator, seeded(), 300)
    found, told = [], []
    for seed in range(12):
        rows = noisy_rows(generator, 16, seed)
        problem, latents = learned(generator, rows, candidates)
        errors = standard_errors(problem, rows, latents, SETTINGS)
        found.append([*problem.surrogate.describe()["gain"], *problem.surrogate.describe()["bias"]])
        told.append([*errors["gain"], *errors["bias"]])
    ratio = np.mean(told, 0) / INFLATION / np.std(found, 0, ddof=1)
    assert ((ratio > 0.5) & (ratio < 2)).all()


def problem_of_digits(surrogate, n=4, **keywords):
    """Rows at their own latents, moved a little, so that they pull at what they share."""
    generator = load_gan("mnist16").on("cpu")
    z = generator.prior.sample(n, generator.latent_dim, seeded(5))
    with torch.no_grad():
        rows = surrogate(generator.decode(z)) + 0.05 * torch.randn(n, *SHAPE, generator=seeded(6))
    return Problem(generator, surrogate, latent_weight=0.1, **keywords), rows, z


def test_four_times_the_rows_halve_the_errors():
    problem, rows, z = problem_of_digits(Affine(SHAPE))
    few = standard_errors(problem, rows, Latents(z), SETTINGS)
    many = standard_errors(problem, rows.repeat(4, 1, 1, 1), Latents(z.repeat(4, 1)), SETTINGS)
    assert many["rotation_deg"] == pytest.approx(few["rotation_deg"] / 2, rel=0.02)
    assert many["shift_px"] == pytest.approx([one / 2 for one in few["shift_px"]], rel=0.02)


def test_a_start_that_came_as_low_elsewhere_counts_half_of_its_distance_squared():
    problem, rows, z = problem_of_digits(Photometric(SHAPE))
    alone = standard_errors(problem, rows, Latents(z), SETTINGS)
    rival = torch.tensor([0.3, 0.0], dtype=torch.float64)
    beside = standard_errors(problem, rows, Latents(z), SETTINGS, [(0.0, rival)])
    assert beside["gain"][0] == pytest.approx(math.hypot(alone["gain"][0], 0.3 / math.sqrt(2)), rel=1e-3)
    assert beside["bias"][0] == pytest.approx(alone["bias"][0], rel=1e-3)
    far = standard_errors(problem, rows, Latents(z), SETTINGS, [(1000.0, rival)])
    assert far["gain"][0] == pytest.approx(alone["gain"][0], rel=1e-3)


def test_the_errors_are_those_of_what_is_described():
    """One rival far above all else: its error is by how much the description differs, also across 180 degrees."""
    affine = Affine(SHAPE)
    with torch.no_grad():
        affine.theta.copy_(affine_matrix(179.99, 0.9))
    problem, rows, z = problem_of_digits(affine)
    rival = (affine_matrix(180.49, 0.9) - affine.theta.detach()).flatten().double()
    told = [standard_errors(problem, rows, Latents(z), SETTINGS, rivals) for rivals in ((), [(0.0, rival)])]
    added = math.sqrt(told[1]["rotation_deg"] ** 2 - told[0]["rotation_deg"] ** 2)
    assert added == pytest.approx(0.5 / math.sqrt(2), rel=0.02)
    assert set(told[0]) == {"rotation_deg", "scale", "shear_deg", "shift_px"}
    assert [type(told[0][name]) for name in ("rotation_deg", "scale")] == [float, tuple]


def test_deviations_of_the_rows_make_the_map_less_sure():
    problem, rows, z = problem_of_digits(Affine(SHAPE))
    held = standard_errors(problem, rows, Latents(z), SETTINGS)
    loose = problem.with_(deviation_sd=0.1)
    assert standard_errors(loose, rows, loose.latents(z), SETTINGS).keys() == held.keys()


def test_nothing_is_moved():
    problem, rows, z = problem_of_digits(Affine(SHAPE))
    before = problem.surrogate.theta.detach().clone()
    first = standard_errors(problem, rows, Latents(z), SETTINGS)
    assert torch.equal(problem.surrogate.theta, before)
    assert standard_errors(problem, rows, Latents(z), SETTINGS) == first


@pytest.mark.parametrize(
    ("surrogate", "loss"),
    [
        (Identity(), "charbonnier"),
        (Affine(SHAPE).requires_grad_(False), "charbonnier"),
        (Composition([Affine(SHAPE), Convolution(SHAPE)]), "charbonnier"),
        (Affine(SHAPE), lambda mimicked, observed: (mimicked - observed).abs().flatten(1).sum(1)),
    ],
)
def test_what_is_not_known_is_left_out(surrogate, loss):
    problem, rows, z = problem_of_digits(surrogate, loss=loss)
    assert standard_errors(problem, rows, Latents(z), SETTINGS) == {}


@pytest.mark.parametrize("loss", ["l1", "l2"])
def test_other_losses(loss):
    problem, rows, z = problem_of_digits(Affine(SHAPE), loss=loss)
    assert 0 < standard_errors(problem, rows, Latents(z), SETTINGS)["rotation_deg"] < 30


def test_pixels_that_were_not_seen_do_not_count():
    problem, rows, z = problem_of_digits(Affine(SHAPE))
    rows[:, :, :3] = torch.nan
    assert math.isfinite(standard_errors(problem, rows, Latents(z), SETTINGS)["rotation_deg"])


@pytest.fixture(scope="module")
def turned():
    generator = load_gan("mnist16").on("cpu")
    rows = generator.decode(generator.prior.sample(100, generator.latent_dim, seeded(9))).detach()
    return warp(rows, affine_matrix(15.0, 0.9, (0.1, 0.0))).numpy()


def test_the_truth_is_within_two_of_them(turned):
    told = MimicGANProjector("mnist16", surrogate="affine", data_range=(-1, 1)).fit(turned).surrogate_.describe()
    true, errors = describe_affine(affine_matrix(15.0, 0.9, (0.1, 0.0)), SHAPE), told["standard_errors"]
    assert abs(told["rotation_deg"] - true["rotation_deg"]) < 2 * errors["rotation_deg"] < 3
    for name in ("scale", "shift_px"):
        off = np.abs(np.subtract(told[name], true[name]))
        assert (off < 2 * np.array(errors[name]) + 1e-3).all()


def test_rounds_that_were_cut_short_tell_none(turned):
    projector = MimicGANProjector("mnist16", surrogate="photometric", T=1, data_range=(-1, 1)).fit(turned[:8])
    assert "standard_errors" not in projector.surrogate_.describe()


def test_they_are_told_of_a_copy():
    fitted = FittedSurrogate(Affine(SHAPE), "affine", {"rotation_deg": 0.5, "scale": (0.1, 0.1)})
    fitted.describe()["standard_errors"].clear()
    assert fitted.describe()["standard_errors"] == {"rotation_deg": 0.5, "scale": (0.1, 0.1)}
    del fitted.standard_errors  # as in a pickle of 0.1.0
    assert "standard_errors" not in fitted.describe()
    assert not fitted.standard_errors  # so it can be saved
