"""Exact latents of a linear generator under a surrogate that is affine in the images."""

import numpy as np
import pytest
import torch

from skmimic.corruptions import GaussianBlur, Rotation, Zoom
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


def half_hidden():
    mask, dead = Mask(SHAPE, learn=False), torch.zeros(SHAPE, dtype=torch.bool)
    dead[:, 3:, :5] = True
    mask.set_dead(dead, torch.full(SHAPE, -1.0))
    return mask.double(), dead


def test_what_a_mask_hides_is_what_was_not_seen():
    """The likeliest latents given the other pixels: those of rows whose hidden pixels are NaN."""
    mask, dead = half_hidden()
    noise = 0.2 * torch.randn(7, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    observed, form = images_of(latents()) + noise, pca_generator().linear_map()
    masked, _, _ = ClosedForm(*form, mask, SHAPE, variance=1.0)(mask(observed))
    unseen, _, _ = ClosedForm(*form, Identity(), SHAPE, variance=1.0)(observed.masked_fill(dead, torch.nan))
    torch.testing.assert_close(masked, unseen, rtol=0, atol=1e-8)
    shortest, _, _ = ClosedForm(*form, mask, SHAPE)(mask(observed))
    assert (masked - latents()).norm() < 0.9 * (shortest - latents()).norm()


@pytest.mark.parametrize(
    ("surrogate", "is_lossy"),
    [
        (Identity(), False),
        (KnownCorruption(Rotation(30.0)), False),
        (KnownCorruption(Zoom(0.45)), True),
        (KnownCorruption(GaussianBlur(2.5)), True),
        (half_hidden()[0], True),
    ],
    ids=["identity", "rotation", "zoom", "blur", "mask"],
)
def test_least_squares_are_kept_where_hardly_anything_is_lost(surrogate, is_lossy):
    """Whatever the units and the unequal lengths of the components."""
    components, mean = pca_generator().linear_map()
    for scales in (1.0, 255.0, np.geomspace(1, 100, len(components))[:, None]):
        assert ClosedForm(scales * components, mean, surrogate, SHAPE, variance=1.0).is_lossy == is_lossy
    assert not ClosedForm(components, mean, surrogate, SHAPE).is_lossy, "without a prior nothing is likelier"
