"""Warps, their matrices and what is read off them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.corruptions import Rotation, Zoom
from skmimic.surrogates import N_DEVIATIONS, Affine, affine_matrix, describe_affine, warp

SHAPE = (1, 8, 12)


def random_images(n=3, shape=SHAPE):
    return 2 * torch.rand(n, *shape, generator=torch.Generator().manual_seed(0)) - 1


def test_starts_at_the_identity():
    images = random_images()
    torch.testing.assert_close(Affine(SHAPE)(images), images)


@pytest.mark.parametrize("degrees", [-60, 20, 90])
def test_rotates_as_the_corruption_does(degrees):
    images = random_images(shape=(1, 8, 8))
    torch.testing.assert_close(warp(images, affine_matrix(degrees)), Rotation(float(degrees))(images))


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_zooms_as_the_corruption_does(factor):
    images = random_images()
    torch.testing.assert_close(warp(images, affine_matrix(0, factor)), Zoom(factor)(images))


def test_what_comes_from_outside_is_black():
    assert (warp(torch.ones(1, *SHAPE), affine_matrix(0, 0.5))[0, 0, 0] == -1).all()


def test_moves_content_against_the_grid():
    images = torch.full((1, 1, 8, 8), -1.0)
    images[0, 0, 3, 3] = 1.0
    right = warp(images, affine_matrix(shift=(-0.25, 0.0)))  # a quarter of half the picture: one pixel
    torch.testing.assert_close(right[0, 0, 3, 4], torch.tensor(1.0))
    assert describe_affine(affine_matrix(shift=(-0.25, 0.0)), (1, 8, 8))["shift_px"] == pytest.approx((1, 0))


@given(st.floats(-89, 89), st.floats(0.5, 2), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_description_reads_back_what_the_matrix_was_built_from(degrees, scale, x, y):
    told = describe_affine(affine_matrix(degrees, scale, (x, y)), (1, 8, 8))
    assert told["rotation_deg"] == pytest.approx(degrees, abs=1e-3)
    assert told["scale"] == pytest.approx((scale, scale), rel=1e-3)
    assert told["shear_deg"] == pytest.approx(0, abs=1e-3)
    angle = math.radians(degrees)
    expected = (
        -4 * scale * (math.cos(angle) * x + math.sin(angle) * y),
        -4 * scale * (math.cos(angle) * y - math.sin(angle) * x),
    )
    assert told["shift_px"] == pytest.approx(expected, abs=1e-3)


def test_description_is_in_pixels_of_oblong_pictures_too():
    quarter = torch.tensor([[0.0, -8 / 12, 0.0], [12 / 8, 0.0, 0.0]])  # a rotation by 90 degrees in pixels
    told = describe_affine(quarter, SHAPE)
    assert told["rotation_deg"] == pytest.approx(90)
    assert told["scale"] == pytest.approx((1, 1))


def test_description_of_a_collapsed_map_does_not_fail():
    told = describe_affine(torch.zeros(2, 3), SHAPE)
    assert math.isnan(told["rotation_deg"])
    assert told["scale"] == (0.0, 0.0)


def test_deviations_are_added_to_the_shared_map_row_by_row():
    images, surrogate = random_images(), Affine(SHAPE)
    deviations = 0.1 * torch.randn(3, N_DEVIATIONS, generator=torch.Generator().manual_seed(1))
    together = surrogate(images, deviations)
    for row in range(3):
        matrix = surrogate.theta + deviations[row].reshape(2, 3)
        torch.testing.assert_close(together[row : row + 1], warp(images[row : row + 1], matrix))


def test_is_affine_in_the_images():
    surrogate, (first, second, _) = Affine(SHAPE), random_images()
    with torch.no_grad():
        surrogate.theta.copy_(affine_matrix(20, 0.8, (0.1, -0.2)))
        mixed = surrogate((0.3 * first + 0.7 * second)[None])
        torch.testing.assert_close(mixed, 0.3 * surrogate(first[None]) + 0.7 * surrogate(second[None]))
