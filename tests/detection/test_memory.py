"""The memory keeps images exactly and finds their neighbours."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.detection import Memory, StoredImages, match_candidates, own_scales, warped_copies
from skmimic.detection._own import neighbours_of
from tests.detection.helpers import strokes


@pytest.mark.parametrize(
    ("images", "dtype"),
    [
        (torch.arange(256.0).view(1, 1, 16, 16) / 255, "uint8"),
        (torch.tensor([-1.0, 0.5, 0.25, 3.0]).view(1, 1, 2, 2), "float16"),
        (torch.full((1, 1, 2, 2), 1 / 7), "float32"),
        (torch.full((1, 1, 2, 2), 1e6), "float32"),
    ],
)
def test_images_are_kept_exactly_in_the_smallest_type(images, dtype):
    stored = StoredImages(images)
    assert stored.codes.dtype == dtype
    assert torch.equal(stored.take(), images)


def test_taken_parts_are_parts():
    images = strokes(9)
    stored = StoredImages(images)
    assert torch.equal(stored.take(torch.tensor([4, 4, 0])), images[[4, 4, 0]])
    assert torch.equal(stored.window(torch.arange(2, 7), torch.arange(3, 8)), images[..., 2:7, 3:8])


@given(size=st.integers(1, 40), seed=st.integers(0, 9))
def test_a_full_memory_keeps_a_random_part_in_order(size, seed):
    images = torch.arange(30.0).view(30, 1, 1, 1)
    kept = Memory(images, size, torch.Generator().manual_seed(seed)).images.take().flatten()
    assert len(kept) == min(size, 30)
    assert (kept.diff() > 0).all()


def test_nearest_are_those_of_plain_products(monkeypatch):
    monkeypatch.setattr("skmimic.detection._memory.MOST_TOGETHER", 16)
    images, rows = torch.rand(2, 50, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    found = Memory(images).nearest(rows, 7, 3)
    units = torch.nn.functional.normalize(images.flatten(1))
    assert torch.equal(found.candidates, (rows.flatten(1) @ units.T).topk(7).indices)
    distances = torch.cdist(rows.flatten(1).double(), images.flatten(1).double())
    assert torch.equal(found.by_distance, distances.topk(3, largest=False).indices)
    measured = Memory(images).distances(rows, found.by_distance)
    torch.testing.assert_close(measured.double(), distances.topk(3, largest=False).values, rtol=1e-5, atol=1e-6)


def test_arrays_that_may_only_be_read_are_taken_without_a_warning(recwarn):
    """As workers of joblib get them; torch warns that writing to such would be undefined."""
    images = strokes(30)
    memory = Memory(images)
    memory.scales = np.ones(30, np.float32)
    for array in (memory.images.codes, memory.norms, memory.scales):
        array.flags.writeable = False
    nearest = memory.nearest(images[:3], 5, 2)
    match_candidates(images[:3], memory, nearest.candidates)
    memory.images.window(torch.arange(3), torch.arange(4))
    assert nearest.by_distance[:, 0].tolist() == [0, 1, 2]
    assert not recwarn.list


def test_the_same_image_is_at_distance_zero():
    memory = Memory(strokes(20))
    found = memory.nearest(memory.images.take(), 1, 1)
    assert (memory.distances(memory.images.take(), found.by_distance) == 0).all()


def test_carried_images_went_through_the_corruption():
    memory = Memory(strokes(20))
    assert torch.equal(memory.carried(lambda images: images * 0.5).images.take(), memory.images.take() * 0.5)
    assert memory.carried(lambda images: images).images.codes.dtype == np.uint8


def test_neighbours_are_others():
    stored = StoredImages(torch.cat([strokes(12), strokes(12)]))
    nearest = neighbours_of(stored, 3)
    assert torch.equal(nearest[:, 0], (torch.arange(24) + 12) % 24)
    assert (nearest != torch.arange(24)[:, None]).all()


def test_lonely_normals_have_small_scales():
    crowd = strokes(1).expand(10, -1, -1, -1).clone()
    crowd[:, 0, 3, 3] = torch.arange(10) / 255
    scales = own_scales(Memory(torch.cat([crowd, strokes(1, seed=7)])))
    assert scales[-1] == scales.min()
    assert (scales[:-1] > 2 * scales[-1]).all()


def test_copies_are_seeded_near_and_of_bytes():
    images = strokes(10)
    copies = warped_copies(images, torch.Generator().manual_seed(0))
    assert torch.equal(copies, warped_copies(images, torch.Generator().manual_seed(0)))
    assert len(copies) == 50
    assert StoredImages(copies).codes.dtype == np.uint8
    assert not torch.equal(copies[:10], copies[10:20])
    totals = copies.view(5, 10, -1).sum(2) / images.flatten(1).sum(1)
    assert (totals - 1).abs().max() < 0.5


def test_few_values_are_never_warped_away():
    flat = torch.full((3, 2, 6, 6), 0.4)
    torch.testing.assert_close(warped_copies(flat, torch.Generator().manual_seed(0)), flat.repeat(5, 1, 1, 1))
