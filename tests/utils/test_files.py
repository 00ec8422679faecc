"""atomic_write, replacing: the old file or the new one, whatever happens."""

import os
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest

from skmimic.utils import atomic_write, check_replaceable, replacing, replacing_folder
from tests.helpers import disk_for

posix = pytest.mark.skipif(os.name == "nt", reason="permissions, links and signals of POSIX")


@contextmanager
def umask(value):
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "model"
    for content in (b"old", b"", b"new" * 1000):
        atomic_write(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["model"]


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o137])
def test_a_new_file_or_folder_follows_the_umask(tmp_path, mask):
    with umask(mask):
        atomic_write(tmp_path / "model", b"x")
        with replacing_folder(tmp_path / "folder"):
            pass
        (tmp_path / "plain").write_bytes(b"x")
    assert mode_of(tmp_path / "model") == mode_of(tmp_path / "plain") == 0o666 & ~mask
    assert mode_of(tmp_path / "folder") == 0o777 & ~mask


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_what_is_replaced_keeps_its_permissions(tmp_path, mode):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    for path in tmp_path.iterdir():
        path.chmod(mode | 0o100)
    with replacing(tmp_path / "file") as stream:
        stream.write(b"new")
        [temporary] = tmp_path.glob(".file.*")
        assert mode_of(temporary) & ~mode == 0  # nobody may read it meanwhile who may not read the file
    with replacing_folder(tmp_path / "folder") as folder:
        (folder / "x").touch()
    assert [mode_of(path) for path in tmp_path.iterdir()] == [mode | 0o100] * 2
    assert (tmp_path / "folder" / "x").exists()


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "file")
    for content in (b"new", b"newer"):
        atomic_write(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "elsewhere" / "file").read_bytes() == content
    assert os.listdir(tmp_path / "elsewhere") == ["file"]


@posix
def test_what_is_not_a_file_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "protected").write_bytes(b"precious")
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("protected"))
    for name, words in {"folder": "folder", "pipe": "regular file", "protected": "write-protected"}.items():
        for write in (check_replaceable, lambda path: atomic_write(path, b"x")):
            with pytest.raises(OSError, match=words) as caught:
                write(tmp_path / name)
            assert caught.value.filename == str(tmp_path / name)
    with pytest.raises(OSError, match="regular file"):
        atomic_write("/dev/null", b"x")
    assert (tmp_path / "protected").read_bytes() == b"precious"
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe", "protected"]


@posix
@pytest.mark.parametrize("size", [10, 100_000])
def test_a_full_disk_is_named_and_leaves_the_old_file(tmp_path, size):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with disk_for(5), pytest.raises(OSError, match="model") as caught:
        atomic_write(path, b"x" * size)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model"]


def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    for name in ("x" * 255, "\u00e4" * 127):
        atomic_write(tmp_path / name, b"x")
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError("disk full"), OSError(28, "disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, step, error):
    path = tmp_path / "model"
    atomic_write(path, b"old")

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)) as caught:
        atomic_write(path, b"new")
    assert getattr(caught.value, "errno", None) is None or caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model"]


def test_an_error_of_the_body_stays_what_it_is(tmp_path):
    error = OSError(5, "of another file")
    for write in (replacing, replacing_folder):
        with pytest.raises(OSError, match="another") as caught, write(tmp_path / "x"):
            raise error
        assert caught.value is error
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    with pytest.raises(OSError, match="full"), replacing_folder(tmp_path / "full") as folder:
        (folder / "x").touch()
    assert os.listdir(tmp_path) == ["full"]
    assert os.listdir(tmp_path / "full") == ["precious"]


KILLED = """
import os, signal, sys
from skmimic.utils import atomic_write
setattr(os, sys.argv[2], lambda *args: os.kill(os.getpid(), signal.SIGKILL))
atomic_write(sys.argv[1], b"new")
"""


@posix
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
        check_replaceable(tmp_path / "no" / "model")
    with pytest.raises(FileNotFoundError) as caught:
        atomic_write(tmp_path / "no" / "model", b"x")
    assert caught.value.filename == str(tmp_path / "no" / "model")
