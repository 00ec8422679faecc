"""Where `--save-surrogate` writes the learned corruption."""

import json
from pathlib import Path

from ..surrogates import in_words
from ..utils import atomic_write
from ._console import CommandError

__all__ = ["check_target", "save_surrogate"]


def check_target(path):
    """Refuse a name for the saved corruption before any long work.

    Parameters
    ----------
    path : str
    """
    path = Path(path)
    if path.suffix.lower() not in (".npz", ".json") or not path.parent.is_dir() or path.is_dir():
        raise CommandError(f"--save-surrogate {path}: expected a .npz or .json file in a folder that exists.")


def save_surrogate(path, projector):
    """Write the learned corruption.

    Parameters
    ----------
    path : str
        A .npz can be loaded again; a .json says in human units what was found.
    projector : MimicGANProjector
    """
    if Path(path).suffix.lower() == ".npz":
        projector.save_adaptation(path)
        return
    found = projector.surrogate_.describe()
    atomic_write(path, (json.dumps({**found, "in_words": in_words(found)}, indent=2) + "\n").encode())
