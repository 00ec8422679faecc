"""The benchmark of defences: its images, its defences, its attacks, its way to go on and its tables; no real data."""

from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"
if not FOLDER.is_dir():
    pytest.skip("benchmarks are not installed", allow_module_level=True)

from benchmarks.defence import __main__ as driver  # noqa: E402
from benchmarks.defence import methods, networks, oblivious, report, tables  # noqa: E402
from benchmarks.defence.attacks import GROUPS, Attack, measured  # noqa: E402
from benchmarks.defence.data import GROUP, PARTS, World  # noqa: E402
from benchmarks.defence.figures import curve, draw_budgets, draw_universal  # noqa: E402
from benchmarks.pose.results import read  # noqa: E402
from skmimic import VAE  # noqa: E402
from skmimic.datasets import load_mnist_sample  # noqa: E402

N = 12


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A small classifier that was trained for a moment, and a generator that was trained for two steps."""
    images, labels = networks.as_tensors(load_mnist_sample())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classifier = networks.classifier()
        optimiser = torch.optim.Adam(classifier.parameters(), 3e-3)
        for _ in range(30):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(classifier(images[:300]), labels[:300]).backward()
            optimiser.step()
    classifier.eval().requires_grad_(False)
    known = images[:64]
    vae = VAE(4, width=4, max_steps=2, batch_size=32, data_range=(0, 1), random_state=0).fit(known.numpy()).generator_
    cache = tmp_path_factory.mktemp("cache")
    part = slice(-N, None)
    return World(
        "sample", images[part], labels[part], images[-30:-15], classifier, None, lambda *_: vae, lambda _: known, cache
    )


@pytest.fixture
def quick(monkeypatch):
    """Defences of a few steps; the parameters of the benchmark are those of the package."""
    takers = {"MimicDefense": lambda *place: methods._mimic(*place, encoder_steps=2)}
    monkeypatch.setattr(methods, "METHODS", methods.METHODS | takers)


def words(path, *more, method="none"):
    return ["--methods", method, "--generators", "vae", "--seeds", "0", "--out", str(path), *more]


def test_images_that_settings_are_chosen_on_are_not_reported():
    parts = [set(range(10_000)[part]) for part in PARTS.values()]
    assert not set.intersection(*parts)
    assert [len(part) for part in parts] == [500, 300]


def test_the_classifier_is_kept_in_half_precision(tmp_path, monkeypatch):
    network = networks.classifier()
    monkeypatch.setattr(networks, "MODELS", tmp_path)
    networks._write(tmp_path / "net.safetensors", lambda path: networks.save_file(networks.halves(network), path))
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]
    images = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(networks.load_classifier("net")(images), network(images), atol=5e-3, rtol=5e-2)
    with pytest.raises(FileNotFoundError, match="not been trained yet"):
        networks.load_generator("vae", 0)


def test_an_attack_of_one_step_keeps_to_its_budget():
    images, labels = torch.rand(4, 1, 28, 28), torch.arange(4)
    moved = networks.attacked(networks.classifier(), images, labels, 0.1, torch.Generator().manual_seed(0))
    assert (moved - images).abs().max() <= 0.1 + 1e-6
    assert 0 <= moved.min() <= moved.max() <= 1


@pytest.mark.parametrize("attack", GROUPS["paper"][:3] + GROUPS["universal"][-1:], ids=lambda attack: attack.name)
def test_attacks_of_the_toolbox_harm_and_are_made_once(attack, world, monkeypatch):
    pytest.importorskip("art")
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    images = oblivious.attacked_images(world, attack.name, attack.strength)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert images.shape == world.images.shape
    assert images.dtype == torch.float32
    assert 0 <= images.min() <= images.max() <= 1
    monkeypatch.setattr(oblivious, "_attack", None)
    again = oblivious.attacked_images(world, attack.name, attack.strength)
    assert torch.equal(images, again)
    alone = methods.learn("none", world, "-", 0)
    clean, left = (float((alone.answers(part) == world.labels).float().mean()) for part in (world.images, images))
    assert left < clean


def test_other_images_are_attacked_anew(world):
    pytest.importorskip("art")
    few = world.first(3)
    assert len(oblivious.attacked_images(few, "FGSM", 0.15)) == 3
    assert torch.equal(few.labels, world.labels[:3])


@pytest.mark.parametrize("method", ["median filter 3x3", "JPEG, quality 50", "feature squeezing, bits: 2"])
def test_filters_of_the_toolbox_clean_in_place(method, world):
    pytest.importorskip("art")
    cleaned = methods.learn(method, world, "-", 0).clean(world.images)
    assert (cleaned.shape, cleaned.dtype) == (world.images.shape, torch.float32)
    assert 0 < (cleaned - world.images).abs().mean() < 0.15


@pytest.mark.usefixtures("quick")
def test_ours_is_the_same_with_and_without_a_gradient(world):
    learned = methods.learn("MimicDefense", world, "vae", 0)
    with torch.no_grad():
        through = learned.module(world.images)
    torch.testing.assert_close(learned.clean(world.images), through, atol=1e-5, rtol=1e-4)
    assert learned.answers(world.images).shape == (N,)


def test_groups_are_cleaned_apart(world):
    seen = []

    def clean(images):
        seen.append(len(images))
        return images

    methods.Learned(clean, world.classifier).answers(world.images[:1].expand(GROUP + 7, -1, -1, -1))
    assert seen == [GROUP, 7]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "attack",
    [Attack("gradient", 0.1, "exact"), Attack("gradient", 0.1, "bpda"), Attack("poison", 3, "exact")],
    ids=lambda attack: f"{attack.name} {attack.gradient}",
)
def test_attacks_that_know_the_defence(attack, world, monkeypatch):
    monkeypatch.setattr("benchmarks.defence.attacks.N_STEPS", 2)
    told = measured(attack, world, methods.learn("MimicDefense", world, "vae", 0), 0)
    assert 0 <= float(told["accuracy"]) <= 100


def test_a_walk_needs_a_generator_even_without_a_defence(world, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.defence.attacks.WALK", {"n_steps": 2, "norm": "rms"})
    assert driver.main(words(tmp_path / "a.csv", "--attacks", "walk", "--rows", "4"), world) == 0
    assert {line["generator"] for line in read([tmp_path / "a.csv"])} == {"vae"}


def test_what_has_no_gradient_is_told_and_the_rest_goes_on(world, tmp_path, capsys):
    pytest.importorskip("art")
    path = tmp_path / "a.csv"
    assert driver.main(words(path, "--attacks", "exact", "clean", method="JPEG, quality 50"), world) == 1
    assert "no gradient" in capsys.readouterr().err
    assert [line["attack"] for line in read([path])] == ["clean", "clean"]  # and without a defence


@pytest.mark.usefixtures("quick")
def test_the_driver_goes_on_where_it_stopped(world, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.defence.attacks.N_STEPS", 2)
    path = tmp_path / "attacks.csv"
    assert driver.main(words(path, "--attacks", "clean"), world) == 0
    before = path.read_text()
    for _ in range(2):
        assert driver.main(words(path, "--attacks", "clean", "bpda", method="MimicDefense"), world) == 0
    whole = path.read_text()
    assert whole.startswith(before)
    lines = read([path])
    assert len(lines) == 1 + 1 + 2 * 4  # with the exact gradient of what has no defence beside each
    for line in lines:
        alone = next(
            one
            for one in lines
            if (one["method"], one["attack"], one["strength"]) == ("none", line["attack"], line["strength"])
        )
        assert line["undefended"] == alone["accuracy"]
        assert (line["generator"] == "-") == (line["method"] == "none")
        assert line["rows"] == str(N)


def test_the_names_of_the_command_line_are_known():
    for word in (["--methods", "magic"], ["--attacks", "rumour"], ["--part", "train"]):
        with pytest.raises(SystemExit):
            driver.parsed(word)


def line(method="none", accuracy="50", seed="0", generator="-", attack=GROUPS["clean"][0], rows="500", **others):
    told = {"data": "fashion_mnist", "method": method, "accuracy": accuracy, "seed": seed, "generator": generator}
    return {**told, **attack.key, "rows": rows, "rows_per_second": "100", **others}


def test_a_cell_is_the_mean_of_seeds_on_the_most_images():
    place = {"method": "MimicDefense", "generator": "vae"}
    lines = [line(**place, seed=str(seed), accuracy=str(80 + seed)) for seed in range(3)]
    lines += [line(**place, accuracy="10", rows="100"), line(accuracy="91", data="fashion_mnist settings"), line()]
    text = tables.main_table(lines)
    assert "| MimicDefense | vae | 81.0 ± 1.0 | - | - | - | - | - | 3 | 500 |" in text
    assert "| none | - | 50.0 |" in text
    assert "| the paper: Defense-GAN | GAN | - | 68.5 ± 3.1 |" in text
    assert "| none | - | 91.0 |" in tables.settings_table(lines)
    assert tables.speed_table(lines).count("\n") == 4


def test_tables_fill_their_places_and_nothing_else():
    page = "# Title\n<!-- table main -->\nold\n<!-- end -->\ntext\n<!-- table speed -->\n<!-- end -->\nend"
    once = report.filled(page, [line()])
    assert once == report.filled(once, [line()])
    assert "old" not in once
    assert once.startswith("# Title\n<!-- table main -->\n\n| defence |")
    assert once.endswith("<!-- end -->\nend")


def test_every_table_of_the_page_exists():
    page = (FOLDER.parent / "docs" / "paper" / "adversarial_defence.md").read_text(encoding="utf-8")
    assert all(f"<!-- table {name} -->" in page for name in report.TABLES)


def test_figures_are_drawn_of_what_is_there(tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    lines = [line(attack=attack) for attack in (*GROUPS["universal"], *GROUPS["exact"])]
    assert curve(lines, "none", "-", GROUPS["universal"]) == ([0.5, 1, 2, 4, 8], [50.0] * 5, [0.0] * 5)
    for draw in (draw_universal, draw_budgets):
        draw(lines, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 0
        (tmp_path / "figure.png").unlink()
        draw([line()], tmp_path / "figure.png")
        assert not (tmp_path / "figure.png").exists()
