"""Entry of the command line: run a command, and turn what goes wrong into one line and an exit status."""

import contextlib
import os
import shlex
import sys
from importlib import import_module

from ._console import CommandError, complain, show, warnings_as_lines
from ._parser import build_parser
from ._signals import interrupted_by_signals

__all__ = ["main"]

OK, BAD_USE, INTERRUPTED, BROKEN_PIPE = 0, 2, 130, 141


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    int
        Exit status: 0 done, 1 a model that does not pass `verify`, 2 a request that cannot be met (one line on standard
        error says why), 130 interrupted, 141 nobody reads the output any more.

    Examples
    --------
    >>> from skmimic.cli import main
    >>> main(["info", "no_such_model"])
    2
    """
    try:
        with interrupted_by_signals():
            return _run(argv)
    except KeyboardInterrupt as stop:
        complain("error", str(stop) or "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return BROKEN_PIPE
    except Exception as error:
        message = _message_for(error)
        if message is None:
            raise
        complain("error", message)
        _drop_output()
        return BAD_USE


def _run(argv):
    try:
        argv = sys.argv[1:] if argv is None else argv
        arguments = build_parser().parse_args(argv)
        arguments.command_line = shlex.join(["skmimic", *argv])
        command = import_module(f".{arguments.module}", __package__)
        with warnings_as_lines():
            status = command.run(arguments)
    except SystemExit as stop:  # argparse, after --help or its own error line
        status = stop.code or OK
    show()
    return status


def _message_for(error):
    """Say what the user can set right; None for an error of our own, which deserves its traceback."""
    from ..exceptions import SkmimicError

    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, (CommandError, SkmimicError, ValueError, OSError)):
        return str(error)
    if _is_out_of_memory(error):
        return "memory ran out. Try a smaller --batch-size or --n-adapt."
    return None


def _is_out_of_memory(error):
    if not isinstance(error, (MemoryError, RuntimeError)):
        return False
    from ..utils import is_out_of_memory

    return is_out_of_memory(error)


def _drop_output():
    """Keep the interpreter from writing at its end what could not be written now."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # a standard output that is no file, or closed
        descriptor = sys.stdout.fileno()
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
