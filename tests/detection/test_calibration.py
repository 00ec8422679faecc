"""Readings are standardised on held-out normals."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.detection import PixelCalibration, Standard, join_readings


@given(seed=st.integers(0, 99), scale=st.floats(1e-3, 1e3))
def test_held_out_normals_have_mean_zero_and_spread_one(seed, scale):
    distances = scale * np.random.default_rng(seed).lognormal(size=200)
    standard = Standard.of(distances, 5 * distances)
    z = standard(distances)
    assert z.mean() == pytest.approx(0, abs=1e-6)
    assert z.std() == pytest.approx(1, abs=1e-6)
    assert standard.span == pytest.approx(np.log(5) / standard.sd)


def test_equal_distances_leave_plain_logs():
    standard = Standard.of(np.zeros(5), np.zeros(5))
    assert standard.sd == 1
    assert standard([0.0]) == pytest.approx(0)
    assert standard([1.0]) > 10


def test_a_reading_of_small_span_counts_little():
    wide, equal, small = Standard(0.0, 1.0, 4.0), Standard(0.0, 1.0, 4.0), Standard(0.0, 1.0, 2.0)
    first, second = np.exp([1.0]), np.exp([2.0])
    np.testing.assert_allclose(join_readings([wide], [first]), [1.0])
    np.testing.assert_allclose(join_readings([wide, equal], [first, second]), [3.0])
    np.testing.assert_allclose(join_readings([small, wide], [first, second]), [3.0])
    assert 1 < join_readings([wide, small], [first, second])[0] < 1.05


@given(seed=st.integers(0, 99))
def test_the_order_of_each_reading_is_kept(seed):
    standards = [Standard(0.0, 1.0, 3.0), Standard(1.0, 0.5, 2.0)]
    first, second = np.random.default_rng(seed).lognormal(size=(2, 30))
    joined = join_readings(standards, [first, second])
    assert (join_readings(standards, [2 * first, second]) >= joined).all()
    assert (join_readings(standards, [first, 2 * second]) >= joined).all()


def test_pixels_are_judged_each_for_itself():
    random = torch.Generator().manual_seed(0)
    held_out, fresh = torch.rand(2, 400, 3, 4, generator=random) * torch.arange(1.0, 13).view(3, 4)
    p = PixelCalibration(held_out).p_values(fresh)
    assert p.min() > 0
    assert p.max() <= 1
    assert (p <= 0.05).double().mean() == pytest.approx(0.05, abs=0.02)


def test_p_values_of_pixels_count_normals_that_show_as_much():
    calibration = PixelCalibration(torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1))
    p = calibration.p_values(torch.tensor([-1.0, 1.0, 3.0]).view(3, 1, 1))
    assert p.flatten().tolist() == [1.0, 0.75, 0.25]
