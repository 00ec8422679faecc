"""Snapshots of a running solver: when they are taken, what they hold, and that looking changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skmimic.engine import (
    Problem,
    Recorder,
    RowProjector,
    Settings,
    alternate,
    estimate_corruption,
    no_corruption,
    start_latents,
)
from skmimic.engine._descent import Descent, observed_steps
from skmimic.surrogates import Identity, Photometric
from tests.helpers import loaded, pca_generator

SHAPE = (1, 8, 8)
JOINT = Settings(solver="joint", T=3, T1=4, T2=20)
ALTERNATING = replace(JOINT, solver="alternating", tol=0.0, latent_weight=0.0, optimiser="rmsprop_tf")


def observed(n=10):
    z = loaded().prior.sample(n, 4, torch.Generator().manual_seed(1))
    return 0.7 * loaded().decode(z)


def projector(settings=JOINT, batch_size=4):
    return RowProjector(loaded(), no_corruption(settings), batch_size)


def started(settings, seen, surrogate):
    problem = Problem(loaded(), surrogate, latent_weight=settings.latent_weight)
    return problem, start_latents("mean", problem, seen, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("n_steps", "steps"), [(0, [0]), (10, [0, 10]), (50, [0, 25, 50]), (60, [0, 25, 50, 60])])
def test_rows_are_observed_at_the_start_every_25_steps_and_at_the_end(n_steps, steps):
    problem, latents = started(JOINT, observed(), Identity())
    recorder = Recorder(problem)
    Descent(problem, observed(), latents, replace(JOINT, tol=0.0)).project_rows(n_steps, recorder)
    assert recorder.steps == observed_steps(n_steps) == steps


def test_algorithm_1_is_observed_at_the_start_and_after_each_round():
    problem, latents = started(ALTERNATING, observed(), Photometric(SHAPE))
    recorder = Recorder(problem)
    found, _ = alternate(problem, observed(), latents, ALTERNATING, observe=recorder)
    assert recorder.steps == [0, 20, 40, 60]
    images = loaded().decode(found.z)
    torch.testing.assert_close(recorder.images[-1], images)
    torch.testing.assert_close(recorder.mimicked[-1], problem.surrogate(images).detach())
    torch.testing.assert_close(recorder.images[0], loaded().decode(latents.z))


def test_algorithm_1_takes_the_same_steps_unobserved():
    found = []
    for observe in (False, True):
        problem, latents = started(ALTERNATING, observed(), Photometric(SHAPE))
        seen = Recorder(problem) if observe else None
        found.append(alternate(problem, observed(), latents, ALTERNATING, observe=seen)[0].z)
    assert torch.equal(*found)


def test_phase_b_gives_the_same_bits_when_it_is_followed():
    found, trajectory = projector().follow(observed())
    for one, other in zip(found, projector()(observed()), strict=True):
        assert torch.equal(one, other)
    np.testing.assert_array_equal(trajectory[-1].images, found[1])
    np.testing.assert_array_equal(trajectory[-1].mimicked, found[2])
    assert [moment.step for moment in trajectory] == observed_steps(JOINT.n_latent_steps)


def test_rows_that_settle_early_stay_until_the_last_snapshot():
    found, trajectory = projector(replace(JOINT, T=20, tol=0.5)).follow(observed())
    assert [moment.step for moment in trajectory] == observed_steps(replace(JOINT, T=20).n_latent_steps)
    np.testing.assert_array_equal(trajectory[-1].images, trajectory[-2].images)
    np.testing.assert_array_equal(trajectory[-1].images, found[1])


def test_least_squares_has_no_way_only_an_end():
    generator = pca_generator()
    linear = RowProjector(generator.on("cpu"), no_corruption(JOINT), 4, generator.linear_map())
    found, trajectory = linear.follow(observed().double())
    assert [moment.step for moment in trajectory] == [0]
    np.testing.assert_array_equal(trajectory[0].images, found[1])


@pytest.mark.parametrize(("record", "n_snapshots"), [(False, 0), (True, 4)])
def test_phase_a_of_algorithm_1_records_on_demand(record, n_snapshots):
    adaptation = estimate_corruption(loaded(), observed(), replace(ALTERNATING, record=record), "photometric")
    assert len(adaptation.trajectory) == n_snapshots


def test_missing_moments_are_the_last_one_again():
    recorder = Recorder(None)
    for step in (0, 25):
        recorder.keep(step, torch.full((2, 1, 1, 1), float(step)), torch.zeros(2, 1, 1, 1))
    images, mimicked = recorder.stacked(4)
    assert images[0].flatten().tolist() == [0, 25, 25, 25]
    assert mimicked.shape == (2, 4, 1, 1, 1)
