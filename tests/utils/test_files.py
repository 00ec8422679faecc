"""atomic_write: the old file or the new one, whatever happens."""

import os
import stat
import subprocess
import sys

import pytest

from skmimic.utils import atomic_write


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "model"
    for content in (b"old", b"", b"new" * 1000):
        atomic_write(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["model"]


def test_file_is_readable_by_others(tmp_path):
    atomic_write(tmp_path / "model", b"x")
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, step, error):
    path = tmp_path / "model"
    atomic_write(path, b"old")

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model"]


KILLED = """
import os, signal, sys
from skmimic.utils import atomic_write
setattr(os, sys.argv[2], lambda *args: os.kill(os.getpid(), signal.SIGKILL))
atomic_write(sys.argv[1], b"new")
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_kill_leaves_the_old_file(tmp_path, step):
    path = tmp_path / "model"
    atomic_write(path, b"old")
    result = subprocess.run([sys.executable, "-c", KILLED, str(path), step])
    assert result.returncode == -9
    assert path.read_bytes() == b"old"


def test_data_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    steps = []
    real = {step: getattr(os, step) for step in ("fsync", "replace")}
    for step in real:

        def note(*args, step=step):
            steps.append(step)
            return real[step](*args)

        monkeypatch.setattr(os, step, note)
    atomic_write(tmp_path / "model", b"x")
    assert steps[:2] == ["fsync", "replace"]


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "no" / "model", b"x")
