"""Exact latents of a linear generator under a surrogate that is affine in the images."""

import numpy as np
import pytest
import torch

from skmimic.corruptions import Rotation
from skmimic.engine._closed_form import ClosedForm
from skmimic.surrogates import Identity, KnownCorruption, Mask
from tests.helpers import MatrixCorruption, pca_generator

SHAPE = (1, 8, 8)


def latents(n=7):
    return torch.randn(n, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def images_of(z):
    components, mean = pca_generator().linear_map()
    return torch.as_tensor(z.numpy() @ components + mean).reshape(-1, *SHAPE)


def well_conditioned():
    return np.random.default_rng(0).normal(size=(64, 64)) / 8 + np.eye(64)


SURROGATES = {
    "identity": Identity(),
    "matrix": MatrixCorruption(well_conditioned(), np.linspace(-1, 1, 64)),
    "rotation": KnownCorruption(Rotation(30.0)),
}


@pytest.mark.parametrize("name", SURROGATES)
def test_gives_the_truth_without_noise(name):
    surrogate, z = SURROGATES[name].double(), latents()
    found, images, mimicked = ClosedForm(*pca_generator().linear_map(), surrogate, SHAPE)(surrogate(images_of(z)))
    torch.testing.assert_close(found, z, rtol=0, atol=1e-8)
    torch.testing.assert_close(images, images_of(z), rtol=0, atol=1e-8)
    torch.testing.assert_close(mimicked, surrogate(images_of(z)), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", SURROGATES)
def test_no_other_latents_are_nearer(name):
    surrogate = SURROGATES[name].double()
    random = torch.Generator().manual_seed(1)
    observed = torch.randn(5, *SHAPE, generator=random, dtype=torch.float64)
    z, _, mimicked = ClosedForm(*pca_generator().linear_map(), surrogate, SHAPE)(observed)
    best = (mimicked - observed).square().flatten(1).sum(1)
    for scale in (1e-3, 1e-1, 1.0):
        other = surrogate(images_of(z + scale * torch.randn(z.shape, generator=random, dtype=torch.float64)))
        assert ((other - observed).square().flatten(1).sum(1) > best).all()


def test_lost_pixels_leave_the_shortest_solution():
    """With more latents than pixels seen the pseudo-inverse takes the latents of least norm."""
    mask = Mask(SHAPE, learn=False)
    dead = torch.ones(SHAPE, dtype=torch.bool)
    dead[:, 0, 2:6] = False
    mask.set_dead(dead, torch.full(SHAPE, -1.0))
    z, _, mimicked = ClosedForm(*pca_generator().linear_map(), mask.double(), SHAPE)(mask(images_of(latents())))
    torch.testing.assert_close(mimicked, mask(images_of(latents())), rtol=0, atol=1e-8)
    assert (z.norm(dim=1) <= latents().norm(dim=1) + 1e-8).all()
