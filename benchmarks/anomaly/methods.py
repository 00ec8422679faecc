"""What is compared: each method learns from normal rows and gives new ones a score, higher is stranger."""

import numpy as np
import torch

from benchmarks.anomaly.data import as_images
from skmimic.detection import MatchSettings, NormalImages

__all__ = ["METHODS", "OURS"]

N_COMPONENTS = 30
OURS = {"mimic auto": "auto", "mimic edges": "edges", "raw 3-NN": "raw", "patches": "patches"}
ROWS_TOGETHER = 500


def _ours(score):
    def learn(task):
        normals = task.normals
        if score != "auto":  # the same memory, so only calibrated
            normals = NormalImages(normals.memory, as_images(task.held_out), MatchSettings(score))
        return lambda rows: normals.scores(rows[:, None])

    return learn


def _flat(images):
    return torch.from_numpy(images.reshape(len(images), -1)).float() / 255


def _by_parts(score):
    return lambda rows: np.concatenate([score(part).numpy() for part in _flat(rows).split(ROWS_TOGETHER)])


def _units(rows):
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-6)


def _cosine(task):
    known = _units(_flat(task.normal)).T.contiguous()
    return _by_parts(lambda rows: -(_units(rows) @ known).topk(5, dim=1).values.mean(1))


def _pixels(task):
    known = _flat(task.normal)
    return _by_parts(lambda rows: torch.cdist(rows, known).min(dim=1).values)


def _components(task):
    known = _flat(task.normal).double()  # in single precision the decomposition may not converge
    mean = known.mean(0)
    _, vectors = torch.linalg.eigh(torch.cov(known.T))
    kept = vectors[:, -N_COMPONENTS:]
    return _by_parts(lambda rows: ((rows.double() - mean) - (rows.double() - mean) @ kept @ kept.T).norm(dim=1))


METHODS = {name: _ours(score) for name, score in OURS.items()} | {
    "cosine 5-NN": _cosine,
    "pixel 1-NN": _pixels,
    "PCA-30 residual": _components,
}
