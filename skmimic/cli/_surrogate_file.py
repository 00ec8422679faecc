"""Where `--save-surrogate` writes the learned corruption."""

import json
from pathlib import Path

from ..surrogates import in_words
from ..utils import atomic_write

__all__ = ["save_surrogate"]


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
