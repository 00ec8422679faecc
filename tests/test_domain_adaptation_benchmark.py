"""The benchmark of domain adaptation: its protocol, its classifiers and its table, on small made-up sets."""

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    pytest.importorskip("resource")
    import domain_adaptation

    yield domain_adaptation
    for name in [name for name in sys.modules if name.startswith(("adaptation_", "domain_adaptation"))]:
        del sys.modules[name]


@pytest.fixture
def pair(benchmark):
    from adaptation_domains import Pair

    rng = np.random.default_rng(0)
    y_source, y_target = rng.integers(10, size=400), rng.integers(10, size=300)
    prototypes = rng.integers(256, size=(10, 256))

    def digits(labels):
        return np.clip(prototypes[labels] + rng.integers(-9, 9, (len(labels), 256)), 0, 255).astype(np.uint8)

    return Pair("mnist->usps", digits(y_source), y_source, digits(y_target), y_target)


def result(direction="mnist->usps", label="none", seed=0, knn=0.7, cnn=0.8, scale=1):
    accuracy = {"knn": knn, "cnn": cnn, "knn_validation": knn}
    cost = {"seconds": 2.0, "seconds_all_rows": 2.0 * scale, "scale": scale, "peak_mib": 500.0}
    rows = {"n_rows": 9298, "n_aligned": 9298 // scale}
    return {"direction": direction, "label": label, "seed": seed, "accuracy": accuracy, **cost, **rows}


def test_validation_rows_are_those_of_the_protocol(pair):
    expected = np.random.default_rng(12345).permutation(300)[:100]
    np.testing.assert_array_equal(pair.validation, expected)


def test_limited_pair_keeps_the_validation_images(pair):
    small = pair.limited(50)
    assert len(small.X_target) == 150
    assert pair.limited(None) is pair
    np.testing.assert_array_equal(small.X_target[small.validation], pair.X_target[pair.validation])
    np.testing.assert_array_equal(small.y_target[small.validation], pair.y_target[pair.validation])


def test_shrinking_by_areas_is_the_mean_of_the_pixels_that_merge(benchmark):
    from adaptation_domains import _by_areas

    images = np.random.default_rng(0).integers(256, size=(3, 32, 32)).astype(np.uint8)
    load = _by_areas(lambda subset, return_X_y: (images.reshape(3, -1), np.arange(3)))
    small, y = load("all", size=16, return_X_y=True)
    expected = images.reshape(3, 16, 2, 16, 2).mean((2, 4))
    np.testing.assert_allclose(small.reshape(3, 16, 16), expected, atol=1)
    np.testing.assert_array_equal(y, np.arange(3))


def test_accuracy_leaves_the_validation_rows_out(benchmark, pair, tmp_path):
    from adaptation_methods import Options, no_adaptation

    alignment = no_adaptation(pair, None, 0, Options())
    wrong = pair.X_source[np.argmax(pair.y_source != pair.y_target[pair.validation[0]])]
    spoiled = alignment.X.copy()
    spoiled[pair.validation[0]] = wrong
    spoiled = type(alignment)(**{**vars(alignment), "X": spoiled, "images": None})
    accuracy = benchmark.judge(pair, spoiled, tmp_path)
    assert accuracy == {"knn": 1.0, "knn_validation": 0.99, "cnn": None}


def test_network_is_kept_and_reproducible(pair, tmp_path):
    from adaptation_classifiers import cnn_hits, trained_network

    def hits(path):
        network = trained_network(pair.X_source, pair.y_source, path, n_steps=60)
        return cnn_hits(network, pair.X_target, pair.y_target)

    first = hits(tmp_path / "a.pt")
    assert first.mean() > 0.9
    np.testing.assert_array_equal(hits(tmp_path / "b.pt"), first)
    np.testing.assert_array_equal(hits(tmp_path / "a.pt"), first)


def test_figure_shows_two_digits_of_each_class(benchmark, pair, tmp_path):
    from adaptation_methods import Options, no_adaptation

    alignment = no_adaptation(pair, None, 0, Options())
    name = benchmark.keep_images(pair, alignment, tmp_path / "kept.npz")
    kept = np.load(tmp_path / name)
    np.testing.assert_array_equal(pair.y_target[kept["rows"]], np.repeat(np.arange(10), 2))
    np.testing.assert_array_equal(kept["aligned"], pair.X_target[kept["rows"]])


def test_table_gives_mean_and_range_beside_the_paper(benchmark):
    runs = [result(label="ours", seed=seed, knn=knn) for seed, knn in enumerate((0.95, 0.96, 0.97))]
    text = benchmark.table([*runs, result(), result("usps->mnist", scale=2)])
    assert "| 1-NN | skmimic, defaults | 96.00 (95.00 to 97.00) | - | - | - |" in text
    assert "| 1-NN | No adaptation | 70.00 | 71.26 | 70.00 | 31.65 |" in text
    assert "CyCADA, task-specific, quoted from the paper | - | 95.60 | - | 96.50 |" in text
    assert "| 4, extrapolated from 4,649 rows |" in text


def test_changed_preset_is_a_row_of_its_own(benchmark):
    from adaptation_methods import Options

    label = benchmark.label_of("mimicgan", Options(preset={"optimizer": "rmsprop", "T": 40}))
    assert label == "mimicgan+T=40+optimizer=rmsprop"
    assert "MimicGAN, the paper's preset, T=40, optimizer=rmsprop" in benchmark.table([result(label=label)])
