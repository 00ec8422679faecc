"""What the user reads: one line for an error or a warning, sentences and a counter for progress."""

import sys
import time
import warnings
from contextlib import contextmanager

__all__ = ["CommandError", "Progress", "complain", "plain", "warnings_as_lines"]

REPEAT_AFTER = 10.0  # seconds between two counts where lines stay, as in a log file


class CommandError(Exception):
    """Something that the user can set right; shown as one line, exit status 2."""


def plain(text):
    """Return a text on one line and without control characters, which could steer the terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def complain(kind, message):
    """Write one line on standard error."""
    print(f"skmimic: {kind}: {plain(message)}", file=sys.stderr, flush=True)


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
        self.is_quiet, self.is_terminal = is_quiet, sys.stderr.isatty()
        self.start = self.last = time.monotonic()

    def say(self, sentence):
        """Report a piece of work."""
        if not self.is_quiet:
            print(plain(sentence), file=sys.stderr, flush=True)

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
        print(f"\r\033[K{line}" if self.is_terminal else line, end=end, file=sys.stderr, flush=True)
