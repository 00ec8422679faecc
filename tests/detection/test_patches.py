"""Neighbourhoods are judged each at its place."""

import numpy as np
import pytest
import torch

from skmimic.detection import Memory, NormalImages, PatchMemory
from skmimic.detection._patches import SIDE, _details
from tests.detection.helpers import strokes


def noise(n, seed=0, shape=(1, 17, 22)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


def test_details_are_pixels_less_their_surroundings():
    images = noise(3)
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), mode="replicate")
    plain = images - torch.nn.functional.avg_pool2d(padded, 3, 1)
    torch.testing.assert_close(_details(padded), plain.flatten(1), rtol=1e-4, atol=1e-6)


def test_places_cover_every_pixel():
    patches = PatchMemory(Memory(noise(12)), noise(5, seed=1))
    covered = np.zeros((17, 22))
    for top, left in patches.places:
        assert top + SIDE <= 17
        assert left + SIDE <= 22
        covered[top : top + SIDE, left : left + SIDE] += 1
    assert (covered > 0).all()


def test_held_out_normals_are_usual_everywhere():
    held_out = noise(50, seed=1)
    unlikeness = PatchMemory(Memory(noise(30)), held_out).unlikeness(held_out)
    torch.testing.assert_close(unlikeness.mean(0), torch.zeros(unlikeness.shape[1]), rtol=0, atol=1e-3)
    assert (unlikeness.std(0, correction=0) <= 1.001).all()


def test_images_smaller_than_a_neighbourhood_are_one():
    patches = PatchMemory(Memory(noise(12, shape=(2, 6, 7))), noise(5, seed=1, shape=(2, 6, 7)))
    assert patches.places == [(0, 0)]
    assert patches.maps(noise(3, seed=2, shape=(2, 6, 7))).shape == (3, 6, 7)


def test_a_shade_is_no_detail():
    patches = PatchMemory(Memory(noise(20)), noise(10, seed=1))
    rows = noise(4, seed=2)
    assert patches.scores(rows + 0.2).tolist() == pytest.approx(patches.scores(rows).tolist(), abs=1e-3)


def test_a_strange_part_is_found_where_it_is():
    memory, held_out = Memory(strokes(60, side=20)), strokes(40, side=20, seed=1)
    rows = held_out[:10].clone()
    rows[..., 12:, :8] = noise(10, shape=(1, 8, 8))
    maps = PatchMemory(memory, held_out).maps(rows)
    assert (maps[:, 12:, :8].mean((1, 2)) > maps[:, :8, 12:].mean((1, 2))).all()


def test_few_held_out_normals_are_no_calmer_than_fresh_ones():
    """Each is judged by the others: of ten that judged themselves .17 of fresh ones would lie above nine tenths."""
    rates = []
    for draw in range(12):
        images = strokes(120, 12, seed=100 + draw)
        normals = NormalImages.fit(images[:20], images[20:30], score="patches")
        rates.append((normals.p_values(images[30:]) <= 0.1).mean())
    assert np.mean(rates) <= 1 / 11 + 2 * np.std(rates) / np.sqrt(len(rates))
