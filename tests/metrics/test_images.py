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


BYTES = (A * 127.5 + 127.5).round().astype(np.uint8)
CALIBRATED = (B + 1) / 2
ONE_UNIT = r"X_true is .*X_projected .*data_range=.*Bring both to one unit"
OTHER_UNITS = {
    "bytes without their range": (BYTES, BYTES, (-1, 1)),
    "dark bytes without their range": (BYTES // 200, BYTES // 200, (-1, 1)),
    "bytes in a smaller range": (BYTES, BYTES, (0, 1)),
    "bytes beside [-1, 1]": (BYTES, B, (0, 255)),
    "bytes beside [0, 1]": (BYTES, CALIBRATED, (0, 255)),
    "bytes beside floats of their unit, without the range": (BYTES, BYTES + 3.0, (-1, 1)),
    "integers beside [0, 1]": (BYTES.astype(int), CALIBRATED, (-1, 1)),
    "integers beside [0, 1], with their range": (BYTES.astype(int), CALIBRATED, (0, 255)),
    "floats of bytes beside [0, 1]": (BYTES.astype(float), CALIBRATED, (-1, 1)),
    "booleans": (A > 0, B > 0, (-1, 1)),
    "booleans beside floats": (A > 0, CALIBRATED.astype(np.float32), (-1, 1)),
    "booleans beside bytes": (A > 0, BYTES, (0, 255)),
    "holes beside bytes": (np.where(A > 0, np.nan, A), BYTES.astype(float), (-1, 1)),
}
ONE_AND_THE_SAME = {
    "bytes": (BYTES, BYTES[::-1], (0, 255)),
    "bytes beside floats": (BYTES, BYTES + 3.0, (0, 255)),
    "bytes of sixteen greys": (BYTES // 16, BYTES // 16.0, (0, 16)),
    "black bytes": (BYTES * 0, CALIBRATED, (0, 255)),
    "integers of bytes": (BYTES.astype(int), BYTES * 1.0, (0, 255)),
    "integers that are the ends of the range": (np.where(A > 0, 1, -1), B, (-1, 1)),
    "booleans": (A > 0, CALIBRATED, (0, 1)),
    "noisy floats": (A, 2.5 * B, (-1, 1)),
}


@pytest.mark.parametrize("metric", [d_proj, psnr])
class TestUnits:
    """Both sides and the range are of one unit, as far as types and values tell."""

    @pytest.mark.parametrize("name", OTHER_UNITS)
    def test_others_are_refused_either_way_round(self, metric, name):
        *pair, data_range = OTHER_UNITS[name]
        for both in (pair, pair[::-1]):
            with pytest.raises(ValueError, match=ONE_UNIT):
                metric(*both, data_range=data_range)

    @pytest.mark.parametrize("name", ONE_AND_THE_SAME)
    def test_the_type_changes_no_number(self, metric, name):
        *pair, data_range = ONE_AND_THE_SAME[name]
        expected = metric(*(array.astype(float) for array in pair), data_range=data_range)
        np.testing.assert_array_equal(metric(*pair, data_range=data_range), expected)
