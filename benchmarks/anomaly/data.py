"""One class is left out, and looked for among rows of the others."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from skmimic import datasets
from skmimic.detection import NormalImages

__all__ = ["LOADERS", "SPLITS", "Task", "as_images", "draw_task"]

LOADERS = {"mnist": "load_mnist", "fashion_mnist": "load_fashion_mnist", "usps": "load_usps"}
SPLITS = ("random", "official")
SHARE = (
    0.8  # of the normal rows of the training part, from which memory and held-out rows are drawn, if split at random
)


@dataclass(frozen=True)
class Task:
    """Rows (n, h, w) of bytes.

    Attributes
    ----------
    normal, held_out : ndarray
        What may be learned from, and what thresholds are set by.
    fresh, strange : ndarray
        Normal rows and those of the class that was left out, to be told apart.
    """

    normal: np.ndarray
    held_out: np.ndarray
    fresh: np.ndarray
    strange: np.ndarray

    @cached_property
    def normals(self):
        """What "mimic auto" learns; the other scores take its memory, so their `seconds_fit` is of calibration."""
        return NormalImages.fit(as_images(self.normal), as_images(self.held_out))


def as_images(rows):
    """Turn rows (n, h, w) of bytes into images (n, 1, h, w) in [0, 1]."""
    return torch.from_numpy(rows)[:, None].float() / 255


def draw_task(data, split, left_out, seed, memory, held_out, rows):
    """Draw a task; fewer rows than asked for where there are no more.

    Parameters
    ----------
    data : str
        Of `LOADERS`.
    split : {"random", "official"}
        Whether new rows come from the training set, by the same writers, or from the test set.
    left_out, seed : int
    memory, held_out, rows : int
        How many normal rows to learn from and to hold out, and of new rows of each kind.

    Returns
    -------
    Task
    """
    random = np.random.default_rng([seed, left_out])
    train = _loaded(data, "train")
    others = random.permutation(np.flatnonzero(train.target != left_out))
    known = others[: int(SHARE * len(others))] if split == "random" else others
    test = _loaded(data, "test") if split == "official" else train
    fresh = random.permutation(np.flatnonzero(test.target != left_out)) if split == "official" else others[len(known) :]
    strange = random.permutation(np.flatnonzero(test.target == left_out))
    return Task(
        train.images[known[held_out:][:memory]],
        train.images[known[:held_out]],
        test.images[fresh[:rows]],
        test.images[strange[:rows]],
    )


def _loaded(data, subset):
    return getattr(datasets, LOADERS[data])(subset)
