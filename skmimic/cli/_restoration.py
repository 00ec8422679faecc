"""First half of the demo: digits that were rotated, shrunk, sheared, shifted and robbed of pixels, restored."""

from dataclasses import dataclass

import numpy as np
import torch

from ..corruptions import Affine, Compose, MissingPixels
from ..datasets import load_mnist_sample
from ..estimators import KnownCorruptionProjector, MimicGANProjector, PGDProjector
from ..metrics import d_proj
from ..utils import BYTES, CANONICAL, as_rows
from ._reader import digit_reader
from ._stopwatch import Duration, Stopwatch

__all__ = ["LOST", "WARP", "Restoration", "Restored", "restore"]

WARP, LOST = Affine(rotation=35, zoom=0.8, shear=10, shift=(1.5, -1.0)), 1 / 3


@dataclass(frozen=True)
class Restored:
    """What one method makes of the corrupted digits.

    Attributes
    ----------
    name : str
    images : ndarray (n, h, w)
        In [0, 255].
    d_proj : float
        Mean distance to the clean digits.
    accuracy : float
        Of `digit_reader`, a 1-nearest-neighbour classifier of other clean digits.
    duration : Duration or None
        None for what was not computed.
    """

    name: str
    images: np.ndarray
    d_proj: float
    accuracy: float
    duration: Duration | None = None


@dataclass(frozen=True)
class Restoration:
    """The clean digits, and what became of them.

    Attributes
    ----------
    clean : ndarray (n, h, w), uint8
    labels : ndarray (n,)
    corrupted : Restored
        The corrupted digits as they are.
    methods : tuple of Restored
    found : dict
        The corruption that MimicGAN found, in human units.
    lost : ndarray (h, w) of bool
        Pixels that the corruption took.
    clean_accuracy : float
        Of the classifier on the clean digits.
    """

    clean: np.ndarray
    labels: np.ndarray
    corrupted: Restored
    methods: tuple
    found: dict
    lost: np.ndarray
    clean_accuracy: float


def restore(gan, *, n_digits, seed, effort, report):
    """Corrupt embedded digits and restore them by PGD, MimicGAN and with the corruption known.

    Parameters
    ----------
    gan : Generator
    n_digits : int
        How many of the 2,000 digits; the others are the labelled reference.
    seed : int
        Of the choice of digits, of the lost pixels and of the methods.
    effort : dict
        Parameters of all methods.
    report : callable
        Called with a sentence before each piece of work.

    Returns
    -------
    Restoration
    """
    digits = load_mnist_sample(size=gan.image_shape[-1])
    order = np.random.default_rng(seed).permutation(len(digits.images))
    chosen, others = order[:n_digits], order[n_digits:]
    clean, labels = digits.images[chosen], digits.target[chosen]
    reader = digit_reader(digits.images[others], digits.target[others], seed)
    losing = MissingPixels(LOST, random_state=seed)
    f = Compose(WARP, losing)
    corrupted = _corrupt(f, clean)

    def judged(name, images, duration=None):
        distance = d_proj(clean, images, data_range=BYTES).mean()
        return Restored(name, images, float(distance), float(reader.score(as_rows(images), labels)), duration)

    common = {**effort, "data_range": BYTES, "random_state": seed}
    projectors = {
        "PGD": PGDProjector(gan, **common),
        "MimicGAN": MimicGANProjector(gan, **common),
        "known corruption": KnownCorruptionProjector(gan, f=f, **common),
    }
    methods = []
    for name, projector in projectors.items():
        report(f"{n_digits} corrupted digits: {name}")
        watch = Stopwatch()
        methods.append(judged(name, projector.fit(corrupted).transform(corrupted), watch.read()))
    found = projectors["MimicGAN"].surrogate_.describe()
    lost = losing(torch.ones(1, *gan.image_shape))[0, 0].numpy() < 0
    untouched, seen = judged("corrupted", corrupted), float(reader.score(as_rows(clean), labels))
    return Restoration(clean, labels, untouched, tuple(methods), found, lost, seen)


def _corrupt(f, images):
    """Apply a corruption of canonical tensors to bytes (n, h, w)."""
    canonical = BYTES.convert(torch.from_numpy(images).float(), CANONICAL)
    corrupted = CANONICAL.convert(f(canonical[:, None])[:, 0], BYTES)
    return corrupted.round().clamp(*BYTES).to(torch.uint8).numpy()
