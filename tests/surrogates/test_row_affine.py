"""An affine map with an angle for each row."""

import math
import pickle

import numpy as np
import pytest
import torch

from skmimic.surrogates import (
    Affine,
    Composition,
    FittedSurrogate,
    Mask,
    RowAffine,
    affine_matrix,
    in_words,
    part_of,
    resolve_surrogate,
    turn_offsets,
)
from tests.helpers import assert_same

SHAPE = (1, 16, 16)


def random_images(n=5):
    return 2 * torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0)) - 1


def reading(sd=0.2):
    """A map whose reader gives every row another angle."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        surrogate = RowAffine(SHAPE, sd)
    surrogate.reader[-1].weight.data.mul_(100.0)
    with torch.no_grad():
        surrogate.theta.copy_(affine_matrix(20.0, 0.8))
    return surrogate


@pytest.mark.parametrize("degrees", [-30.0, 0.0, 8.0])
def test_turns_add_up_with_the_shared_one(degrees):
    offsets = turn_offsets(affine_matrix(20.0, 0.8), torch.tensor([math.radians(degrees)]))
    expected = affine_matrix(20.0 + degrees, 0.8)
    torch.testing.assert_close(affine_matrix(20.0, 0.8) + offsets.view(2, 3), expected)


def test_each_row_goes_through_the_map_at_its_own_angle():
    surrogate, images = reading(), random_images()
    offsets = surrogate.read_offsets(images)
    angles = 0.2 * surrogate.reader(images)[:, 0]
    assert angles.std() > 0.01
    for image, offset, angle in zip(images, offsets, angles, strict=True):
        alone = Affine(SHAPE)
        with torch.no_grad():
            alone.theta.copy_(affine_matrix(20.0 + math.degrees(angle), 0.8))
        torch.testing.assert_close(surrogate(image[None], offset[None]), alone(image[None]))


def test_without_rows_only_the_shared_map_is_applied():
    surrogate, shared = reading(), Affine(SHAPE)
    with torch.no_grad():
        shared.theta.copy_(affine_matrix(20.0, 0.8))
    assert_same(surrogate(random_images()).detach().numpy(), shared(random_images()).detach().numpy())


def test_a_row_is_read_alike_in_any_company():
    surrogate, rows = reading(), random_images(8)
    whole = surrogate.read_offsets(rows)
    order = torch.tensor([5, 0, 7, 2, 1, 3, 6, 4])
    assert_same(surrogate.read_offsets(rows[order]).numpy(), whole[order].numpy())


def test_only_the_shared_map_is_learned():
    surrogate = reading()
    assert [name for name, value in surrogate.named_parameters() if value.requires_grad] == ["theta"]
    assert not reading().read_offsets(random_images()).requires_grad


def test_drawn_offsets_have_the_spread_and_come_from_the_generator_alone():
    surrogate, draws = reading(0.2), []
    for _ in range(2):
        draws.append(surrogate.draw_offsets(20_000, torch.Generator().manual_seed(3)))
    assert torch.equal(*draws)
    turned = (draws[0] + surrogate.theta.detach().flatten()).view(-1, 2, 3)
    angles = torch.atan2(turned[:, 1, 0], turned[:, 0, 0]) - math.radians(20.0)
    assert angles.std() == pytest.approx(0.2, rel=0.03)


def test_a_composition_reads_what_its_part_reads():
    whole = Composition([reading(), Mask(SHAPE)])
    torch.testing.assert_close(whole.read_offsets(random_images()), reading().read_offsets(random_images()))
    assert Composition([Affine(SHAPE), Mask(SHAPE)]).read_offsets(random_images()) is None
    assert part_of(whole, RowAffine) is whole.parts[0]
    assert part_of(reading(), RowAffine) is not None
    assert part_of(Affine(SHAPE), RowAffine) is None


def test_survives_pickling_and_rebuilding():
    fitted = pickle.loads(pickle.dumps(FittedSurrogate(reading(), "row_affine")))
    expected = reading().read_offsets(random_images())
    assert_same(fitted.to_torch().read_offsets(random_images()).numpy(), expected.numpy())
    assert_same(resolve_surrogate(reading(), SHAPE).read_offsets(random_images()).numpy(), expected.numpy())
    assert all(isinstance(array, np.ndarray) for array in fitted.arrays.values())


def test_the_class_itself_is_a_surrogate_and_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    made = [resolve_surrogate(RowAffine, SHAPE) for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert_same(*(surrogate.read_offsets(random_images()).numpy() for surrogate in made))


def test_says_how_far_the_rows_spread():
    found = FittedSurrogate(reading(math.radians(5.0)), "row_affine").describe()
    assert found["rotation_sd_deg"] == pytest.approx(5.0)
    assert found["rotation_deg"] == pytest.approx(20.0, abs=1e-3)
    assert "standard deviation 5.0 degrees" in in_words(found)
