"""The benchmark of poses: its maps, its measures, its way to go on and its tables, without real data."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from skmimic.surrogates import Affine, Composition, FittedSurrogate, Identity, Mask, Photometric, affine_matrix

FOLDER = Path(__file__).parents[1] / "benchmarks"
if not FOLDER.is_dir():
    pytest.skip("benchmarks are not installed", allow_module_level=True)

from benchmarks.pose import coverage, objective, results  # noqa: E402
from benchmarks.pose.data import draw_rows  # noqa: E402

IDENTITY = np.eye(2, 3)


@pytest.fixture
def images():
    return torch.rand((3, 1, 28, 28), generator=torch.Generator().manual_seed(0)) * 2 - 1


def fitted(theta=None, gain=1.0):
    affine, photometric = Affine((1, 28, 28)), Photometric((1, 28, 28))
    with torch.no_grad():
        photometric.gain.fill_(gain)
        if theta is not None:
            affine.theta.copy_(torch.as_tensor(theta))
    return FittedSurrogate(Composition([affine, photometric]))


@pytest.mark.parametrize(("turn", "zoom"), [(0, 1), (30, 1), (-60, 0.75), (10, 1.35)])
def test_turn_and_zoom_are_those_of_the_package(turn, zoom):
    np.testing.assert_allclose(objective.Truth(turn, zoom).matrix(), affine_matrix(turn, zoom), atol=1e-6)


def test_a_map_is_turn_times_shear_times_zoom_and_its_shift_is_that_of_the_image():
    truth = objective.Truth(30.0, 1.25, 0.2, (0.1, -0.05))
    turn = [[math.cos(math.pi / 6), -0.5], [0.5, math.cos(math.pi / 6)]]
    linear = turn @ np.array([[1, 0.2], [0, 1]]) / 1.25
    np.testing.assert_allclose(truth.matrix()[:, :2], linear)
    middle_moved_to = 2 * np.array([0.1, -0.05])
    np.testing.assert_allclose(truth.matrix() @ [*middle_moved_to, 1], 0, atol=1e-12)


def test_a_shift_of_whole_pixels_rolls_the_image(images):
    moved = objective.Truth(shift=(3 / 28, 2 / 28))(images)
    torch.testing.assert_close(moved[..., 2:, 3:], images[..., :-2, :-3], atol=1e-4, rtol=0)
    assert (moved[..., :2, :] + 1).abs().max() < 1e-4


@pytest.mark.parametrize("tone", objective.TONES)
def test_values_stay_in_range_and_maps_do_not_depend_on_the_tone(images, tone):
    for truth, plain in zip(objective.draw_truths(24, 3, tone), objective.draw_truths(24, 3), strict=True):
        assert truth(images).abs().max() <= 1 + 1e-5
        np.testing.assert_array_equal(truth.matrix(), plain.matrix())
        assert (truth.gain == 1, truth.gain < 0) == (tone == "none", tone == "inverted")


def test_the_first_maps_are_the_same_however_many_follow():
    assert objective.draw_truths(5, 0) == objective.draw_truths(24, 0)[:5]
    assert objective.draw_truths(5, 0) != objective.draw_truths(5, 1)


@pytest.mark.parametrize("side", [16, 64])
def test_a_shift_is_an_error_of_so_many_pixels(side):
    other = IDENTITY + np.array([[0, 0, 3 * 2 / side], [0, 0, 4 * 2 / side]])
    assert objective.pixels_between(IDENTITY, other, side) == pytest.approx(5)
    assert objective.pixels_between(other, other, side) == 0


def test_the_error_of_a_zoom_grows_with_the_distance_from_the_middle():
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, 9), np.linspace(-0.6, 0.6, 9))
    expected = 0.1 * np.hypot(x, y).mean() * 14
    assert objective.pixels_between(IDENTITY, 1.1 * IDENTITY, 28) == pytest.approx(expected)


def test_the_found_map_and_gain_are_read_off_the_surrogate():
    truth = objective.Truth(20, 0.9, 0.1, (0.05, 0.1), gain=-0.5)
    found = fitted(truth.matrix(), -0.6)
    assert objective.pixels_between(objective.found_map(found), truth.matrix(), 28) < 1e-5
    assert objective.error_of_gain(found, truth.gain) == pytest.approx(0.2)
    nothing = FittedSurrogate(Identity())
    np.testing.assert_array_equal(objective.found_map(nothing), IDENTITY)
    assert objective.error_of_gain(nothing, 0.5) == pytest.approx(1)


@pytest.mark.parametrize(
    ("surrogate", "expected"),
    [
        (FittedSurrogate(Identity()), True),
        (fitted(affine_matrix(0.9)), True),
        (fitted(affine_matrix(1.1)), False),
        (fitted(affine_matrix(0, 1.009)), True),
        (fitted(affine_matrix(0, 0.98)), False),
        (fitted(affine_matrix(0, 1, (0.11 / 14, 0))), False),
        (fitted(gain=0.985), True),
        (fitted(gain=0.97), False),
        (FittedSurrogate(Mask((1, 28, 28))), False),
    ],
)
def test_clean_rows_come_back_within_a_degree_a_hundredth_and_a_tenth_of_a_pixel(surrogate, expected):
    assert objective.is_no_corruption(surrogate.describe()) is expected


def test_fewer_rows_are_the_first_of_more():
    images = np.arange(50)
    np.testing.assert_array_equal(draw_rows(images, 4, 0, 1), draw_rows(images, 16, 0, 1)[:4])
    assert set(draw_rows(images, 16, 0, 1)) != set(draw_rows(images, 16, 0, 2))


def of(path):
    return results.Results(path, ("name", "seed", "value"), ("name", "seed"))


def test_what_is_there_is_not_measured_again(tmp_path):
    path = tmp_path / "new" / "results.csv"
    first = of(path)
    assert {"name": "a, b", "seed": 0} not in first
    first.add({"name": "a, b", "seed": 0, "value": 1.5})
    again = of(path)
    for one in (first, again):
        assert {"name": "a, b", "seed": 0} in one
        assert {"name": "a, b", "seed": 1} not in one
    assert results.read([path]) == [{"name": "a, b", "seed": "0", "value": "1.5"}]


def test_an_unfinished_line_is_measured_again(tmp_path):
    path = tmp_path / "results.csv"
    of(path).add({"name": "a", "seed": 0, "value": 1})
    whole = path.read_text()
    path.write_text(whole + "b,0")
    assert {"name": "b", "seed": 0} not in of(path)
    assert path.read_text() == whole
    path.write_text("name,se")
    assert {"name": "a", "seed": 0} not in of(path)
    assert results.read([path]) == []


def test_a_file_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("name,value\n")
    with pytest.raises(ValueError, match="expected the columns"):
        of(path)
    assert path.read_text() == "name,value\n"


def line(method, rows="100", **others):
    told = {"data": "digits28", "part": "report", "rows": rows, "tone": "none", "seed": "0", "map": "0"}
    found = {"family": "affine", "has_mask": "0", "error_px": "0.05", "error_gain": "0", "d_proj": "3.0"}
    seconds = {"seconds_fit": "8", "seconds_transform": "2"}
    return {**told, "method": method, **found, **seconds, **others}


def test_the_table_compares_with_the_known_corruption_on_the_same_rows():
    from benchmarks.pose.report import maps_table

    lines = [line("affine"), line("known", d_proj="2.0"), line("known", rows="8", d_proj="1.0"), line("affine", "8")]
    few, many = maps_table([*lines, line("pgd", seconds_transform="4")]).splitlines()[2:]
    assert few.split(" | ")[1:4] == ["8", "none", "affine"]
    assert few.split(" | ")[10].startswith("3.00")
    assert many.split(" | ")[10].startswith("1.50")
    assert many.endswith("| 8.0 | 2.0 | 4.0 |")
    assert few.endswith("| - |")


def test_the_figure_is_drawn(tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    from benchmarks.pose.report import draw

    draw([line("affine"), line("auto", "8"), line("affine", "8", error_px="0.2")], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 0


def test_the_table_of_clean_rows_says_what_was_found_where_something_was():
    from benchmarks.pose.report import clean_table

    kept = line("auto", family="identity", is_clean="1", described="corruption none")
    lost = {**kept, "seed": "1", "family": "affine", "is_clean": "0", "described": "rotation_deg 9.000"}
    (row,) = clean_table([kept, lost]).splitlines()[2:]
    assert row.split(" | ")[2:5] == ["auto", "2", "1"]
    assert row.endswith("| affine: rotation_deg 9.000 |")


def test_coverage_counts_numbers_and_maps():
    """Of two maps with six numbers each, one number is off by more than two standard errors."""
    line = {"data": "digits16", "rows": "8", "error_px": "0.1", "error_rotation_deg": "1.0", "se_rotation_deg": "0.6"}
    line |= {"error_shear_deg": "-1.0", "se_shear_deg": "0.6"}
    for name in ("scale", "shift_px"):
        line |= {f"error_{name}": "0.1 -0.1", f"se_{name}": "0.06 0.06"}
    lines = [line, line | {"error_scale": "0.1 -0.2"}]
    np.testing.assert_array_equal(coverage.covered(lines, "scale"), [[True, True], [True, False]])
    assert coverage.table(lines).splitlines()[2] == (
        "| digits16 | 8 | 2 | 0.100 | 1.00 / 0.60 | 0.100 / 0.060 | 91.7 | 50.0 |"
    )
