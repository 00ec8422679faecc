"""`skmimic info`: what a model file contains."""

import json

from ..generators import model_info
from ._console import plain, show
from ._models import model_path

__all__ = ["run"]


def run(arguments):
    """Print the facts of a model file.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    int
        Exit status.
    """
    path = model_path(arguments.model)
    info = model_info(path)
    if arguments.json:
        show(json.dumps(info, indent=2, sort_keys=True))
        return 0
    facts = (f"  {plain(name).replace('_', ' '):<15}{plain(value)}" for name, value in _facts(info))
    show(f"{plain(info['name'])} ({plain(path.name)})", *facts)
    return 0


def _facts(info):
    """Name and value of each line."""
    channels, height, width = info["image_shape"]
    kind = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    low, high = info["data_range"]
    yield "images", f"{height}x{width} pixels, {kind}, values from {low:g} to {high:g}"
    yield "latents", f"{info['latent_dim']}, {_prior(info['prior'])}"
    for role, part in info["parts"].items():
        yield role, f"{part['architecture']}, {part['n_values']:,} values as {', '.join(part['dtypes'])}"
    yield from sorted(info["notes"].items(), reverse=True)
    yield "fingerprint", info["fingerprint"]
    yield "sha256", info["sha256"]
    yield "size", f"{info['size_bytes']:,} bytes"


def _prior(prior):
    if prior.get("kind") == "box":
        return f"uniform between {prior['low']:g} and {prior['high']:g}"
    return str(prior.get("kind"))
