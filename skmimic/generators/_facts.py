"""What is known about a generator besides its networks."""

import hashlib
import json
from numbers import Integral
from typing import Any, NamedTuple

from ..utils import Bounds

__all__ = ["Facts", "as_image_shape", "fingerprint_of", "is_positive_integer"]


class Facts(NamedTuple):
    """Description of a generator.

    Parameters
    ----------
    latent_dim : int
    image_shape : tuple of int
        Channels, height, width.
    data_range : Bounds
        Of the pixels that the module gives.
    prior : Prior
    name : str
    notes : dict
        JSON: what it was trained on, terms of use.
    adopts : tuple of str, default=()
        What a linear generator that was not told its range takes from the data that it is used on: "range" first;
        "latents" or "light" where latents are scaled to it, "origin" where their mean holds for bright images only.
    """

    latent_dim: int
    image_shape: tuple
    data_range: Bounds
    prior: Any
    name: str
    notes: dict
    adopts: tuple = ()

    def as_json(self):
        """Return a JSON dictionary."""
        known = {
            "latent_dim": self.latent_dim,
            "image_shape": list(self.image_shape),
            "data_range": list(self.data_range),
            "prior": self.prior.config,
            "name": self.name,
            "notes": self.notes,
        }
        return {**known, "adopts": list(self.adopts)} if self.adopts else known


def as_image_shape(image_shape):
    """Check an image shape; (H, W) becomes (1, H, W).

    Raises
    ------
    ValueError
        If it is not two or three positive integers.
    """
    try:
        sizes = tuple(image_shape)
    except TypeError:
        sizes = ()
    if len(sizes) not in (2, 3) or not all(is_positive_integer(size) for size in sizes):
        raise ValueError(f"image_shape must be (channels, height, width) or (height, width), got {image_shape!r}.")
    return (1,) * (3 - len(sizes)) + tuple(int(size) for size in sizes)


def is_positive_integer(value):
    """Whether a value is an integer (numpy's too, no bool) above zero."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def fingerprint_of(facts, parts, probe=b""):
    """Hash what decides the images: 16 hexadecimal digits of a sha256.

    Parameters
    ----------
    facts : Facts
        The name and the notes are left out.
    parts : dict of Part
    probe : bytes
        Some images of a module that no description says everything about.

    Returns
    -------
    str
    """
    digest = hashlib.sha256(probe)
    known = {**facts.as_json(), "parts": {name: part.description for name, part in parts.items()}}
    del known["name"], known["notes"]
    digest.update(json.dumps(known, sort_keys=True).encode())
    for name, part in sorted(parts.items()):
        for key, array in sorted(part.arrays.items()):
            digest.update(f"{name}.{key} {array.dtype.str} {array.shape}".encode())
            digest.update(array.data if array.flags.c_contiguous else array.tobytes())
    return digest.hexdigest()[:16]
