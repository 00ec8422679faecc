"""Warps, their matrices and what is read off them."""

import math

import pytest
import torch
import torch.nn.functional as F
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


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 8, 12), (3, 21, 8), (2, 5, 15)])
@pytest.mark.parametrize("degrees", [-60, 20, 90])
def test_rotates_as_the_corruption_does(degrees, shape):
    images = random_images(shape=shape)
    torch.testing.assert_close(warp(images, affine_matrix(degrees)), Rotation(float(degrees))(images))


@pytest.mark.parametrize("shape", [(1, 12, 12), (1, 12, 30), (3, 28, 12)])
def test_oblong_pictures_turn_zoom_and_move_as_square_ones(shape):
    """What lies in the middle square shows the same, whatever is around it."""
    content, side = random_images(shape=(shape[0], 6, 6)), math.sqrt(shape[1] * shape[2]) / 2
    (right, down), matrix = (2.0, -1.0), affine_matrix(35, 0.8)
    matrix[:, 2] = -matrix[:, :2] @ torch.tensor([right, down]) / side
    expected = warped_in_the_middle(content, (shape[0], 12, 12), matrix, 6.0 / side)
    torch.testing.assert_close(warped_in_the_middle(content, shape, matrix, 1.0), expected)
    told = describe_affine(matrix, shape)
    assert told["rotation_deg"] == pytest.approx(35, abs=1e-3)
    assert told["shift_px"] == pytest.approx((right, down), abs=1e-3)


def warped_in_the_middle(content, shape, matrix, unit):
    """Put content into the middle of a dark picture, warp it, and cut out 12 x 12 pixels; `unit` scales the shift."""
    left, top = (shape[2] - 6) // 2, (shape[1] - 6) // 2
    images = torch.full((len(content), *shape), -1.0)
    images[..., top : top + 6, left : left + 6] = content
    matrix = torch.cat([matrix[:, :2], matrix[:, 2:] / unit], 1)
    return warp(images, matrix)[..., top - 3 : top + 9, left - 3 : left + 9]


def test_a_picture_whose_pixels_are_not_square_turns_as_what_it_shows():
    images = F.avg_pool2d(random_images(shape=(1, 24, 36)), 7, stride=1, padding=3)
    small, expected = (F.interpolate(x, size=(12, 12), mode="area") for x in (images, warp(images, affine_matrix(90))))
    told, untold = (warp(small, affine_matrix(90), *aspect) for aspect in ((24 / 36,), ()))
    inside = (..., slice(2, -2), slice(4, -4))
    assert (told - expected)[inside].abs().mean() < 0.5 * (untold - expected)[inside].abs().mean()


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_zooms_as_the_corruption_does(factor):
    images = random_images()
    torch.testing.assert_close(warp(images, affine_matrix(0, factor)), Zoom(factor)(images))


def test_what_comes_from_outside_is_black():
    assert (warp(torch.ones(1, *SHAPE), affine_matrix(0, 0.5))[0, 0, 0] == -1).all()


def test_square_pictures_are_sampled_as_torch_does():
    """To the last bit: no conversion comes between."""
    images, matrix = random_images(shape=(1, 9, 9)), affine_matrix(33, 0.9, (0.1, 0.2))
    grid = F.affine_grid(matrix.expand(3, 2, 3), [3, 1, 9, 9], align_corners=False)
    assert torch.equal(warp(images, matrix.expand(3, 2, 3)), F.grid_sample(images + 1, grid, align_corners=False) - 1)


@pytest.mark.parametrize("fill", [-1.0, 0.25, 1.0])
def test_what_comes_from_outside_is_the_fill_and_survives_the_recipe(fill):
    affine = Affine(SHAPE, fill=fill)
    with torch.no_grad():
        affine.theta.copy_(affine_matrix(30, 0.5))
    make, keywords = affine.recipe()
    again = make(**keywords)
    again.load_state_dict(affine.state_dict())
    assert (again(torch.zeros(1, *SHAPE))[0, 0, 0] == fill).all()
    assert torch.equal(again(random_images()), affine(random_images()))


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


def test_held_to_a_similarity_only_a_turn_a_zoom_and_a_shift_are_learned():
    affine = Affine((1, 8, 8))
    affine.hold()
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    affine(images).square().sum().backward()
    (a, b, _), (c, d, _) = affine.theta.grad.tolist()
    assert (a, b) == pytest.approx((d, -c))
    assert (a, b) != (0, 0)
    with torch.no_grad():
        affine.theta += torch.tensor([[0.1, 0.2, 0.3], [0.0, 0.3, 0.1]])
    assert torch.allclose(affine(images), warp(images, torch.tensor([[1.2, 0.1, 0.3], [-0.1, 1.2, 0.1]])), atol=1e-6)


def test_is_affine_in_the_images():
    surrogate, (first, second, _) = Affine(SHAPE), random_images()
    with torch.no_grad():
        surrogate.theta.copy_(affine_matrix(20, 0.8, (0.1, -0.2)))
        mixed = surrogate((0.3 * first + 0.7 * second)[None])
        torch.testing.assert_close(mixed, 0.3 * surrogate(first[None]) + 0.7 * surrogate(second[None]))
