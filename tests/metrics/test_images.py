"""d_proj and psnr."""

import numpy as np
import pytest

from skmimic.metrics import d_proj, psnr

rng = np.random.default_rng(0)
A, B, C = rng.uniform(-1, 1, (3, 20, 1, 8, 8))


def test_d_proj_is_a_metric_per_image():
    assert d_proj(A, B).shape == (20,)
    assert np.all(d_proj(A, A) == 0)
    np.testing.assert_array_equal(d_proj(A, B), d_proj(B, A))
    assert np.all(d_proj(A, C) <= d_proj(A, B) + d_proj(B, C) + 1e-12)


def test_d_proj_is_the_norm_in_minus_one_to_one_whatever_the_range():
    expected = np.linalg.norm((A - B).reshape(20, -1), axis=1)
    np.testing.assert_allclose(d_proj(A, B), expected)
    np.testing.assert_allclose(d_proj((A + 1) / 2, (B + 1) / 2, data_range=(0, 1)), expected)
    np.testing.assert_allclose(d_proj(A * 127.5 + 127.5, B * 127.5 + 127.5, data_range=(0, 255)), expected)


def test_integers_do_not_wrap_around():
    black, white = np.zeros((1, 4), np.uint8), np.full((1, 4), 255, np.uint8)
    assert d_proj(black, white, data_range=(0, 255)) == d_proj(white, black, data_range=(0, 255)) == 4


def test_rows_and_images_agree():
    for metric in (d_proj, psnr):
        np.testing.assert_array_equal(metric(A, B), metric(A.reshape(20, -1), B.reshape(20, -1)))


def test_psnr_gains_twenty_decibels_per_tenth_of_the_error():
    near = A + (B - A) / 10
    np.testing.assert_allclose(psnr(A, near) - psnr(A, B), 20)
    assert np.all(np.isposinf(psnr(A, A)))


def test_psnr_does_not_depend_on_the_unit():
    np.testing.assert_allclose(psnr(A * 50 + 7, B * 50 + 7, data_range=(-43, 57)), psnr(A, B))


@pytest.mark.parametrize("metric", [d_proj, psnr])
def test_bad_input_is_named(metric):
    with pytest.raises(ValueError, match=r"got \(20, 1, 8, 8\) and \(19, 1, 8, 8\)"):
        metric(A, B[:-1])
    with pytest.raises(ValueError, match="one shape"):
        metric(A[0, 0, 0], B[0, 0, 0])
    with pytest.raises(ValueError, match="low < high"):
        metric(A, B, data_range=(1, -1))


@pytest.mark.parametrize("metric", [d_proj, psnr])
class TestBytesBesideFloats:
    """Bytes go from 0 to 255; what is compared with them must as well."""

    bytes_ = (A * 127.5 + 127.5).round().astype(np.uint8)

    @pytest.mark.parametrize("data_range", [(-1, 1), (0, 1), (0, 255)])
    @pytest.mark.parametrize("low", [-1, 0])
    def test_floats_in_other_units_are_refused_either_way_round(self, metric, data_range, low):
        floats = (B + 1) / 2 * (1 - low) + low
        for pair in ((self.bytes_, floats), (floats, self.bytes_)):
            with pytest.raises(ValueError, match=r"uint8.*Bring both to one unit"):
                metric(*pair, data_range=data_range)

    def test_floats_in_bytes_are_compared_when_the_range_says_so(self, metric):
        floats = self.bytes_ + 3.0
        np.testing.assert_array_equal(
            metric(self.bytes_, floats, data_range=(0, 255)), metric(self.bytes_ * 1.0, floats, data_range=(0, 255))
        )
        with pytest.raises(ValueError, match="one unit"):
            metric(self.bytes_, floats)
