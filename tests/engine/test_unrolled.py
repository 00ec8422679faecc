"""Algorithm 1 with a gradient."""

import dataclasses

import numpy as np
import pytest
import torch

from skmimic.engine import Settings, UnrolledProjection, computing, estimate_corruption
from skmimic.surrogates import Offset
from tests.helpers import loaded, pictures, smooth_generator

SHAPE = (1, 8, 8)
SETTINGS = Settings(
    solver="alternating",
    start="zero",
    optimiser="rmsprop_tf",
    loss="l2",
    latent_weight=0.0,
    tol=0.0,
    T=2,
    T1=2,
    T2=3,
    lambda_adv=1e-2,
)


def observed(n=6):
    return torch.from_numpy(pictures(n).copy()).reshape(n, *SHAPE) * 0.8 + 0.1


@pytest.mark.parametrize("surrogate", ["identity", "photometric", "offset", "paper"])
@pytest.mark.parametrize("loss", ["l1", "l2", "charbonnier"])
@pytest.mark.parametrize("start", ["zero", "mean"])
def test_it_gives_what_the_two_phases_give(surrogate, loss, start):
    settings = dataclasses.replace(SETTINGS, loss=loss, start=start)
    with computing():
        adaptation = estimate_corruption(loaded(), observed(), settings, surrogate, seed=3)
    found = adaptation.row_projector(loaded(), 16)(observed())[1]
    unrolled = UnrolledProjection(smooth_generator(), settings, surrogate, seed=3)(observed())
    np.testing.assert_allclose(
        unrolled.numpy(), found.numpy(), atol=2e-3
    )  # RMSProp divides small gradients by small roots
    assert not unrolled.requires_grad


@pytest.mark.parametrize("surrogate", ["identity", "photometric"])
def test_the_gradient_is_that_of_all_steps(surrogate):
    project = UnrolledProjection(smooth_generator(), SETTINGS, surrogate)
    random = torch.Generator().manual_seed(0)
    weights, direction = (torch.randn(6, *SHAPE, generator=random) for _ in range(2))
    images = observed().requires_grad_(True)
    (project(images) * weights).sum().backward()
    told = float((images.grad * direction).sum())
    step = 3e-4
    ends = [(project(observed() + sign * step * direction) * weights).sum() for sign in (1, -1)]
    assert abs(told) > 1e-2
    np.testing.assert_allclose(told, float(ends[0] - ends[1]) / (2 * step), rtol=0.03)


def test_rows_are_coupled_by_the_surrogate_alone():
    for surrogate, is_coupled in [("identity", False), ("photometric", True)]:
        images = observed().requires_grad_(True)
        UnrolledProjection(smooth_generator(), SETTINGS, surrogate)(images)[0].square().sum().backward()
        assert bool(images.grad[1:].abs().max() > 0) == is_coupled


def test_the_l1_loss_has_a_gradient_on_the_way_back():
    images = observed().requires_grad_(True)
    settings = dataclasses.replace(SETTINGS, loss="l1")
    UnrolledProjection(smooth_generator(), settings, "identity")(images).square().sum().backward()
    assert images.grad.abs().max() > 1e-6


def test_a_surrogate_that_is_fitted_is_held():
    fitted = Offset(SHAPE).requires_grad_(False)
    project = UnrolledProjection(smooth_generator(), SETTINGS, fitted)
    identity = UnrolledProjection(smooth_generator(), SETTINGS, "identity")
    torch.testing.assert_close(project(observed()), identity(observed()))


@pytest.mark.parametrize("change", [{"solver": "joint"}, {"optimiser": "adam"}, {"start": "nearest"}])
def test_other_settings_are_refused(change):
    with pytest.raises(ValueError, match="Algorithm 1"):
        UnrolledProjection(smooth_generator(), dataclasses.replace(SETTINGS, **change), "identity")
