"""Pairs of domains: labelled source, target whose labels only judge, and the generator of the source."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from skmimic.corruptions import Compose, GaussianBlur, Invert, Normal, PerImage, Photometric, Rotation
from skmimic.datasets import load_digits_images, load_fashion_mnist, load_mnist, load_usps

__all__ = ["DIRECTIONS", "MORE", "PAIRS", "Pair", "load_pair", "model_path"]

SIDE = 16
MODELS = Path(__file__).parent / "models"
SPLIT_SEED, N_VALIDATION = 12345, 100
N_MORE_ROWS = 2000


@dataclass(frozen=True)
class Pair:
    """Two sets of images as rows of bytes, white on black, 16x16.

    Attributes
    ----------
    name : str
        "mnist->usps"
    X_source, X_target : ndarray (n, 256) uint8
    y_source, y_target : ndarray (n,)
    is_shuffled : bool
        Whether the target rows are in the random order already.
    """

    name: str
    X_source: np.ndarray
    y_source: np.ndarray
    X_target: np.ndarray
    y_target: np.ndarray
    is_shuffled: bool = False

    @property
    def order(self):
        """Random order of the target rows, always the same; the first hundred are the validation set."""
        n_rows = len(self.X_target)
        return np.arange(n_rows) if self.is_shuffled else np.random.default_rng(SPLIT_SEED).permutation(n_rows)

    @property
    def validation(self):
        """Target rows whose labels may be looked at; no reported accuracy contains them."""
        return self.order[:N_VALIDATION]

    def limited(self, n_rows):
        """Cut both sides to a random selection, for tries; the target keeps the validation set."""
        if n_rows is None:
            return self
        source = np.random.default_rng(SPLIT_SEED).permutation(len(self.X_source))[: max(n_rows, 1000)]
        target = self.order[: n_rows + N_VALIDATION]
        sides = self.X_source[source], self.y_source[source], self.X_target[target], self.y_target[target]
        return Pair(self.name, *sides, is_shuffled=True)


@dataclass(frozen=True)
class Domains:
    """How the arrays of a pair are read, and which generator belongs to it."""

    read: Callable
    generator: str


def _table_1(source, target):
    return *source("all", size=SIDE, return_X_y=True), *target("all", size=SIDE, return_X_y=True)


def _by_areas(load):
    """Let MNIST be shrunk by averages over areas, not bilinearly; USPS has the size already."""

    def loaded(subset, size, return_X_y):
        X, y = load(subset, return_X_y=True)
        side = round(X.shape[1] ** 0.5)
        images = (Image.fromarray(image) for image in X.reshape(-1, side, side))
        small = np.stack([np.asarray(image.resize((size, size), Image.Resampling.BOX)) for image in images])
        return small.reshape(len(X), -1), y

    return loaded


def _as_bytes(corruption, X):
    """Corrupt rows of bytes and give rows of bytes."""
    images = torch.from_numpy(X).float().reshape(-1, 1, SIDE, SIDE) / 127.5 - 1
    corrupted = (corruption(images).clamp(-1, 1) + 1) * 127.5
    return corrupted.round().to(torch.uint8).flatten(1).numpy()


def _shifted(load, corruption):
    """Training images as source, the first test images behind a corruption as target."""
    X, y = load("test", size=SIDE, return_X_y=True)
    return *load("train", size=SIDE, return_X_y=True), _as_bytes(corruption, X[:N_MORE_ROWS]), y[:N_MORE_ROWS]


def _to_digits():
    return *load_mnist("train", size=SIDE, return_X_y=True), *load_digits_images(SIDE, return_X_y=True)


DIRECTIONS = {
    "mnist->usps": Domains(partial(_table_1, load_mnist, load_usps), "mnist16"),
    "usps->mnist": Domains(partial(_table_1, load_usps, load_mnist), "usps16"),
}
MORE = {
    "mnist->digits": Domains(_to_digits, "mnist16"),
    "mnist->inverted": Domains(partial(_shifted, load_mnist, Invert()), "mnist16"),
    "mnist->recoloured": Domains(partial(_shifted, load_mnist, Photometric(gain=-0.5, bias=0.3)), "mnist16"),
    "mnist->rotated": Domains(
        partial(_shifted, load_mnist, PerImage(Rotation, degrees=Normal(20, 5), random_state=2024)), "mnist16"
    ),
    "fashion->photometric": Domains(
        partial(_shifted, load_fashion_mnist, Compose(GaussianBlur(0.7), Photometric(gain=0.6, bias=0.3))), "fashion16"
    ),
}
PAIRS = {**DIRECTIONS, **MORE}
BY_AREAS = {
    "mnist->usps": partial(_table_1, _by_areas(load_mnist), load_usps),
    "usps->mnist": partial(_table_1, load_usps, _by_areas(load_mnist)),
}


def model_path(name, seed):
    """Return where the generator of a pair with a training seed lies.

    Parameters
    ----------
    name : str
        Of the pair, "mnist->usps".
    seed : int

    Returns
    -------
    Path
    """
    return MODELS / f"{PAIRS[name].generator}_{seed}.safetensors"


def load_pair(name, by_areas=False):
    """Read the images of a pair.

    Parameters
    ----------
    name : {"mnist->usps", "usps->mnist"} or another of `PAIRS`
    by_areas : bool, default=False
        Shrink MNIST from 28x28 by averages over areas; for the first two only.

    Returns
    -------
    Pair
    """
    read = BY_AREAS[name] if by_areas else PAIRS[name].read
    return Pair(name, *read())
