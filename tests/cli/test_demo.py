"""`skmimic demo`: table, picture and figures."""

import json
import sys

import numpy as np
import pytest
import torch

from skmimic.cli import _demo
from skmimic.generators import bundled_names
from tests.helpers import assert_same, disk_for

FEW_STEPS = {"batch_size": 40, "T": 1, "T2": 2}
TINY = {"n_digits": 30, "n_target": 200, "class_priors": ("source", None), "effort": FEW_STEPS, "n_workers": 1}
METHODS = ["corrupted", "PGD", "MimicGAN", "known corruption"]


@pytest.fixture
def small(monkeypatch, generator):
    """A demo with an untrained generator of 8x8 images and hardly any steps."""
    monkeypatch.setattr(_demo, "load_gan", lambda name: generator)
    monkeypatch.setattr(_demo, "QUICK", TINY)


def test_all_that_is_written(command, small, tmp_path):
    picture, figures = tmp_path / "demo.png", tmp_path / "demo.json"
    status, out, err = command("demo", "--quick", "--seed", "1", "--out", picture, "--json", figures)
    assert status == 0
    for words in [*METHODS, "d_proj", "MimicGAN found: ", "MimicDomainAligner", f"wrote {picture}", "seed 1"]:
        assert words in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(figures.read_text())
    assert list(found["restoration"]["methods"]) == METHODS
    assert (found["seed"], found["restoration"]["n_digits"], found["alignment"]["n_target"]) == (1, 30, 200)
    assert 0 <= found["alignment"]["with_source_labels"]["accuracy_after"] <= 1
    assert "200 digits of another scanner: alignment with the labels of MNIST" in err
    assert all(0 <= method["accuracy"] <= 1 for method in found["restoration"]["methods"].values())
    assert "30 corrupted digits: PGD" in err


def test_the_same_seed_gives_the_same_figures(command, small, tmp_path):
    def figures(seed):
        command("demo", "--quick", "--seed", seed, "--out", tmp_path / "d.png", "--json", tmp_path / "d.json")
        found = json.loads((tmp_path / "d.json").read_text())
        return [(m["d_proj"], m["accuracy"]) for m in found["restoration"]["methods"].values()]

    assert_same(figures(0), figures(0))
    assert figures(0) != figures(1)


def test_two_processes_give_the_same_figures(command, small, tmp_path, monkeypatch):
    monkeypatch.setattr(_demo, "FULL", {**TINY, "n_workers": 2})
    figures = []
    for options in ([], ["--quick"]):
        command("demo", *options, "--out", tmp_path / "d.png", "--json", tmp_path / "d.json")
        found = json.loads((tmp_path / "d.json").read_text())
        methods = [(m["d_proj"], m["accuracy"]) for m in found["restoration"]["methods"].values()]
        figures.append((methods, found["alignment"]["accuracy_after"], found["restoration"]["found"]))
    assert_same(figures[0][0], figures[1][0], on_gpu=0.05)
    assert torch.cuda.is_available() or figures[0] == figures[1]


def test_without_matplotlib_the_extra_is_named(command, small, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"] + ["matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    status, out, _ = command("demo", "--quick", "--out", tmp_path / "demo.png")
    assert status == 0
    assert "no picture: " in out
    assert "pip install 'skmimic[plot]'" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [["--out", "x.jpg"], ["--out", "nowhere/x.png"], ["--json", "nowhere/x.json"], ["--json", "."], ["--seed", "-1"]],
)
def test_wrong_options_are_refused_before_any_work(refused, monkeypatch, options):
    monkeypatch.setattr(_demo, "load_gan", None)
    refused("demo", *options)


def test_a_full_disk_is_one_line_that_names_the_file(command, small, tmp_path):
    with disk_for(100):
        status, _, err = command("demo", "--quick", "--out", tmp_path / "demo.png", "--json", tmp_path / "demo.json")
    assert status == 2
    assert err.splitlines()[-1] == f"skmimic: error: {tmp_path / 'demo.json'}: File too large"
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_names_the_picture(command, monkeypatch, tmp_path):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(_demo, "load_gan", interrupted)
    line = f"skmimic: error: {tmp_path / 'x.png'}: interrupted, not written\n"
    assert command("demo", "--out", tmp_path / "x.png") == (130, "", line)


@pytest.mark.skipif("mnist16" not in bundled_names(), reason="the generator mnist16 is not bundled")
def test_the_quick_demo_restores_digits(command, tmp_path):
    status, _, err = command("demo", "--quick", "--out", tmp_path / "demo.png", "--json", tmp_path / "demo.json")
    assert status == 0
    assert "warning" not in err
    found = json.loads((tmp_path / "demo.json").read_text())
    methods = found["restoration"]["methods"]
    assert methods["MimicGAN"]["accuracy"] > methods["PGD"]["accuracy"] + 0.3
    assert methods["MimicGAN"]["d_proj"] < 0.6 * methods["PGD"]["d_proj"]
    assert np.isclose(found["restoration"]["found"]["rotation_deg"], 35, atol=6)
    assert found["alignment"]["accuracy_after"] > found["alignment"]["accuracy_before"]
    assert found["alignment"]["with_source_labels"] is None  # of a batch too small for it
