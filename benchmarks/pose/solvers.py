"""Methods of the benchmark, all by the public API: what was found, the restored rows and processor seconds."""

import time
import warnings
from dataclasses import dataclass

import numpy as np

from skmimic import KnownCorruptionProjector, MimicGANProjector, PGDProjector, from_paper
from skmimic.surrogates import FittedSurrogate

__all__ = ["LEARNERS", "METHODS", "Answer", "run"]

LEARNERS = ("affine", "auto", "algorithm1")
METHODS = (*LEARNERS, "known", "pgd")
IN_RANGE = {"data_range": (-1, 1)}


@dataclass(frozen=True)
class Answer:
    """What a method made of corrupted rows.

    Attributes
    ----------
    images : ndarray (n, c, h, w)
        Restored.
    surrogate : FittedSurrogate or None
    seconds_fit, seconds_transform : float
        Of processor time, all threads together.
    warned : tuple of str
        Categories of the warnings.
    """

    images: np.ndarray
    surrogate: FittedSurrogate | None
    seconds_fit: float
    seconds_transform: float
    warned: tuple


def estimator_of(method, gan, seed, f):
    """Make an estimator.

    "algorithm1" is the control without a search: the paper's Algorithm 1 and its settings, from the mean latent and the
    identity, with an affine map as the surrogate.
    """
    if method == "known":
        return KnownCorruptionProjector(gan, f=f, random_state=seed, **IN_RANGE)
    if method == "pgd":
        return PGDProjector(gan, random_state=seed, **IN_RANGE)
    if method == "algorithm1":
        settings = {**from_paper("robustness"), "surrogate": "affine"}
        return MimicGANProjector(gan, random_state=seed, **settings, **IN_RANGE)
    return MimicGANProjector(gan, surrogate=method, random_state=seed, **IN_RANGE)


def run(method, gan, X, seed, f=None):
    """Run a method.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    gan : Generator or PCA
    X : ndarray (n, c, h, w)
        Corrupted rows in [-1, 1].
    seed : int
    f : callable, optional
        The truth, for "known".

    Returns
    -------
    Answer
    """
    if hasattr(gan, "on"):
        gan.on("cpu").cache.clear()  # no method shall find the candidates that another has drawn
    estimator = estimator_of(method, gan, seed, f)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.process_time()
        estimator.fit(X)
        middle = time.process_time()
        images = estimator.transform(X)
        end = time.process_time()
    warned = tuple(sorted({one.category.__name__ for one in caught}))
    surrogate = estimator.surrogate_ if method in LEARNERS else None
    return Answer(images.reshape(X.shape), surrogate, middle - start, end - middle, warned)
