"""Models that the user names: bundled ones, or files."""

from pathlib import Path

from ..generators import Generator, bundled_names, load_gan
from ..generators._bundled import FOLDER
from ._console import CommandError

__all__ = ["load_model", "model_path"]


def load_model(name):
    """Load a bundled generator by its name, or one of a file.

    Parameters
    ----------
    name : str

    Returns
    -------
    Generator
    """
    return load_gan(name) if _is_bundled(name) else Generator.load(_existing(name))


def model_path(name):
    """Return the file of a bundled name or of a path.

    Parameters
    ----------
    name : str

    Returns
    -------
    pathlib.Path
    """
    return FOLDER / f"{name}.safetensors" if _is_bundled(name) else _existing(name)


def _is_bundled(name):
    return name in bundled_names() and not Path(name).is_file()


def _existing(name):
    path = Path(name)
    if not path.is_file():
        odd = "is a folder, not a model file" if path.is_dir() else "is not a regular file"
        problem = odd if path.exists() else "no such file"
        bundled = ", ".join(bundled_names()) or "none"
        raise CommandError(f"{name}: {problem}, and not a bundled name either (bundled: {bundled}).")
    return path
