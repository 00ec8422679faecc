"""What the user reads: one line for an error or a warning, sentences and a counter for progress."""

import contextlib
import sys
import time
import warnings
from contextlib import contextmanager

__all__ = ["CommandError", "Progress", "complain", "plain", "show", "warnings_as_lines"]

REPEAT_AFTER = 10.0  # seconds between two counts where lines stay, as in a log file


class CommandError(Exception):
    """Something that the user can set right; shown as one line, exit status 2."""


def plain(text):
    """Return a text on one line and without control characters, which could steer the terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def show(*lines):
    """Write lines on standard output, at once; letters that its encoding lacks are escaped.

    Raises
    ------
    OSError
        With the name "standard output", if it cannot be written.
    """
    stream = sys.stdout
    if stream is None:  # closed by whoever started the process
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = "".join(f"{line}\n" for line in lines)
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


def complain(kind, message):
    """Write one line on standard error."""
    _write_error(f"skmimic: {kind}: {plain(message)}\n")


def _write_error(text):
    """Write on standard error; where nobody reads it or nothing can be written, the work goes on."""
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: it is closed, that is None
        sys.stderr.write(text)
        sys.stderr.flush()


@contextmanager
def warnings_as_lines():
    """Show each warning once and as one line; those of skmimic always."""
    from ..exceptions import SkmimicWarning

    seen = set()

    def show(message, category, filename, lineno, file=None, line=None):
        if (category, filename, lineno) not in seen:
            seen.add((category, filename, lineno))
            complain("warning", message)

    with warnings.catch_warnings():
        warnings.simplefilter("always", SkmimicWarning)
        warnings.showwarning = show
        yield


class Progress:
    """Progress on standard error: in one line on a terminal, now and then a line elsewhere.

    Parameters
    ----------
    is_quiet : bool, default=False
        Whether to say nothing.
    """

    def __init__(self, is_quiet=False):
        self.is_quiet, self.is_terminal = is_quiet, sys.stderr is not None and sys.stderr.isatty()
        self.start = self.last = time.monotonic()

    def say(self, sentence):
        """Report a piece of work."""
        if not self.is_quiet:
            _write_error(f"{plain(sentence)}\n")

    def count(self, done, total, what):
        """Report how many of all are done, with the time that is left."""
        now, is_last = time.monotonic(), done == total
        if self.is_quiet or not (self.is_terminal or is_last or now - self.last > REPEAT_AFTER):
            return
        self.last = now
        speed = done / max(now - self.start, 1e-9)
        left = f"{now - self.start:.0f} s" if is_last else f"{(total - done) / speed:.0f} s left"
        line = f"{done} of {total} {what}, {speed:.0f} a second, {left}"
        end = "\n" if is_last or not self.is_terminal else ""
        _write_error((f"\r\033[K{line}" if self.is_terminal else line) + end)
