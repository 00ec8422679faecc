"""Files and folders that are either whole or absent."""

import contextlib
import errno
import io
import os
import secrets
import shutil
import stat
from pathlib import Path

__all__ = ["atomic_write", "check_replaceable", "naming_errors", "replacing", "replacing_folder"]

LONGEST_NAME = 180  # bytes of the target's name that its temporary neighbour repeats; file systems allow 255 in all


def atomic_write(path, content):
    """Write bytes to a file so that a crash leaves the old file or the new one, never a part.

    Parameters
    ----------
    path : str or path-like
    content : bytes-like

    Raises
    ------
    OSError
        As `replacing`.
    """
    with replacing(path) as stream:
        stream.write(content)


@contextlib.contextmanager
def replacing(path):
    """Open a file for writing that takes its name when the body ends without an error.

    The bytes go to a temporary file beside the target, are flushed to the disk and renamed. A new file gets the
    permissions that the umask leaves, a replaced one keeps its own. A symbolic link stays one: its target is replaced.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    io.BufferedWriter

    Raises
    ------
    OSError
        With the name of the file: if the folder does not exist, cannot be written or is full, or if there is a folder,
        a device or a write-protected file of this name.
    """
    with naming_errors(path):
        target = Path(os.path.realpath(path))
        mode = _mode_of_file(target)
    temporary = _neighbour(target)
    try:
        with io.BufferedWriter(_NamedFile(temporary, path, 0o666 if mode is None else 0o600)) as stream:
            yield stream
            stream.flush()
            with naming_errors(path):
                os.fsync(stream.fileno())
        with naming_errors(path):
            if mode is not None:
                os.chmod(temporary, mode)
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def replacing_folder(path):
    """Make a folder that takes its name when the body ends without an error.

    Parameters
    ----------
    path : str or path-like
        New, or an empty folder.

    Yields
    ------
    pathlib.Path
        Folder beside it, to be filled.

    Raises
    ------
    OSError
        With the name of the folder: if it cannot be made there, or is not empty.
    """
    with naming_errors(path):
        target = Path(os.path.realpath(path))
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    temporary = _neighbour(target)
    try:
        with naming_errors(path):
            temporary.mkdir()
        yield temporary
        with naming_errors(path):
            if mode is not None:
                os.chmod(temporary, mode)
                if os.name == "nt":  # which does not rename over an empty folder
                    target.rmdir()
            os.replace(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(target.parent)


class _NamedFile(io.FileIO):
    """New file whose errors, such as a full disk, name the file that the user asked for."""

    def __init__(self, path, shown, mode):
        self.shown = shown
        with naming_errors(shown):
            super().__init__(path, "xb", opener=lambda name, flags: os.open(name, flags, mode))

    def write(self, content):
        with naming_errors(self.shown):
            return super().write(content)


@contextlib.contextmanager
def naming_errors(path):
    """Let errors of the system in the body, such as a full disk, name a file.

    Parameters
    ----------
    path : str or path-like
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def check_replaceable(path):
    """Refuse a file that `replacing` could not write, before the work that makes its content.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    OSError
        As `replacing`, as far as it can be told before.
    """
    with naming_errors(path):
        target = Path(os.path.realpath(path))
        _mode_of_file(target)
        if not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "its folder does not exist")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "its folder is write-protected")


def _mode_of_file(target):
    """Permissions of a file that may be replaced, None if there is none; raise OSError if it may not."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file")
    if not stat.S_ISREG(mode):  # renaming a file to /dev/null would replace the device
        raise OSError(errno.EINVAL, "is not a regular file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "is write-protected")
    return stat.S_IMODE(mode)


def _neighbour(target):
    """Name of a temporary file or folder beside a target, on the same disk."""
    name = target.name.encode(errors="ignore")[:LONGEST_NAME].decode(errors="ignore")
    return target.with_name(f".{name}.{secrets.token_hex(8)}.tmp")


def _sync_folder(folder):
    """Make the rename itself durable, where the system allows opening folders."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
