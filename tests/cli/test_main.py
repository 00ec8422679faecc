"""The entry: help, exit statuses, one line for what goes wrong."""

import contextlib
import io
import signal
import subprocess
import sys
import time
import warnings

import pytest

import skmimic
from skmimic.cli import _info, main
from skmimic.cli._console import Progress, show
from skmimic.cli._parser import SCORES, SOLVERS
from skmimic.engine import SOLVERS as ENGINE_SOLVERS
from skmimic.exceptions import DataRangeWarning, NotFiniteError
from skmimic.utils import replacing

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and devices of POSIX")


def run_process(*argv, **keywords):
    return subprocess.run([sys.executable, "-m", "skmimic.cli", *argv], capture_output=True, text=True, **keywords)


def info_does(monkeypatch, action):
    """Let the command `info` do something else."""
    monkeypatch.setattr(_info, "run", lambda arguments: action())


def raising(error):
    def action():
        raise error

    return action


def test_version(command):
    assert command("--version") == (0, f"skmimic {skmimic.__version__}\n", "")


@pytest.mark.parametrize(
    "argv", [["--help"], ["demo", "--help"], ["project", "--help"], ["detect", "--help"], ["info", "-h"]]
)
def test_help_goes_to_standard_output(command, argv):
    status, out, err = command(*argv)
    assert (status, err) == (0, "")
    assert "usage: skmimic" in out


def test_help_loads_nothing_heavy():
    code = "import sys; from skmimic.cli import main; main(['--help']); print({'torch', 'numpy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "set()"


def test_as_a_module():
    result = run_process("--version")
    assert (result.returncode, result.stdout) == (0, f"skmimic {skmimic.__version__}\n")
    assert run_process("nonsense").returncode == 2


def test_the_parser_knows_the_solvers_of_the_engine():
    assert SOLVERS == ENGINE_SOLVERS


def test_the_parser_knows_the_scores_of_the_detector():
    (scores,) = skmimic.MimicAnomalyDetector._parameter_constraints["score_by"]
    assert set(SCORES) == scores.options


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["info"], ["--nonsense"], ["demo", "--seed", "x"]])
def test_wrong_arguments_are_refused_in_one_line(refused, argv):
    assert "--help" in refused(*argv)


def test_an_interruption(monkeypatch, command):
    info_does(monkeypatch, raising(KeyboardInterrupt()))
    assert command("info", "x") == (130, "", "skmimic: error: interrupted\n")


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file or directory", "x.npy"),
        ValueError("of\ntwo lines"),
        NotFiniteError("objective is NaN"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
    ],
)
def test_what_the_user_can_set_right_is_one_line(monkeypatch, refused, error):
    info_does(monkeypatch, raising(error))
    refused("info", "x")


@pytest.mark.parametrize("error", [RuntimeError("a bug"), TypeError("a bug"), AssertionError()])
def test_our_own_errors_keep_their_traceback(monkeypatch, error):
    info_does(monkeypatch, raising(error))
    with pytest.raises(type(error)):
        main(["info", "x"])


def test_warnings_are_lines_and_come_once(monkeypatch, command):
    def action():
        for value in range(3):
            warnings.warn(f"X goes to {value},\nbeyond", DataRangeWarning, stacklevel=1)
        return 0

    info_does(monkeypatch, action)
    assert command("info", "x") == (0, "", "skmimic: warning: X goes to 0, beyond\n")


def test_filters_of_warnings_come_back(monkeypatch, command):
    filters, show = list(warnings.filters), warnings.showwarning
    info_does(monkeypatch, lambda: 0)
    command("info", "x")
    assert (warnings.filters, warnings.showwarning) == (filters, show)


def test_control_characters_do_not_reach_the_terminal(refused):
    assert "\x1b" not in refused("info", "\x1b[31mred\x1b[0m\r\n")


def test_a_broken_pipe_is_quiet(model):
    process = subprocess.Popen(
        [sys.executable, "-m", "skmimic.cli", "info", model], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert process.wait() == 141
    assert process.stderr.read() == ""
    process.stderr.close()


@posix
def test_streams_that_are_closed_do_not_disturb():
    code = "from skmimic.cli._console import *; from skmimic.cli import main; show('x'); Progress().say('x'); "
    code += "complain('warning', 'x'); raise SystemExit(main(['--help']))"
    assert subprocess.run(f'"{sys.executable}" -c "{code}" >&- 2>&-', shell=True).returncode == 0


@posix
def test_a_full_disk_under_standard_output_is_one_line():
    with open("/dev/full", "w") as full:
        argv = [sys.executable, "-m", "skmimic.cli", "--help"]
        result = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (2, "skmimic: error: standard output: No space left on device\n")


@posix
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_full_streams(monkeypatch, command, name):
    """A full standard output ends the command; progress that cannot be shown does not."""
    info_does(monkeypatch, lambda: show("x") or Progress().say("x") or 0)
    with open("/dev/full", "w") as full:
        with monkeypatch.context() as patched:
            patched.setattr(sys, name, full)
            status = main(["info", "x"])
        with contextlib.suppress(OSError):
            full.close()
    assert status == (2 if name == "stdout" else 0)


def test_letters_that_the_output_lacks_are_escaped(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    show("na\u00efve \udcff")
    assert stream.buffer.getvalue() == b"na\\xefve \\udcff\n"


@pytest.fixture
def heeded():
    """Signals as a terminal sets them; under nohup and behind "&" they are ignored from the start."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@posix
@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_are_interruptions_for_the_time_of_a_command(monkeypatch, command, name):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    info_does(monkeypatch, lambda: signal.raise_signal(number) or 0)
    assert command("info", "x") == (130, "", "skmimic: error: interrupted\n")
    assert signal.getsignal(number) is before


@posix
@pytest.mark.usefixtures("heeded")
def test_a_second_signal_does_not_disturb_the_clearing_up(monkeypatch, command, tmp_path):
    def action():
        with replacing(tmp_path / "out"):
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGTERM)

    info_does(monkeypatch, action)
    assert command("info", "x")[0] == 130
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_signal_that_is_switched_off_stays_so(monkeypatch, command):
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        info_does(monkeypatch, lambda: signal.raise_signal(signal.SIGHUP) or 0)
        assert command("info", "x")[0] == 0
    finally:
        signal.signal(signal.SIGHUP, previous)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_work_leaves_no_half_file(model, tmp_path, number):
    import numpy as np

    rows = np.random.default_rng(0).uniform(-1, 1, (20_000, 64)).astype(np.float32)
    np.save(tmp_path / "in.npy", rows)
    out = str(tmp_path / "out.npy")
    argv = ["project", str(tmp_path / "in.npy"), out, "--gan", model, "--surrogate", "identity"]
    process = subprocess.Popen(
        [sys.executable, "-m", "skmimic.cli", *argv],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which shells switch off in the background
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".out.npy.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines()[-1] == f"skmimic: error: {out}: interrupted, not written"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.npy", "tiny.safetensors"]
