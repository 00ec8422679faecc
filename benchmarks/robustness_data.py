"""Held-out images of the robustness benchmark, the generators they are projected onto, and what they went through."""

from dataclasses import dataclass, field
from functools import lru_cache
from math import cos, radians, sin
from pathlib import Path

import numpy as np
import torch

from skmimic import Generator, load_gan
from skmimic.corruptions import (
    BlockLoss,
    Compose,
    GaussianBlur,
    Invert,
    MissingPixels,
    Noise,
    Normal,
    PerImage,
    Photometric,
    Rotation,
    Zoom,
)
from skmimic.datasets import load_celeba, load_lfw, load_mnist

__all__ = [
    "DATA",
    "FIGURE_5",
    "SWEPT",
    "Batch",
    "Level",
    "generator_of",
    "held_out",
    "level_of",
    "levels_of",
    "model_path",
    "scaled",
    "training_digits",
]

MODELS = Path(__file__).parent / "models"
N_FACES = 500  # faces at the end of each set that no generator has seen
DATA = ("mnist", "celeba", "lfw")
FACES = {"celeba": load_celeba, "lfw": load_lfw}
SWEPT = {"rotation": "rotation, degrees", "zoom_out": "zoom out", "missing": "missing pixels, %", "zoom_in": "zoom in"}
FIGURE_5 = ("rotation_30", "zoom_out_0.7", "missing_40", "zoom_in_1.4")
GREY, INK = 0.0, -1.0  # values that missing pixels take


def same(images):
    """Leave images as they are."""
    return images


@dataclass(frozen=True)
class Level:
    """A corruption at one strength.

    Attributes
    ----------
    group : str
        Levels of one group differ in strength only.
    strength : float
        The x of Figure 4.
    f : callable
        The corruption.
    known : callable
        What the oracle is told: `f`, but for noise nothing, since nobody can know its values.
    truth : dict
        Parameters that the surrogate is to find, by the names of `FittedSurrogate.describe`.
    unmasked : callable or None
        The corruption without its mask where all images lose the same pixels, else None.
    limit : str
        Which acceptance limit holds: "clean", "exact", "other" or "combined".
    """

    group: str
    strength: float
    f: object
    known: object
    truth: dict = field(default_factory=dict)
    unmasked: object = None
    limit: str = "other"


@dataclass(frozen=True)
class Batch:
    """Clean images (n, c, h, w) in [-1, 1], float32, with their labels or None."""

    images: np.ndarray
    labels: np.ndarray | None

    def corrupted(self, f):
        """Send all images through a corruption."""
        return f(torch.from_numpy(self.images)).numpy()


def _turn(degrees, crop):
    zoom = abs(cos(radians(degrees))) + abs(sin(radians(degrees))) if crop else 1.0
    return Rotation(degrees, crop=crop), {"rotation_deg": degrees, "scale": zoom}


def _rotations(is_digit):
    for degrees in (10, 20, 30, 40, *([60] if is_digit else [])):
        f, truth = _turn(degrees, crop=not is_digit)
        yield f"rotation_{degrees}", Level("rotation", degrees, f, f, truth, limit="exact")


def _zooms():
    for group, factors in (("zoom_out", (0.9, 0.8, 0.7, 0.6)), ("zoom_in", (1.1, 1.2, 1.4))):
        for factor in factors:
            f, truth = Zoom(factor), {"rotation_deg": 0, "scale": factor}
            yield f"{group}_{factor}", Level(group, factor, f, f, truth, limit="exact")


def _masks():
    for percent in (20, 40, 60):
        f = MissingPixels(percent / 100, fill=INK)
        yield f"missing_{percent}", Level("missing", percent, f, f, unmasked=same, limit="exact")
    f = MissingPixels(0.4, fill=GREY)
    yield "missing_grey_40", Level("missing_grey", 40, f, f, unmasked=same, limit="exact")
    f = MissingPixels(0.4, fill=INK, shared=False)
    yield "missing_each_40", Level("missing_each", 40, f, f)
    f = BlockLoss(0.3)
    yield "block_0.3", Level("block", 0.3, f, f, unmasked=same)


def _tones():
    for sigma in (1, 2):
        yield f"blur_{sigma}", Level("blur", sigma, GaussianBlur(sigma), GaussianBlur(sigma))
    f = Photometric(0.5, 0.3)
    yield "photometric", Level("photometric", 0.5, f, f)
    yield "inversion", Level("inversion", 1, Invert(), Invert(), limit="combined")
    yield "noise_0.2", Level("noise", 0.2, Noise(0.2), same)


def _combinations(is_digit):
    each = PerImage(Rotation, degrees=Normal(20, 5), crop=not is_digit)
    yield "rotation_each_20", Level("rotation_each", 20, each, each)
    turn, truth = _turn(20, crop=not is_digit)
    f = Compose(turn, Zoom(0.85), Photometric(0.6))
    truth = {**truth, "scale": 0.85 * truth["scale"]}
    yield "rotation_zoom_gain", Level("rotation_zoom_gain", 20, f, f, truth, limit="combined")
    f, truth = Compose(Zoom(0.7), MissingPixels(0.4)), {"rotation_deg": 0, "scale": 0.7}
    yield "zoom_missing", Level("zoom_missing", 40, f, f, truth, Zoom(0.7), limit="combined")
    turn, truth = _turn(30, crop=not is_digit)
    f = Compose(turn, Invert())
    yield "rotation_inversion", Level("rotation_inversion", 30, f, f, truth, limit="combined")


def levels_of(data):
    """List the corruptions of a data set; faces are rotated with the small crop, digits have black corners anyway.

    Parameters
    ----------
    data : {"mnist", "celeba", "lfw"}

    Returns
    -------
    dict of str to Level
    """
    is_digit = data == "mnist"
    parts = (_rotations(is_digit), _zooms(), _masks(), _tones(), _combinations(is_digit))
    return {"none": Level("none", 0, same, same, limit="clean"), **{k: v for part in parts for k, v in part}}


def level_of(data, name):
    """Return a level by its name; "rotation_35", that of Figure 6a, is none of Figure 4.

    Parameters
    ----------
    data : {"mnist", "celeba", "lfw"}
    name : str

    Returns
    -------
    Level
    """
    if name != "rotation_35":
        return levels_of(data)[name]
    f, truth = _turn(35, crop=data != "mnist")
    return Level("rotation", 35, f, f, truth, limit="exact")


def model_path(data, kind="gan"):
    """Return where the generator of a data set lies, or its BiGAN; None is the one inside the package.

    Parameters
    ----------
    data : {"mnist", "celeba", "lfw"}
    kind : {"gan", "bigan"}, default="gan"

    Returns
    -------
    Path or None
    """
    if data == "mnist":
        return MODELS / "bigan28_0.safetensors" if kind == "bigan" else None
    return MODELS / f"{'bigan_' if kind == 'bigan' else ''}{data}64_0.safetensors"


@lru_cache(maxsize=2)
def generator_of(data, kind="gan"):
    """Load the generator of a data set, or its BiGAN.

    Parameters
    ----------
    data : {"mnist", "celeba", "lfw"}
    kind : {"gan", "bigan"}, default="gan"

    Returns
    -------
    Generator
    """
    path = model_path(data, kind)
    return load_gan("mnist") if path is None else Generator.load(path)


@lru_cache(maxsize=2)
def _all_held_out(data):
    if data == "mnist":
        X, labels = load_mnist("test", return_X_y=True)
        return X.reshape(-1, 1, 28, 28), labels
    return FACES[data]().images[-N_FACES:], None


@lru_cache(maxsize=1)
def training_digits():
    """Read the 60,000 training digits, among which 1-NN searches."""
    return load_mnist("train", return_X_y=True)


def scaled(images):
    """Turn bytes into float32 in [-1, 1]."""
    return images.astype(np.float32) / 127.5 - 1


def held_out(data, n_images, seed):
    """Draw held-out images: test digits, or some of the last 500 faces.

    Parameters
    ----------
    data : {"mnist", "celeba", "lfw"}
    n_images : int
    seed : int

    Returns
    -------
    Batch
    """
    images, labels = _all_held_out(data)
    chosen = np.random.default_rng(seed).choice(len(images), n_images, replace=False)
    return Batch(scaled(images[chosen]), None if labels is None else labels[chosen])
