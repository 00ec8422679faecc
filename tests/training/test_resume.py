"""A training that is cut off and goes on gives the bits of one that was left alone."""

import os
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.exceptions import InvalidModelFileError
from skmimic.generators import linear_generator
from skmimic.training._checkpoint import read_checkpoint, write_checkpoint
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


@cache
def small_checkpoint():
    """Bytes of a checkpoint of every kind of array, and a folder for damaged ones."""
    folder = Path(tempfile.mkdtemp())
    train(checkpoint=folder / "checkpoint", changes={"max_steps": 1})
    return (folder / "checkpoint").read_bytes(), folder


def is_refused_or_the_same(content):
    """Whether a damaged file is refused by name, or read as if it were whole."""
    whole, folder = small_checkpoint()
    (folder / "whole").write_bytes(whole)
    (folder / "damaged").write_bytes(content)
    try:
        tensors, identity, step = read_checkpoint(folder / "damaged")
    except InvalidModelFileError as error:
        return "damaged is not a whole checkpoint" in str(error)
    wanted = read_checkpoint(folder / "whole")
    same = all(torch.equal(tensors[name], tensor) for name, tensor in wanted[0].items())
    return same and (set(tensors), identity, step) == (set(wanted[0]), *wanted[1:])


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7), st.booleans())
def test_any_flipped_bit_is_refused(place, bit, in_header):
    content = bytearray(small_checkpoint()[0])
    size = 8 + int.from_bytes(content[:8], "little") if in_header else len(content)
    content[int(place * size)] ^= 1 << bit
    assert is_refused_or_the_same(content)


@given(st.floats(0, 1, exclude_max=True), st.binary(max_size=3))
def test_cut_off_and_appended_to(share, more):
    content = small_checkpoint()[0]
    assert is_refused_or_the_same(content[: int(share * len(content))] + more)
    assert is_refused_or_the_same(content + more)


def test_a_flipped_bit_of_a_weight_ends_the_training_with_a_named_error(tmp_path):
    path = tmp_path / "checkpoint"
    train(checkpoint=path, changes={"max_steps": 2})
    content = bytearray(path.read_bytes())
    content[-3] ^= 64
    path.write_bytes(content)
    with pytest.raises(InvalidModelFileError, match=r"checkpoint is not a whole .*sha256 does not match.*Delete it"):
        train(checkpoint=path)
    assert path.read_bytes() == content


def test_what_is_no_checkpoint_is_named_and_kept(tmp_path, registry_file):
    old = tmp_path / "old"
    safetensors.torch.save_file({"losses": torch.zeros(2)}, old, {"format": "skmimic-checkpoint-1", "step": "2"})
    (tmp_path / "pickle").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    words = {"old": "'skmimic-checkpoint-1'", "pickle": "pickle, which could run code", "model": "'skmimic-model'"}
    for name, reason in words.items():
        content = (tmp_path / name).read_bytes()
        with pytest.raises(InvalidModelFileError, match=f"{name} is not a whole checkpoint.*{reason}"):
            train(checkpoint=tmp_path / name)
        assert (tmp_path / name).read_bytes() == content


@pytest.fixture
def registry_file(tmp_path):
    """File of a generator where a checkpoint is expected."""
    linear_generator(np.eye(2, 64), np.zeros(64)).save(tmp_path / "model")


def test_arrays_of_another_training_under_a_right_checksum(tmp_path):
    path = tmp_path / "checkpoint"
    train(checkpoint=path, changes={"max_steps": 1})
    tensors, identity, step = read_checkpoint(path)
    for odd in ({"losses": tensors["losses"]}, {**tensors, "module/generator/extra": torch.zeros(1)}):
        write_checkpoint(path, identity, odd, step)
        with pytest.raises(InvalidModelFileError, match="not those of this training"):
            train(checkpoint=path)


def test_missing_folder_is_seen_before_the_work(tmp_path):
    steps = []
    with pytest.raises(FileNotFoundError):
        train(checkpoint=tmp_path / "nowhere" / "checkpoint", callback=steps.append)
    assert steps == []
