"""A child that was forked after torch had started its threads would hang; it is told so instead."""

import contextlib
import os
import signal
import threading
import time
import warnings
from pathlib import Path

import torch

from ..exceptions import ForkError

__all__ = ["refuse_fork"]

PATIENCE = 5.0  # seconds for a task of a millisecond; a child whose threads are gone never ends it
N_PROBED = 2**18  # numbers, eight times what torch gives to one thread
FORKED_WITHOUT_EXEC = 0x40  # PF_FORKNOEXEC among the flags that Linux keeps of a process

_computed_in = None  # the process in which skmimic has computed
_is_in_doubt = False  # whether this process was forked and nobody has looked yet whether torch's threads are alive
_hangs = False


def _note_fork():
    global _is_in_doubt
    _is_in_doubt = True


def _was_forked():
    """Whether this process was forked from one that had not imported skmimic; where nothing is told, False."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        flags = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[6]
        return bool(int(flags) & FORKED_WITHOUT_EXEC)
    return False


if hasattr(os, "register_at_fork"):
    _is_in_doubt = _was_forked()
    os.register_at_fork(after_in_child=_note_fork)


def refuse_fork():
    """Raise ForkError in a child forked after torch had started threads, which did not survive: it would hang.

    Call it before computing. Whether skmimic had computed in the parent is known. Whether the caller's own torch had
    is not, so a forked child tries it out, once, in a child of its own. Torch with one thread does not hang.
    """
    global _computed_in, _is_in_doubt, _hangs
    if _is_in_doubt and threading.current_thread() is threading.main_thread():  # others are new, and so are their pools
        _hangs, _is_in_doubt = _computed_in is None and _would_hang(), False
    if _hangs or _computed_in not in (None, os.getpid()):
        raise ForkError(
            "this process was forked from one that had already used torch; its threads are gone and the computation "
            "would hang. Start workers with 'spawn', 'forkserver' or joblib's default backend 'loky', or fork before "
            "torch computes."
        )
    _computed_in = os.getpid()


def _would_hang():
    """Let a child of this process share a task among torch's threads, and see whether it ends."""
    if torch.get_num_threads() == 1:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks from processes with threads: this is the test
        child = os.fork()
    if child == 0:
        try:
            torch.empty(N_PROBED, dtype=torch.float32, device="cpu").fill_(1.0)
        finally:
            os._exit(0)
    has_ended = False
    try:
        has_ended = _ends(child)
    finally:
        if not has_ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return not has_ended


def _ends(child):
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(ChildProcessError):  # somebody else has reaped it
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
    return True
