"""The benchmark of robustness: its corruptions, its measures, its verdicts and its way to go on, without real data."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from skmimic.surrogates import Affine, Composition, FittedSurrogate, Mask, affine_matrix
from tests.helpers import loaded

FOLDER = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    pytest.importorskip("matplotlib").use("agg")
    import robustness

    yield robustness
    for name in [name for name in sys.modules if name.startswith(("robustness", "adaptation_"))]:
        del sys.modules[name]


def result(level="none", method="ours", seed=0, mean=2.0, **others):
    errors = {"mean": mean, "sd": 0.5, "values": [mean]}
    told = {"d_proj": errors, "psnr": 20.0, "accuracy": 0.9, "seconds": 3.0, "surrogate": {}, "mask_right": 1.0}
    return {"data": "mnist", "level": level, "method": method, "seed": seed, **told, **others}


def methods_at(level, ours, pgd, known=2.0, **others):
    errors = {"ours": ours, "pgd": pgd, "known": known}
    return [result(level, method, mean=mean, **others) for method, mean in errors.items()]


def lines_of(results, beginning, data="mnist"):
    from robustness_report import verdicts

    return [one for one in verdicts(results, data) if one.line.startswith(beginning)]


def verdict(results, beginning, data="mnist"):
    (found,) = lines_of(results, beginning, data)
    return found


def test_earlier_results_are_compared_level_by_level_and_seed_by_seed(benchmark):
    from robustness_report import against_table

    earlier = [result("a", mean=2.0), result("b", mean=4.0), result("a", seed=1, mean=1.0), result("a", "pgd")]
    now = [result("a", mean=1.9), result("b", mean=4.2), result("c", mean=9.0), result("b", "pgd", mean=1.0)]
    text = against_table(now, earlier)
    assert "| a | 0 | 2.000 | 1.900 | 0.950 |" in text
    assert "2 levels and seeds: 0.950 to 1.050" in text
    assert "| c |" not in text
    assert against_table(now[2:3], earlier) == ""


def test_levels_keep_the_shape_and_the_range(benchmark):
    images = torch.rand((3, 1, 28, 28), generator=torch.Generator().manual_seed(0)) * 2 - 1
    for name, level in benchmark.levels_of("mnist").items():
        observed = level.f(images)
        assert observed.shape == images.shape, name
        assert observed.abs().max() <= 1 + 1e-6, name
        assert torch.equal(observed, images) == (name == "none"), name


@pytest.mark.parametrize("data", ["mnist", "celeba"])
def test_truth_is_what_the_corruption_does(benchmark, data):
    side = 41
    clean = torch.full((1, 1, side, side), -1.0)
    clean[..., 14:27, 17:24] = 1.0
    for name, level in benchmark.levels_of(data).items():
        if level.truth and level.unmasked is None and level.limit == "exact":
            affine = Affine((1, side, side))
            with torch.no_grad():
                affine.theta.copy_(affine_matrix(level.truth["rotation_deg"], level.truth["scale"]))
                assert (affine(clean) - level.f(clean)).abs().max() < 0.05 + 0.1 * (data == "celeba"), name


def test_only_digits_are_turned_by_60_degrees_and_keep_their_corners(benchmark):
    assert benchmark.levels_of("mnist")["rotation_40"].f.crop is False
    assert benchmark.levels_of("celeba")["rotation_40"].f.crop is True
    assert "rotation_60" not in benchmark.levels_of("celeba")


def test_oracle_is_not_told_the_values_of_noise(benchmark):
    images = torch.zeros(1, 1, 8, 8)
    level = benchmark.levels_of("mnist")["noise_0.2"]
    assert torch.equal(level.known(images), images)


def test_mask_is_judged_where_it_can_be_seen(benchmark):
    from robustness_units import mask_right

    level = benchmark.levels_of("mnist")["missing_40"]
    images = np.random.default_rng(0).uniform(-1, 1, (20, 1, 28, 28)).astype(np.float32)
    images[:, :, :14] = -1.0  # nobody can tell what is masked there
    mask = Mask((1, 28, 28), learn=False)
    lost = level.f(torch.ones(1, 28, 28)[None])[0] < 0
    wrong = torch.zeros_like(lost)
    wrong[:, :14] = True
    mask.set_dead(lost ^ wrong, torch.full((1, 28, 28), -1.0))
    assert mask_right(level, FittedSurrogate(Composition([mask])), images) == 1.0
    assert mask_right(level, FittedSurrogate(Affine((1, 28, 28))), images) == pytest.approx(
        1 - lost[:, 14:].float().mean().item()
    )


def test_a_level_counts_where_pgd_is_clearly_worse_than_the_oracle(benchmark):
    line = "rotation_20: ours over known"
    assert verdict(methods_at("rotation_20", ours=2.08, pgd=6.0), line).holds
    assert not verdict(methods_at("rotation_20", ours=2.12, pgd=6.0), line).holds
    assert verdict([], line).holds is None
    assert not lines_of(methods_at("rotation_20", ours=3.0, pgd=2.4), line)


def test_limits_are_those_of_the_kind_of_corruption(benchmark):
    for level, data, most in (
        ("zoom_in_1.4", "mnist", 1.05),
        ("zoom_in_1.4", "celeba", 1.10),
        ("blur_2", "mnist", 1.10),
        ("inversion", "mnist", 1.2),
        ("rotation_zoom_gain", "celeba", 1.2),
    ):
        line = f"{level}: ours over known"
        assert verdict(methods_at(level, ours=2 * most - 0.01, pgd=9.0), line, data).holds
        assert not verdict(methods_at(level, ours=2 * most + 0.01, pgd=9.0), line, data).holds


def test_clean_and_flat_are_judged_over_the_seeds(benchmark):
    upright = [one for seed in (0, 1) for one in methods_at("none", 2.02 + 0.04 * seed, 2.0, seed=seed)]
    turned = [result("rotation_40", seed=seed, mean=2.4) for seed in (0, 1)]
    assert verdict([*upright, *turned], "none: ours").value == "1.02 (1.01 to 1.03)"
    assert not verdict([*upright, *turned], "flat").holds
    assert verdict([*upright, result("rotation_40", mean=2.2)], "flat").holds


def test_the_mildest_level_is_not_compared_with_the_rivals(benchmark):
    mild, strong = methods_at("missing_20", 3.0, 2.0), methods_at("missing_60", 2.0, 3.0)
    assert verdict([*mild, *strong], "missing: ours below").holds
    assert not verdict([*mild, *strong, result("missing_60", "igan", mean=1.9)], "missing: ours below").holds


def test_parameters_are_judged_by_the_worst_seed(benchmark):
    def found(degrees, zoom, seed=0):
        surrogate = {"rotation_deg": degrees, "scale": (zoom, zoom)}
        return result("rotation_30", seed=seed, surrogate=surrogate)

    assert verdict([found(28, 1.03)], "rotation_30: rotation within").holds
    assert verdict([found(390, 1.0)], "rotation_30: rotation within").holds
    assert not verdict([found(30, 1.0), found(26, 1.0, 1)], "rotation_30: rotation within").holds
    assert not verdict([found(30, 0.94)], "rotation_30: zoom within").holds
    masks = [result("missing_20", mask_right=part) for part in (0.99, 0.94)]
    assert not verdict(masks, "missing_20: 95 %").holds


def test_table_has_ratios_spread_and_count(benchmark):
    from robustness_report import level_table

    runs = [one for seed in (0, 1) for one in methods_at("rotation_20", 2.0 + 0.2 * seed, 6.0, seed=seed)]
    text = level_table(runs, "mnist")
    assert "| rotation_20 | 1.05 (1.00 to 1.10) | 3.00 (3.00 to 3.00) |" in text
    assert "were not run" in text


def test_sweep_compares_the_same_images(benchmark):
    from robustness_report import sweep_ratios, sweep_table

    def draw(rows, values, identifiable=True):
        errors = {"mean": float(np.mean(values)), "values": values}
        return {"method": "ours", "size": len(rows), "rows": rows, "d_proj": errors, "identifiable": identifiable}

    runs = [
        draw([0, 1, 2], [1.0, 2.0, 6.0]),
        draw([0, 1], [1.0, 2.0]),
        draw([1, 2], [3.0, 7.0]),
        draw([2], [9.0], False),
    ]
    assert sweep_ratios(runs) == {1: [1.5], 2: [1.0, 1.25], 3: [1.0]}
    text = sweep_table(runs)
    assert "| N = 2: two thirds of the draws within 20 % | 50% | FAIL |" in text
    assert "| N = 1: never called identifiable | 0 of 1 called so | pass |" in text


def test_time_until_the_loss_of_pgd(benchmark):
    from robustness_report import time_table

    common = {"n_images": 50, "device": "cpu", "threads": 1, "steps": 100}
    pgd = {"method": "pgd", "seconds": 4.0, "seconds_fit": 0.0, "seconds_transform": 4.0, "path": [[0, 1], [100, 0.5]]}
    path = [[0, 0.9], [50, 0.4], [100, 0.3]]
    ours = {"method": "ours", "seconds": 8.0, "seconds_fit": 4.0, "seconds_transform": 4.0, "path": path}
    equal = {**ours, "method": "equal", "seconds": 5.0, "d_proj": {"mean": 3.0}}
    results = [{**pgd, **common, "gradients": 100}, {**ours, **common, "gradients": 160}]
    text = time_table([*results, {**equal, **common, "gradients": 100}])
    lines = text.splitlines()
    assert lines[2].endswith("| 8.0 | 1.00 | 0.0 | 8.0 | 100 | 8.0 |")
    assert lines[3].endswith("| 16.0 | 2.00 | 8.0 | 8.0 | 160 | 12.0 |")
    assert "| 2.00 | FAIL |" in text
    assert "no more latent steps at most 1.5 times the seconds of PGD, our optimiser | 1.25 | pass |" in text
    assert "at most those of PGD, our optimiser | 1.00 | pass |" in text
    assert "of PGD, our optimiser | 1.60 | FAIL |" in time_table([*results, {**equal, **common, "gradients": 160}])
    assert "| 3.0 | 10.0 |" in text


def test_only_images_with_a_gradient_to_their_latents_are_counted(benchmark):
    from robustness_units import counted_gradients

    from skmimic.generators import LoadedGenerator

    generator, before = loaded(), LoadedGenerator.decode
    z = torch.zeros(3, generator.latent_dim)
    with counted_gradients() as counted:
        generator.decode(z)
        generator.decode(z.clone().requires_grad_())
        with torch.no_grad():
            generator.decode(z.clone().requires_grad_())
    assert counted == [3]
    assert LoadedGenerator.decode is before


def test_runner_goes_on_where_it_stopped(benchmark, tmp_path, capsys):
    calls = []

    def unit(value):
        calls.append(value)
        if value < 0:
            raise ValueError("no such unit")
        return {"value": np.float32(value), "bad": float("nan")}

    for _ in range(2):
        runner = benchmark.Runner(tmp_path / "results", tmp_path / "work", again=False)
        runner("good", unit, 1)
        runner("broken", unit, -1)
    assert calls == [1, -1, -1]
    assert runner.failed == ["broken"]
    assert json.loads((tmp_path / "results" / "good.json").read_text()) == {"value": 1.0, "bad": None}
    benchmark.Runner(tmp_path / "results", tmp_path / "work", again=False)("good", unit, 2, needs_pictures=True)
    assert calls[-1] == 2
    assert "no such unit" in capsys.readouterr().err


def test_tries_have_folders_of_their_own(benchmark, tmp_path):
    words = ["figure4", "--out", str(tmp_path)]
    assert benchmark.parsed(words).results == tmp_path
    assert benchmark.parsed([*words, "--images", "12", "--steps", "60"]).results == tmp_path / "images_12_steps_50"


def test_faces_are_not_drawn_among_the_results(benchmark, tmp_path):
    words = ["figure5", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    digits, faces = benchmark.parsed(words), benchmark.parsed([*words, "--data", "celeba"])
    assert benchmark.out_of_pictures(digits, digits.results) == tmp_path / "out"
    assert benchmark.out_of_pictures(faces, faces.results) == tmp_path / "work"


def test_unknown_corruptions_are_named(benchmark):
    with pytest.raises(SystemExit, match="fog"):
        benchmark.chosen_levels(benchmark.parsed(["figure4", "--corruptions", "rotation", "fog"]))
    chosen = benchmark.chosen_levels(benchmark.parsed(["figure4", "--corruptions", "zoom_in", "blur_1"]))
    assert chosen == ["none", "zoom_in_1.1", "zoom_in_1.2", "zoom_in_1.4", "blur_1"]


def test_pixels_in_sight_are_those_that_reach_the_observation(benchmark):
    from robustness_units import in_sight

    levels = benchmark.levels_of("celeba")
    assert in_sight(levels["none"].f, (3, 16, 16)).all()
    seen = in_sight(levels["rotation_40"].f, (3, 16, 16))
    assert not seen[:, [0, 0, -1, -1], [0, -1, 0, -1]].any()
    images = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    blind = torch.where(torch.tensor(seen), images, 0.0)
    assert torch.equal(levels["rotation_40"].f(blind), levels["rotation_40"].f(images))


def test_faces_are_flat_in_sight_where_the_crop_leaves_them(benchmark):
    line = "flat in sight"
    assert verdict([], line, "celeba").holds is None
    assert not lines_of([], line, "mnist")
    upright = [result(seed=seed, d_proj_in_sight={"rotation_40": 10.0}) for seed in (0, 1)]
    for error, holds in ((11.4, True), (11.6, False)):
        turned = [result("rotation_40", seed=seed, d_proj_in_sight={"rotation_40": error}) for seed in (0, 1)]
        assert verdict([*upright, *turned], line, "celeba").holds is holds
