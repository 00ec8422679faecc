"""Simple controls: distances to normal rows, and what 30 principal components leave."""

import numpy as np
import torch
from sklearn.decomposition import PCA

from benchmarks.anomaly.data import as_images

__all__ = ["NEIGHBOURS", "N_COMPONENTS", "flat"]

N_COMPONENTS = 30
N_NEIGHBOURS = 5
ROWS_TOGETHER = 500


def flat(images):
    """Turn rows of bytes into a tensor (n, p) in [0, 1]."""
    return as_images(images).flatten(1)


def cosine(task):
    """Minus the mean cosine to the five nearest."""
    known = _units(flat(task.normal)).T.contiguous()
    return _by_parts(lambda rows: -(_units(rows) @ known).topk(N_NEIGHBOURS, dim=1).values.mean(1))


def pixels(task):
    """Euclidean distance to the nearest."""
    known = flat(task.normal)
    return _by_parts(lambda rows: torch.cdist(rows, known).min(dim=1).values)


def over_ink(task):
    """Distance to the nearest over a power of the ink, the sum of the pixels.

    A bold row is far from all others, a thin one near to blank. The power is the slope of log distance against log ink
    on held-out normals, so that among normals the score does not depend on the ink. A fixed power of one would make
    thin rows strange instead.
    """
    distance = pixels(task)
    slope = np.polyfit(np.log(_ink(task.held_out)), _logs(distance(task.held_out)), 1)[0]
    return lambda rows: _logs(distance(rows)) - slope * np.log(_ink(rows))


def components(task):
    """Norm of what the components of the normals do not explain."""
    known = flat(task.normal).double()
    fitted = PCA(N_COMPONENTS, random_state=0).fit(known.numpy())
    mean, kept = torch.from_numpy(fitted.mean_), torch.from_numpy(fitted.components_).T
    return _by_parts(lambda rows: ((rows.double() - mean) - (rows.double() - mean) @ kept @ kept.T).norm(dim=1))


def _by_parts(score):
    return lambda rows: np.concatenate([score(part).numpy() for part in flat(rows).split(ROWS_TOGETHER)])


def _units(rows):
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-6)


def _ink(rows):
    return flat(rows).sum(1).double().numpy() + 1  # blank rows have a logarithm, too


def _logs(distances):
    return np.log(np.maximum(distances, 1e-6))


NEIGHBOURS = {
    "cosine 5-NN": cosine,
    "pixel 1-NN": pixels,
    "1-NN over ink": over_ink,
    "PCA-30 residual": components,
}
