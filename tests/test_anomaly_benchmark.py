"""The benchmark of anomalies: its rows, its methods, its way to go on and its tables, without real data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

FOLDER = Path(__file__).parents[1] / "benchmarks"
if not FOLDER.is_dir():
    pytest.skip("benchmarks are not installed", allow_module_level=True)

from benchmarks.anomaly import __main__ as driver  # noqa: E402
from benchmarks.anomaly import calibration, report, streams  # noqa: E402
from benchmarks.anomaly.budgets import BUDGETS, Budget, Training, kept  # noqa: E402
from benchmarks.anomaly.data import draw_task  # noqa: E402
from benchmarks.anomaly.faces import SIDE, with_patches  # noqa: E402
from benchmarks.anomaly.figures import curve, draw_classes, draw_memory  # noqa: E402
from benchmarks.anomaly.ganomaly import _batches, _scores, train_ganomaly  # noqa: E402
from benchmarks.anomaly.methods import METHODS, QUOTED, TRAINED, learn  # noqa: E402
from benchmarks.anomaly.networks import train  # noqa: E402
from benchmarks.anomaly.stream_data import CORRUPTIONS, corrupted, draw_batch  # noqa: E402
from benchmarks.anomaly.tables import Scores  # noqa: E402
from benchmarks.pose.results import read  # noqa: E402
from skmimic.datasets import resize_images  # noqa: E402

SMALL = {"data": "mnist_sample", "split": "random", "left_out": 1, "seed": 0, "memory": 200, "held_out": 50, "rows": 30}
FEW_STEPS = "3"


@pytest.fixture(scope="module")
def task():
    return draw_task(**SMALL)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def as_set(rows):
    return {row.tobytes() for row in rows}


@pytest.mark.parametrize("split", ["random", "official"])
def test_new_rows_are_none_that_was_learned_from(split):
    task = draw_task(**SMALL | {"split": split, "memory": 10_000})
    parts = [as_set(getattr(task, name)) for name in ("normal", "held_out", "fresh", "strange")]
    assert len(set.union(*parts)) == sum(len(part) for part in parts)
    assert len(task.held_out) == 50


def test_few_normals_are_not_all_held_out():
    task = draw_task(**SMALL | {"held_out": 10_000, "memory": 10_000})
    assert len(task.held_out) == pytest.approx(len(task.normal) / 4, abs=2)


def test_memory_is_the_first_part_of_a_larger_one(task):
    smaller = draw_task(**SMALL | {"memory": 80})
    np.testing.assert_array_equal(smaller.normal, task.normal[:80])
    np.testing.assert_array_equal(smaller.fresh, task.fresh)
    assert smaller.name != task.name


def test_a_patch_is_the_same_place_of_another_face():
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 64, 64), dtype=np.uint8)
    patched = with_patches(images, 0)
    places = set()
    for new, old, donor in zip(patched, images, np.roll(images, 1, axis=0), strict=True):
        rows, columns = (np.flatnonzero((new != old).any(axis=(0, axis))) for axis in (2, 1))
        assert rows[-1] - rows[0] < SIDE
        assert columns[-1] - columns[0] < SIDE
        place = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        np.testing.assert_array_equal(new[place], donor[place])
        places.add((rows[0], columns[0]))
    assert len(places) > 6


@pytest.mark.parametrize(
    "method",
    ["mimic auto", "raw 3-NN", "cosine 5-NN", "pixel 1-NN", "PCA-30 residual", "one-class SVM", "isolation forest"],
)
def test_inverted_digits_are_strange_and_rows_are_scored_alone(method, task, cache):
    score = learn(method, task, Budget(cache=cache)).score
    normal, strange = score(task.fresh), score(255 - task.fresh)
    assert roc_auc_score(np.repeat([0, 1], [len(normal), len(strange)]), np.r_[normal, strange]) > 0.9
    np.testing.assert_allclose(score(task.fresh[:3]), normal[:3], rtol=1e-4, atol=1e-4)


def test_a_row_of_the_memory_is_nearest_to_itself(task, cache):
    for method, least in (("pixel 1-NN", 0), ("raw 3-NN", None), ("cosine 5-NN", None)):
        score = learn(method, task, Budget(cache=cache)).score
        known = score(task.normal[:20])
        assert known.mean() < score(task.fresh).mean(), method
        if least is not None:
            np.testing.assert_allclose(known, least, atol=0.05)  # torch takes squares apart


def test_ink_does_not_tell_normals_apart_after_division(task, cache):
    score = learn("1-NN over ink", task, Budget(cache=cache)).score
    plain = learn("pixel 1-NN", task, Budget(cache=cache)).score
    ink = np.log(task.held_out.reshape(50, -1).sum(axis=1) / 255 + 1)
    assert abs(np.corrcoef(ink, score(task.held_out))[0, 1]) < 1e-6
    assert np.corrcoef(ink, plain(task.held_out))[0, 1] > 0.3
    assert np.isfinite(score(np.zeros_like(task.fresh))).all()


def test_steps_and_epochs_of_a_training():
    by_epochs, by_steps = Training(16, epochs=3, batch=10), Training(16, steps=7, batch=10)
    assert by_epochs.steps_for(55) == 15
    assert by_steps.steps_for(55) == 7
    assert by_steps.epochs_for(55) == 1
    assert replace(by_epochs, rows=20).steps_for(55) == 6
    assert by_epochs.steps_for(4) == 3


def test_budgets_name_every_network_and_a_number_is_of_steps():
    assert BUDGETS["quick"].keys() == BUDGETS["published"].keys()
    assert Budget("12").training("dcgan") == replace(BUDGETS["quick"]["dcgan"], steps=12)
    assert Budget("published").training("ganomaly").steps_for(42_000) == 15 * (42_000 // 64)
    assert Budget("quick").training("vae", 56).steps == BUDGETS["quick"]["vae"].steps // 4
    assert Budget("12").training("vae", 56).steps == 12
    for word in ("0", "-3", "slow"):
        with pytest.raises(SystemExit):
            driver.parsed(["--budget", word])


def test_what_was_trained_is_read_and_what_was_interrupted_is_trained_again(tmp_path):
    path, calls = tmp_path / "new" / "network.txt", []

    def train(to):
        calls.append(1)
        to.write_text(str(len(calls)))

    assert kept(path, train, Path.read_text) == ("1", 0.0)
    assert kept(path, train, Path.read_text).network == "1"
    (path.parent / "network.txt.seconds").unlink()
    assert kept(path, train, Path.read_text) == ("2", 0.0)


def test_every_image_is_seen_once_a_pass():
    batches = list(_batches(10, 6, 4))
    assert [len(batch) for batch in batches] == [4] * 6
    for first, second in zip(batches[::2], batches[1::2], strict=True):
        assert len({*first.tolist(), *second.tolist()}) == 8
    assert len(next(_batches(3, 1, 64))) == 3


@pytest.fixture(scope="module")
def images32(task):
    images = torch.from_numpy(task.normal[:64])[:, None] / 127.5 - 1
    return torch.nn.functional.interpolate(images, 32)


def test_ganomaly_learns_to_reconstruct(images32):
    def error(steps):
        generator = train_ganomaly(images32, 8, steps, 16, 0)
        with torch.no_grad():
            return float((generator(images32)[0] - images32).abs().mean())

    assert error(40) < error(0) - 0.02


def test_ganomaly_is_reproducible_and_scores_rows_alone(images32, task):
    state = torch.random.get_rng_state()
    first, again = (train_ganomaly(images32, 4, 3, 8, 0) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    rows = task.fresh[:8]
    np.testing.assert_array_equal(_scores(first, rows), _scores(again, rows))
    np.testing.assert_allclose(_scores(first, rows[:1]), _scores(first, rows)[:1], rtol=1e-3)


@pytest.mark.parametrize("method", ["VAE", "EGBAD", "GANomaly"])
def test_networks_are_trained_once(method, task, cache):
    first, again = (learn(method, task, Budget(FEW_STEPS, cache)) for _ in range(2))
    rows = task.fresh[:1]
    np.testing.assert_array_equal(first.score(rows), again.score(rows))
    assert (first.steps, again.steps) == (3, 3)
    assert first.seconds == 0 < again.seconds
    assert first.score(rows).shape == (1,)


def test_a_projection_explains_what_its_generator_makes(task, cache):
    """Images of the generator have next to no residual, digits, of which it knows nothing after three steps, have."""
    budget = Budget(FEW_STEPS, cache)
    made = train("dcgan", task, budget, shrink=True)[0].sample(1, 0)
    grey = ((made[:, 0] + 1) * 127.5).round().astype(np.uint8)
    residuals = learn("PGD/AnoGAN", task, budget).score(np.concatenate([grey, resize_images(task.fresh[:1], 16)]))
    assert residuals[0] < 0.1 * residuals[1]


def test_a_missing_pyod_is_named(task, cache):
    try:
        import pyod  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(RuntimeError, match="pip install"):
            learn("pyod KNN", task, Budget(cache=cache))
    else:
        assert learn("pyod KNN", task, Budget(cache=cache)).score(task.fresh).shape == (30,)


def arguments(path, *methods):
    case = ["--data", "mnist_sample", "--splits", "random", "--left-out", "1", "--seeds", "0", "--memory", "200"]
    size = ["--held-out", "50", "--rows", "30", "--budget", FEW_STEPS, "--cache", str(path.parent / "cache")]
    return [*case, *size, "--out", str(path), "--methods", *methods]


def test_the_driver_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "left_out.csv"
    assert driver.main(arguments(path, "pixel 1-NN")) == 0
    before = path.read_text()
    assert driver.main(arguments(path, "pixel 1-NN", "VAE")) == 0
    assert path.read_text().startswith(before)
    plain, trained = read([path])
    assert (plain["budget"], plain["steps"]) == ("none", "0")
    assert (trained["budget"], trained["steps"]) == (FEW_STEPS, "3")
    assert 0 <= float(plain["auroc"]) <= 1
    whole = path.read_text()
    driver.main(arguments(path, "pixel 1-NN", "VAE"))
    assert path.read_text() == whole


def test_what_is_measured_is_about_strangeness():
    found = driver.compared(np.arange(20.0), np.arange(100.0, 110), np.arange(40.0))
    assert found == {"auroc": "1.0000", "average_precision": "1.0000", "false_alarms": "0.0000", "found_at_5": "1.0000"}
    assert driver.compared(np.full(9, 50.0), np.zeros(9), np.arange(40.0))["false_alarms"] == "1.0000"


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corrupted_rows_are_bytes_of_the_same_form(name, task):
    rows = corrupted(task.fresh, name)
    assert (rows.shape, rows.dtype) == (task.fresh.shape, np.uint8)
    assert (name == "none") == np.array_equal(rows, task.fresh)
    colour = np.repeat(task.fresh[:2, None], 3, axis=1)
    np.testing.assert_array_equal(corrupted(colour, name)[:, 0], corrupted(colour, name)[:, 2])


def test_gain_halves_and_a_third_of_pixels_goes(task):
    np.testing.assert_allclose(corrupted(task.fresh, "gain"), task.fresh / 2, atol=0.51)
    white = np.full((2, 20, 20), 255, np.uint8)
    assert (corrupted(white, "missing") == 0).mean() == pytest.approx(0.3)


def test_a_batch_has_its_share_of_anomalies():
    batch = draw_batch(np.zeros(100), np.ones(100), 40, 0.25, 0)
    assert (len(batch), batch.sum()) == (40, 10)
    assert batch[:30].sum() > 0  # in random order


def test_rows_that_are_adapted_to_are_not_scored():
    task = draw_task(**SMALL | {"rows": 60})
    stream = streams.Stream(task, 20, 0.5, Budget(), 30)
    assert (len(stream.fresh), len(stream.strange)) == (30, 30)
    assert not as_set(stream.batch) & (as_set(stream.fresh) | as_set(stream.strange))


def test_streams_are_scored_and_not_again(tmp_path):
    path = tmp_path / "streams.csv"
    words = [*arguments(path, "mimic frozen", "cosine 5-NN"), "--batch", "16", "--corruptions", "none", "gain"]
    for _ in range(2):
        assert streams.main(words) == 0
    lines = read([path])
    found = {(line["method"], line["corruption"]): float(line["auroc"]) for line in lines}
    assert len(lines) == len(found) == 4
    assert found["cosine 5-NN", "gain"] == pytest.approx(found["cosine 5-NN", "none"], abs=0.02)  # a cosine has no gain


def test_false_discoveries_are_of_the_lists():
    random = np.random.default_rng(0)
    normal, strange = random.uniform(size=5000), np.full(500, 1e-6)
    proportions, found = calibration.false_discoveries(normal, strange)
    assert len(proportions) == 200
    assert 0.06 < proportions.mean() < 0.1  # .1 times the share of normals, .8
    assert (found == 1).all()
    proportions, found = calibration.false_discoveries(np.ones(300), np.ones(30), 5)
    assert proportions.sum() == found.sum() == 0
    assert (calibration.false_discoveries(np.full(300, 1e-6), np.ones(30), 5)[0] == 1).all()


def test_error_rates_are_measured(tmp_path):
    path = tmp_path / "calibration.csv"
    words = ["--data", "mnist_sample", "--left-out", "1", "--memory", "400", "--rows", "100", "--out", str(path)]
    words += ["--methods", "mimic frozen", "--batch", "16"]
    for _ in range(2):
        assert calibration.main(words) == 0
    (line,) = read([path])
    assert (line["n_calibration"], line["n_fresh"]) == ("80", "100")
    assert float(line["false_alarms"]) < 0.2


def line(method="pixel 1-NN", left_out="1", seed="0", auroc="0.9", **others):
    told = {"data": "mnist", "split": "random", "memory": "42000", "held_out": "500", "rows": "1000", "budget": "none"}
    found = {"steps": "0", "rows_per_second": "100.0"}
    return {**told, "left_out": left_out, "seed": seed, "method": method, "auroc": auroc, **found, **others}


def test_means_are_over_seeds_then_classes_and_seeds_that_lack_a_class_are_left_out():
    lines = [
        line(left_out=one, seed=seed, auroc=auroc)
        for one, seed, auroc in (
            ("1", "0", "0.8"),
            ("2", "0", "0.6"),
            ("1", "1", "0.9"),
            ("2", "1", "0.7"),
            ("1", "2", "0.1"),
        )
    ]
    scores = Scores(lines, "auroc")
    assert scores.mean_over_classes() == "0.750 ± 0.071"
    assert Scores(lines[:4], "auroc").spread_of_classes() == "0.141"
    assert Scores([], "auroc").mean_over_classes() == "-"


def test_the_table_has_the_figures_of_the_paper_beside_ours():
    lines = [line("GANomaly", budget="quick", steps="600", left_out=one) for one in ("1", "10", "9")]
    text = report.left_out_tables([*lines, line(data="usps", method="GANomaly"), line()])
    assert "| method | 1 | 9 | 10 |" in text
    plain, trained = (
        next(one for one in text.splitlines() if one.startswith(f"| {name}")) for name in ("pixel", "GAN")
    )
    assert trained.endswith("| 0.900 | 0.000 | 0.78 ± 0.11 | quick, 600 steps | 1000 | 100 |")
    assert plain.split(" | ")[1:4] == ["0.900", "-", "-"]
    assert text.count("0.78 ± 0.11") == 1  # not for other data
    assert QUOTED.keys() <= TRAINED.keys() <= METHODS.keys()


def test_methods_that_were_given_fewer_rows_stand_in_the_same_table():
    few = {"rows": "100", "held_out": "50"}
    text = report.left_out_tables([line(), line("PGD/AnoGAN", budget="9", **few), line(auroc="0.1", **few)])
    assert text.count("###") == 1
    assert [row.split(" | ")[1] for row in text.splitlines()[4:]] == ["0.900", "0.900"]


def test_streams_and_error_rates_have_tables():
    lines = [
        line("mimic frozen", corruption=one, batch="128", share="0.5", auroc=auroc)
        for one, auroc in (("none", "0.95"), ("rotation", "0.85"))
    ]
    assert "| mimic frozen | none | 0.950 | 0.850 |" in report.streams_table(lines)
    rates = dict(zip(calibration.FOUND, ["2000", "9000", "0.0510", "0.6", "0.0900", "0.0040", "0.5"], strict=False))
    text = report.calibration_table([lines[0] | rates])
    assert "| 2000 | 9000 | 0.0510 | 0.6 | 0.0900 ± 0.0040 | 0.5 |" in text


def test_a_curve_is_of_the_classes_that_every_size_has():
    few, many = ({"memory": memory, "method": "mimic auto"} for memory in ("500", "42000"))
    lines = [line(**few, auroc="0.8"), line(**many, auroc="0.9"), line(**many, left_out="2", auroc="0.5")]
    assert curve(Scores(lines, "auroc")) == ([500, 42000], [0.8, 0.9])


def test_the_report_is_written_of_what_is_there(tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    path = tmp_path / "left_out.csv"
    driver.main(arguments(path, "cosine 5-NN"))
    absent = str(tmp_path / "absent.csv")
    where = ["--streams", absent, "--calibration", absent, "--out", str(tmp_path / "a.md"), "--figures", str(tmp_path)]
    report.main(["--left-out", str(path), *where])
    assert "| cosine 5-NN |" in (tmp_path / "a.md").read_text(encoding="utf-8")
    assert "Error rates" not in (tmp_path / "a.md").read_text(encoding="utf-8")


def test_the_figures_are_drawn(tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    lines = [line("mimic auto", memory=memory) for memory in ("500", "42000")]
    for draw in (draw_classes, draw_memory):
        draw(lines, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 0
        (tmp_path / "figure.png").unlink()
        draw([line("isolation forest")], tmp_path / "figure.png")
        assert not (tmp_path / "figure.png").exists()
