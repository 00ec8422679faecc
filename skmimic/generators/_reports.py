"""What a model file contains, and whether it works."""

import os

import numpy as np

from ._container import unpack
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
    configuration, arrays, sha256 = unpack(path)
    parts = {role: _part_info(role, part, arrays) for role, part in configuration["parts"].items()}
    known = {"fingerprint": generator.fingerprint, "sha256": sha256, "size_bytes": os.path.getsize(path)}
    return {**configuration["facts"], "parts": parts, **known}


def _part_info(role, part, arrays):
    own = [array for name, array in arrays.items() if name.startswith(f"{role}.")]
    dtypes = sorted({array.dtype.name for array in own})
    return {**part, "n_values": int(sum(array.size for array in own)), "dtypes": dtypes}


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
