"""`project(X, trajectory=True)`: the same answer, and the way to it in the range of the data."""

import numpy as np
import pytest

from skmimic import MimicGANProjector, PGDProjector
from tests.helpers import pictures, small

SOLVERS = ["alternating", "joint", "amortized"]


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("latents", "images", "mimicked", "losses")
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_looking_changes_nothing(solver, monkeypatch):
    monkeypatch.setattr("skmimic.engine._encoder.N_STEPS", 60)
    projector = small(MimicGANProjector, solver=solver)
    plain, followed = projector.project(pictures()), projector.project(pictures(), trajectory=True)
    assert same(plain, followed)
    assert plain.trajectory == ()


@pytest.mark.parametrize(("solver", "steps"), [("alternating", [0, 30, 60, 90]), ("joint", [0, 25, 30])])
def test_the_way_ends_at_the_result(solver, steps):
    result = small(MimicGANProjector, solver=solver, T=3, T2=30).project(pictures(), trajectory=True)
    assert [moment.step for moment in result.trajectory] == steps
    np.testing.assert_allclose(result.trajectory[-1].images, result.images, atol=1e-5)
    np.testing.assert_allclose(result.trajectory[-1].mimicked, result.mimicked, atol=1e-5)
    assert np.abs(result.trajectory[0].images - result.images).max() > 0.1


def test_snapshots_are_in_the_range_and_the_dtype_of_the_data():
    X = (pictures().astype(np.float64) + 1) / 2
    result = small(MimicGANProjector, data_range=(0, 1)).project(X, trajectory=True)
    for moment in result.trajectory:
        assert moment.images.shape == moment.mimicked.shape == (40, 1, 8, 8)
        assert moment.images.dtype == np.float64
        assert moment.images.min() >= 0
        assert moment.images.max() <= 1


def test_without_a_surrogate_the_mimicked_images_are_the_images():
    projector = small(PGDProjector).fit(pictures())
    moment = projector.project(pictures(), trajectory=True).trajectory[-1]
    np.testing.assert_array_equal(moment.images, moment.mimicked)
