"""Scores of rows, whatever stands beside them."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmimic.detection import SCORES, NormalImages
from skmimic.exceptions import DetectionError
from tests.detection.helpers import strokes

NORMAL, HELD_OUT, ROWS = strokes(60), strokes(40, seed=1), strokes(37, seed=2)


@pytest.fixture(scope="module", params=sorted(SCORES))
def normals(request):
    """Normal images with each score."""
    return NormalImages.fit(NORMAL, HELD_OUT, score=request.param)


@settings(max_examples=12)
@given(start=st.integers(0, 30), count=st.integers(1, 7))
def test_a_row_is_scored_alike_in_any_company(normals, start, count):
    rows = slice(start, start + count)
    assert np.array_equal(normals.scores(ROWS[rows]), normals.scores(ROWS)[rows])


def test_the_order_and_threads_do_not_matter(normals):
    order = torch.randperm(len(ROWS), generator=torch.Generator().manual_seed(0))
    scores, maps, before = normals.scores(ROWS), normals.maps(ROWS), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert np.array_equal(normals.scores(ROWS[order]), scores[order])
        assert torch.equal(normals.maps(ROWS[order]), maps[order])
    finally:
        torch.set_num_threads(before)


def test_chunks_do_not_matter(normals, monkeypatch):
    scores = normals.scores(ROWS)
    for name in ("_normal_images", "_memory", "_readings"):
        monkeypatch.setattr(f"skmimic.detection.{name}.ROWS_TOGETHER", 8)
    assert np.array_equal(normals.scores(ROWS), scores)


def test_noise_is_stranger_than_strokes(normals):
    noise = torch.rand(20, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    assert np.median(normals.scores(noise)) > np.median(normals.scores(ROWS))
    assert normals.p_values(noise).min() == pytest.approx(1 / 41)


def test_a_corruption_that_does_nothing_changes_nothing(normals):
    carried = normals.carried(lambda images: images)
    assert np.array_equal(carried.scores(ROWS), normals.scores(ROWS))
    assert np.array_equal(carried.calibration_scores, normals.calibration_scores)


def test_carried_normals_judge_carried_rows_as_before(normals):
    before = normals.scores(ROWS)
    carried = normals.carried(lambda images: images.flip(3))
    np.testing.assert_allclose(carried.scores(ROWS.flip(3)), before, rtol=0.05, atol=0.05)
    assert np.array_equal(normals.scores(ROWS), before)


def test_it_pickles_and_bytes_are_images(normals):
    again = pickle.loads(pickle.dumps(normals))
    assert np.array_equal(again.scores((ROWS * 255).round().to(torch.uint8).numpy()), normals.scores(ROWS))


def test_maps_are_of_the_pixels_and_calm_on_normals(normals):
    maps, p = normals.maps(ROWS), normals.p_maps(ROWS)
    assert maps.shape == p.shape == (37, 12, 12)
    assert p.min() > 0
    assert (p <= 0.1).double().mean() < 0.2


@pytest.mark.parametrize("side", [12, 40])
def test_maps_sum_to_the_distance_of_the_edges(side):
    normals = NormalImages.fit(strokes(30, side), strokes(10, side, seed=1), n_candidates=5)
    readings = normals.readings(strokes(6, side, seed=2), with_maps=True)
    np.testing.assert_allclose(readings.maps.sum((1, 2)), readings.edges, rtol=1e-4)


def test_the_mimic_of_a_known_image_is_itself():
    normals = NormalImages.fit(NORMAL, HELD_OUT, score="edges")
    assert torch.equal(normals.mimics(NORMAL[:5]), NORMAL[:5])


def test_maps_of_patches_show_where():
    row = HELD_OUT[:1].clone()
    row[..., :4, 8:] = 1
    found = NormalImages.fit(NORMAL, HELD_OUT, score="patches").maps(row)[0]
    assert found[:4, 8:].mean() > found[8:, :4].mean()


def test_features_may_be_any_callable():
    normals = NormalImages.fit(NORMAL, HELD_OUT, features=lambda images: torch.nn.functional.avg_pool2d(images, 2))
    assert normals.maps(ROWS).shape == (37, 12, 12)


def test_copies_help_where_there_are_few():
    assert len(NormalImages.fit(NORMAL, HELD_OUT).memory) == 360
    assert len(NormalImages.fit(NORMAL, HELD_OUT, copies=False).memory) == 60
    assert len(NormalImages.fit(NORMAL, HELD_OUT, memory_size=20, copies=False).memory) == 20


@pytest.mark.parametrize("score", sorted(SCORES))
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_constant_and_equal_normals_have_finite_scores(score, value):
    normals = NormalImages.fit(torch.full((12, 1, 12, 12), value), torch.full((5, 1, 12, 12), value), score=score)
    same, other = normals.scores(torch.full((1, 1, 12, 12), value)), normals.scores(ROWS[:3])
    assert np.isfinite([*same, *other]).all()
    assert same < other.min()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": NORMAL[:9]}, "images: expected at least 10 normal images, got 9"),
        ({"calibration_images": HELD_OUT[:1]}, "calibration_images: expected at least 2"),
        ({"images": NORMAL[:, 0]}, r"expected images of shape \(n, c, h, w\), got shape"),
        ({"calibration_images": HELD_OUT[..., :8]}, r"expected images of shape \(1, 12, 12\)"),
        (
            {"images": torch.full_like(NORMAL, torch.nan)},
            "got NaN or infinity, first in row 0",
        ),
        ({"score": "best"}, "score: expected one of"),
    ],
)
def test_bad_normals_are_refused(change, message):
    with pytest.raises(DetectionError, match=message):
        NormalImages.fit(**{"images": NORMAL, "calibration_images": HELD_OUT} | change)


def test_bad_rows_are_refused(normals):
    with pytest.raises(DetectionError, match="Resize them"):
        normals.scores(ROWS[..., :8, :8])
    with pytest.raises(DetectionError, match="NaN"):
        normals.scores(ROWS.masked_fill(ROWS > 0, torch.nan))
