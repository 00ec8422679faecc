"""Matching agrees with loops that are plainly right."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.detection import NormalImages, edges, match, reach_of
from skmimic.detection._pyramid import coarse, fine
from skmimic.detection._sums import summed
from skmimic.exceptions import DetectionError
from tests.detection.helpers import strokes


def matched_by_loops(first, second, reach):
    """A(y, x) for one pair of features (k, h, w), pixel by pixel, as the formula reads."""
    k, h, w = first.shape

    def at(features, y, x):
        return features[:, y, x] if 0 <= y < h and 0 <= x < w else np.zeros(k)

    found = np.zeros((h, w))
    for y, x in np.ndindex(h, w):
        costs = []
        for dy, dx in np.ndindex(2 * reach + 1, 2 * reach + 1):
            differences = [
                at(first, y + oy, x + ox) - at(second, y + dy - reach + oy, x + dx - reach + ox)
                for oy in (-1, 0, 1)
                for ox in (-1, 0, 1)
            ]
            costs.append(np.square(differences).sum())
        found[y, x] = min(costs)
    return found


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(2, 6), st.integers(2, 6)),
    reach=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_matching_is_the_formula(shape, reach, seed):
    first, second = torch.randn(2, 1, *shape, generator=torch.Generator().manual_seed(seed))
    ways = match(first, second, reach)
    loops = [
        matched_by_loops(a[0].double().numpy(), b[0].double().numpy(), reach)
        for a, b in ((first, second), (second, first))
    ]
    for found, expected in zip(ways, loops, strict=True):
        np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)


def random_features(n, seed=0, side=9):
    return edges(torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(seed)))


def test_the_other_order_gives_the_other_way():
    first, second = random_features(5), random_features(5, seed=1)
    for way, other in zip(match(first, second, 2), reversed(match(second, first, 2)), strict=True):
        torch.testing.assert_close(way, other, rtol=1e-5, atol=1e-6)


def test_an_image_mimics_itself_and_a_moved_one():
    image = torch.zeros(1, 1, 14, 14)
    image[..., 5:9, 6] = 1
    still, moved = edges(image), edges(image.roll((1, -1), (2, 3)))
    for way in (*match(still, still, 1), *match(still, moved, 1)):
        assert way.abs().max() < 1e-6
    assert all(summed(way) > 0.1 for way in match(still, moved, 0))


def test_more_reach_explains_no_less():
    first, second = random_features(4), random_features(4, seed=2)
    maps = [match(first, second, reach)[0] for reach in range(3)]
    assert (maps[0] >= maps[1] - 1e-6).all()
    assert (maps[1] >= maps[2] - 1e-6).all()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_pair_has_the_same_bits_in_any_company(n_threads):
    first, second = random_features(300, side=16), random_features(300, seed=1, side=16)
    whole = match(first, second, 1)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        for rows in (slice(0, 1), slice(3, 8), slice(130, 299)):
            for part, way in zip(match(first[rows], second[rows], 1), whole, strict=True):
                assert torch.equal(part, way[rows])
                assert torch.equal(summed(part), summed(way)[rows])
    finally:
        torch.set_num_threads(before)


def test_edges_are_gradients_of_unit_norm():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    across, down = edges(ramp)[0]
    assert (across > 0).all()
    assert (down == 0).all()
    assert across.square().sum() == pytest.approx(1, abs=1e-5)
    assert across[4, 3] == pytest.approx(2 * float(across[4, 0]))  # the border is repeated


def test_edges_know_no_gain_nor_offset_and_constant_rows_have_none():
    images = torch.rand(4, 2, 7, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(edges(3 * images - 1), edges(images), rtol=1e-4, atol=1e-5)
    assert (edges(torch.full((2, 1, 5, 5), 0.3)) == 0).all()


def test_edges_keep_their_bits_in_any_company():
    images = torch.rand(70, 1, 13, 13, generator=torch.Generator().manual_seed(0))
    assert torch.equal(edges(images)[31:44], edges(images[31:44]))


@given(shape=st.tuples(st.integers(20, 130), st.integers(20, 130)))
def test_coarse_images_are_small_and_fine_maps_keep_their_sum(shape):
    images = torch.rand(2, 1, *shape, generator=torch.Generator().manual_seed(0))
    small = coarse(images)
    assert max(small.shape[-2:]) <= 32
    back = fine(small[:, 0], shape)
    assert back.shape == (2, *shape)
    torch.testing.assert_close(back.sum((1, 2)), small.sum((1, 2, 3)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("side", "reach"), [(28, 2), (16, 1), (32, 2), (8, 1)])
def test_reach_scales_with_the_side(side, reach):
    assert reach_of((side, side)) == reach


class TestFeatures:
    """Feature maps of the user in place of edges."""

    IMAGES = strokes(30)

    def fitted(self, features):
        return NormalImages.fit(self.IMAGES[:20], self.IMAGES[20:], features=features, copies=False)

    @pytest.mark.parametrize(
        ("features", "came"),
        [
            (lambda images: images.flatten(1), r"shape \(\d+, 144\)"),
            (lambda images: torch.nn.functional.pad(images, (1, 1, 1, 1)), r"shape \(\d+, 1, 14, 14\)"),
            (lambda images: images.numpy(), "ndarray"),
            (lambda images: images[:1], r"shape \(1, 1, 12, 12\)"),
            (lambda images: images.int(), "int32"),
            (lambda images: images / 0, "NaN or infinity"),
        ],
    )
    def test_what_is_no_map_is_refused(self, features, came):
        with pytest.raises(DetectionError, match=f"^features: expected .*got .*{came}"):
            self.fitted(features)

    @pytest.mark.parametrize("last", [torch.nn.BatchNorm2d(4), torch.nn.Dropout(0.5)])
    def test_a_network_in_training_judges_each_row_alone_and_stays_what_it_was(self, last):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), last)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        normals = self.fitted(network)
        np.testing.assert_allclose(normals.scores(self.IMAGES[:1]), normals.scores(self.IMAGES)[:1], atol=1e-4)
        assert all(part.training for part in network.modules())
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_reach_beyond_the_image_is_that_of_the_whole():
    images = strokes(30)
    far, whole = (
        NormalImages.fit(images[:20], images[20:], reach=reach, copies=False).scores(images) for reach in (40, 11)
    )
    np.testing.assert_array_equal(far, whole)
