"""Signals that end a command: each becomes a KeyboardInterrupt, so that nothing half written stays behind."""

import signal
import threading
import time
from contextlib import contextmanager

__all__ = ["interrupted_by_signals", "naming_interruption"]

CLEARING_UP = 2.0  # seconds in which a second signal, as of an impatient Ctrl-C, does not disturb the clearing up


@contextmanager
def interrupted_by_signals():
    """Raise KeyboardInterrupt in the body at SIGINT, SIGTERM or SIGHUP.

    A signal that whoever started the process has switched off, or handles in a way of his own, stays so. Outside the
    main thread, where Python delivers no signals, this does nothing.
    """
    previous = {}
    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.getsignal(number) for number in _numbers()}
    usual = (signal.SIG_DFL, signal.default_int_handler)
    previous = {number: handler for number, handler in previous.items() if handler in usual}
    handle = _Handler()
    try:
        for number in previous:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _numbers():
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _Handler:
    """Raises at the first signal, and again at those that come when all should long be cleared up."""

    def __init__(self):
        self.first = None

    def __call__(self, number, frame):
        if self.first is None:
            self.first = time.monotonic()
        elif time.monotonic() - self.first < CLEARING_UP:
            return
        raise KeyboardInterrupt


@contextmanager
def naming_interruption(path):
    """Let an interruption of the body name the file that was to be written.

    Parameters
    ----------
    path : str or path-like
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"{path}: interrupted, not written") from stop
