"""Generators that come with the package."""

import threading
from pathlib import Path

from ._generator import Generator

__all__ = ["bundled_names", "load_gan"]

FOLDER = Path(__file__).parent / "pretrained"
_lock = threading.Lock()
_loaded: dict[str, Generator] = {}


def bundled_names():
    """List the names that `load_gan` knows.

    Returns
    -------
    list of str
    """
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def load_gan(name):
    """Load a bundled generator, offline.

    Parameters
    ----------
    name : str
        "mnist" gives digits of 28x28, "mnist16" of 16x16 pixels; both trained on MNIST (CC BY-SA 3.0).

    Returns
    -------
    Generator
        The same object at every call.

    Raises
    ------
    ValueError
        If there is no generator of this name.
    """
    if name not in bundled_names():
        raise ValueError(
            f"load_gan: no bundled generator is called {name!r}; there are {', '.join(bundled_names()) or 'none'}. "
            "A file of your own is read with Generator.load(path)."
        )
    with _lock:
        if name not in _loaded:
            _loaded[name] = Generator.load(FOLDER / f"{name}.safetensors")
        return _loaded[name]
