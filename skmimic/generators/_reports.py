"""What a model file contains, and whether it works."""

import math
import os

import numpy as np

from ._format import open_model
from ._generator import Generator

__all__ = ["model_info", "verify_model"]

N_SAMPLES = 64
SLACK = 0.01  # of the range; rounding to half precision may step over a bound


def model_info(path):
    """Describe a model file, after checking it as `Generator.load` does.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict
        JSON: name, latent_dim, image_shape, data_range, prior, notes, fingerprint, sha256, size_bytes, and parts with
        architecture, config, n_values and stored dtypes of each network.

    Raises
    ------
    InvalidModelFileError
    FileNotFoundError
    """
    generator = Generator.load(path)
    with open_model(path) as (container, *_):
        facts, parts = container.configuration["facts"], container.configuration["parts"]
        described = {role: _part_info(role, part, container.declared) for role, part in parts.items()}
        known = {"fingerprint": generator.fingerprint, "sha256": container.sha256}
    return {**facts, "parts": described, **known, "size_bytes": os.path.getsize(path)}


def _part_info(role, part, declared):
    own = [entry for name, entry in declared.items() if name.startswith(f"{role}.")]
    dtypes = sorted({entry.dtype.name for entry in own})
    return {**part, "n_values": sum(math.prod(entry.shape) for entry in own), "dtypes": dtypes}


def verify_model(path):
    """Check a model file and try the generator.

    Are 64 of its images finite, in its range, and different?

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict
        ``ok`` is True when all of ``checks`` are; ``info`` is that of `model_info`.

    Raises
    ------
    InvalidModelFileError
        If the file cannot be loaded at all.
    FileNotFoundError
    """
    generator = Generator.load(path)
    images = generator.sample(N_SAMPLES, random_state=0)
    low, high = generator.data_range
    margin = SLACK * (high - low)
    checks = {
        "file": True,
        "images_finite": bool(np.isfinite(images).all()),
        "images_in_range": generator.is_linear or bool(images.min() >= low - margin and images.max() <= high + margin),
        "images_differ": bool(images.std(axis=0).mean() > SLACK * images.std()),
    }
    return {"ok": all(checks.values()), "checks": checks, "info": model_info(path)}
