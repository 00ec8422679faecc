"""One class is left out, and looked for among rows of the others."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from sklearn.utils import Bunch

from benchmarks.anomaly.faces import load_patched
from skmimic import datasets
from skmimic.detection import NormalImages

__all__ = ["CLASSES", "LOADERS", "SPLITS", "Task", "as_images", "draw_task"]


def load_sample(subset):
    """Load the digits that ship with the package, the last quarter as test part, to try the benchmark without data."""
    digits = datasets.load_mnist_sample()
    part = slice(1500, None) if subset == "test" else slice(1500)
    return Bunch(images=digits.images[part], target=digits.target[part])


LOADERS = {
    "mnist": datasets.load_mnist,
    "fashion_mnist": datasets.load_fashion_mnist,
    "usps": datasets.load_usps,
    "pneumonia": datasets.load_pneumonia,
    "celeba_patch": load_patched,
    "mnist_sample": load_sample,
}
CLASSES = dict.fromkeys(LOADERS, tuple(range(10))) | {"pneumonia": (1,), "celeba_patch": (1,)}  # to be left out
SPLITS = ("random", "official")
SHARE = (
    0.8  # of the normal rows of the training part, from which memory and held-out rows are drawn, if split at random
)
MOST_HELD_OUT = 0.2  # of these, where there are few


@dataclass(frozen=True)
class Task:
    """Rows (n, h, w) or (n, c, h, w) of bytes.

    Attributes
    ----------
    normal, held_out : ndarray
        What may be learned from, and what thresholds are set by.
    fresh, strange : ndarray
        Normal rows and those of the class that was left out, to be told apart.
    seed : int
    name : str
        Tells which rows may be learned from; networks that are trained on them are kept under it.
    """

    normal: np.ndarray
    held_out: np.ndarray
    fresh: np.ndarray
    strange: np.ndarray
    seed: int = 0
    name: str = "task"

    @cached_property
    def normals(self):
        """What "mimic auto" learns; the other scores take its memory, so their `seconds_fit` is of calibration."""
        return NormalImages.fit(as_images(self.normal), as_images(self.held_out))


def as_images(rows):
    """Turn rows of bytes, (n, h, w) or (n, c, h, w), into images (n, c, h, w) in [0, 1]."""
    images = torch.from_numpy(rows)
    return (images if images.ndim == 4 else images[:, None]).float() / 255


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
    train = LOADERS[data]("train")
    others = random.permutation(np.flatnonzero(train.target != left_out))
    known = others[: int(SHARE * len(others))] if split == "random" else others
    test = LOADERS[data]("test") if split == "official" else train
    fresh = random.permutation(np.flatnonzero(test.target != left_out)) if split == "official" else others[len(known) :]
    strange = random.permutation(np.flatnonzero(test.target == left_out))
    n_held_out = min(held_out, int(MOST_HELD_OUT * len(known)))
    return Task(
        train.images[known[n_held_out:][:memory]],
        train.images[known[:n_held_out]],
        test.images[fresh[:rows]],
        test.images[strange[:rows]],
        seed,
        f"{data}_{split}_without_{left_out}_seed_{seed}_{memory}_{held_out}",
    )
