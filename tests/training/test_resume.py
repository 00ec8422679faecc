"""A training that is cut off and goes on gives the bits of one that was left alone."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from skmimic.exceptions import InvalidModelFileError
from skmimic.training._dcgan import AdversarialRecipe
from tests.training.helpers import TRAININGS, same_networks, stripes, train

KILLED = """
import os, signal
from skmimic.training._dcgan import AdversarialRecipe
from tests.training.helpers import train

def die(progress):
    os.kill(os.getpid(), signal.SIGKILL)

train({method!r}, changes={{"n_epochs": 50, "max_steps": 50}}, checkpoint={path!r}, callback=die)
"""


def stop_at(step):
    """Callback that interrupts once a step has been reported."""

    def callback(progress):
        if progress.step >= step:
            raise KeyboardInterrupt

    return callback


@pytest.mark.parametrize("method", TRAININGS)
def test_resumed_training_has_the_same_bits(tmp_path, method):
    path = tmp_path / "checkpoint"
    whole = train(method, checkpoint=None)
    train(method, checkpoint=path, changes={"max_steps": 3})
    resumed = train(method, checkpoint=path)
    assert resumed.n_steps == whole.n_steps == 6
    assert same_networks(whole, resumed)


def test_odd_number_of_images_and_dense_networks_resume_too(tmp_path):
    images = torch.rand(45, 1, 1, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    path = tmp_path / "checkpoint"
    train(images=images, checkpoint=path, changes={"n_epochs": 1})
    assert same_networks(train(images=images), train(images=images, checkpoint=path))


def test_finished_training_is_not_trained_again(tmp_path):
    path = tmp_path / "checkpoint"
    first = train(checkpoint=path)
    written = path.stat().st_mtime_ns
    steps = []
    assert same_networks(first, train(checkpoint=path, callback=steps.append))
    assert steps == []
    assert path.stat().st_mtime_ns >= written


def test_seed_comes_from_the_checkpoint(tmp_path):
    path = tmp_path / "checkpoint"
    train(checkpoint=path, seed=7, changes={"max_steps": 2})
    assert same_networks(train(checkpoint=path, seed=None), train(seed=7))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_training_resumes(tmp_path):
    path = tmp_path / "checkpoint"
    script = KILLED.format(method="DCGAN", path=str(path))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]
    changes = {"n_epochs": 50, "max_steps": 60}
    assert same_networks(train(changes=changes), train(changes=changes, checkpoint=path))


def test_interrupt_leaves_a_checkpoint_and_is_raised_again(tmp_path):
    path = tmp_path / "checkpoint"
    changes = {"n_epochs": 60, "max_steps": 120, "checkpoint_every": 1000}
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=path, changes=changes, callback=stop_at(50))
    steps = []
    resumed = train(checkpoint=path, changes=changes, callback=lambda progress: steps.append(progress.step))
    assert steps == [100, 120]
    assert same_networks(train(changes=changes), resumed)


def test_control_c_waits_for_the_end_of_a_step(tmp_path):
    path = tmp_path / "checkpoint"
    before = signal.getsignal(signal.SIGINT)
    changes = {"n_epochs": 50, "max_steps": 90, "checkpoint_every": 1000}
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=path, changes=changes, callback=lambda progress: signal.raise_signal(signal.SIGINT))
    assert signal.getsignal(signal.SIGINT) is before
    assert same_networks(train(changes=changes), train(checkpoint=path, changes=changes))


def test_second_control_c_acts_at_once_and_leaves_the_last_whole_checkpoint(tmp_path, monkeypatch):
    path, changes = tmp_path / "checkpoint", {"n_epochs": 10, "checkpoint_every": 4}
    whole = train(changes=changes)

    def forge(self, generated):
        if path.exists():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return usual(self, generated)

    usual = AdversarialRecipe._forge
    with monkeypatch.context() as patched:
        patched.setattr(AdversarialRecipe, "_forge", forge)
        with pytest.raises(KeyboardInterrupt):
            train(changes=changes, checkpoint=path)
    assert same_networks(whole, train(changes=changes, checkpoint=path))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"changes": {"learning_rate": 5e-4}}, "settings"),
        ({"images": stripes(seed=5)}, "images"),
        ({"method": "VAE"}, "method"),
    ],
)
def test_checkpoint_of_another_training_is_refused(tmp_path, options, named):
    path = tmp_path / "checkpoint"
    train(checkpoint=path, changes={"max_steps": 1})
    with pytest.raises(ValueError, match=f"another training: .*{named}"):
        train(checkpoint=path, **options)


def damage(content):
    """Ways in which a file goes wrong."""
    yield b""
    yield content[: len(content) // 2]
    yield content[:20] + b"\xff" * 8 + content[28:]
    yield b"\x80\x04cos\nsystem\n(S'true'\ntR."


def test_damaged_checkpoint_is_named(tmp_path):
    path = tmp_path / "checkpoint"
    train(checkpoint=path, changes={"max_steps": 1})
    for content in damage(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InvalidModelFileError, match="not a whole checkpoint"):
            train(checkpoint=path)


def test_missing_folder_is_seen_before_the_work(tmp_path):
    steps = []
    with pytest.raises(FileNotFoundError):
        train(checkpoint=tmp_path / "nowhere" / "checkpoint", callback=steps.append)
    assert steps == []
