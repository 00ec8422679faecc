"""The files that the user names: none is written that is also read, and none is written twice."""

import os
import unicodedata
from pathlib import Path

from ..utils import check_replaceable
from ._console import CommandError

__all__ = ["check_file", "check_places"]


def check_file(option, path, suffixes=None):
    """Refuse a file that cannot be written, before any long work.

    Parameters
    ----------
    option : str
        That named it, for messages.
    path : str
    suffixes : tuple of str or None, default=None
        Possible endings; None takes any.
    """
    path = Path(path)
    is_of_kind = suffixes is None or path.suffix.lower() in suffixes
    if not is_of_kind or not path.parent.is_dir() or path.is_dir():
        kind = f"{' or '.join(suffixes)} file" if suffixes else "file"
        raise CommandError(f"{option} {path}: expected a {kind} in a folder that exists.")
    check_replaceable(path)


def check_places(outputs, inputs=None):
    """Refuse outputs that are one file, or lie in one another, whatever their spelling and whatever links lead there.

    Parameters
    ----------
    outputs, inputs : dict of str to str or None
        By what the user calls them; None for what was not named.

    Raises
    ------
    CommandError
    """
    outputs = {name: path for name, path in outputs.items() if path is not None}
    inputs = {name: path for name, path in (inputs or {}).items() if path is not None and os.path.exists(path)}
    written = list(outputs.items())
    for index, (name, path) in enumerate(written):
        for other, known in (*inputs.items(), *written[:index]):
            relation = _relation(_real(path), _real(known))
            if relation is not None:
                raise CommandError(f"{name} {path}: {relation} {other} {known}. Choose another place.")


def _real(path):
    return Path(os.path.realpath(path))


def _relation(one, other):
    if _is_same(one, other):
        return "is the same file as"
    if any(_is_same(parent, other) for parent in one.parents):
        return "lies in"
    return "is a folder around" if any(_is_same(one, parent) for parent in other.parents) else None


def _is_same(one, other):
    """Whether two paths lead to one file; where none exists yet, whether they would."""
    exist = one.exists(), other.exists()
    if all(exist):
        return os.path.samefile(one, other)  # also hard links, and names in other cases where the disk ignores case
    if any(exist) or _folded(one.name) != _folded(other.name):
        return False
    return _is_same(one.parent, other.parent)


def _folded(name):
    """What file systems that ignore case and composition of letters make of a name."""
    return unicodedata.normalize("NFC", name).casefold()
