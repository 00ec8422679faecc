"""Methods of the robustness benchmark: a function of a generator, a level, a seed and the rounds gives an `Answer`.

All that walk take the same number of latent steps a row, 25 in each of T rounds; iGAN's encoder is trained for as many
steps, each on the whole batch. MimicGAN by the paper also takes 25 surrogate steps a round, and ours what it needs for
its surrogate, besides.
"""

import time
from dataclasses import dataclass

import numpy as np
from robustness_data import generator_of

from skmimic import (
    BiGANProjector,
    EncoderProjector,
    KnownCorruptionProjector,
    MimicGANProjector,
    PerceptualProjector,
    PGDProjector,
    from_paper,
)

__all__ = ["LEARNERS", "METHODS", "NAMES", "STEPS_PER_ROUND", "TIMED", "Answer", "estimator_of", "run_method"]

STEPS_PER_ROUND = 25
EQUAL_PART = 0.65  # of the rounds, with which ours takes as many latent steps in both phases as PGD takes in all
LEARNERS = ("mimicgan_paper", "ours", "equal", "amortized")  # methods that learn a surrogate
NAMES = {
    "pgd": "PGD, our optimiser",
    "pgd_paper": "PGD, the paper's settings",
    "perceptual": "PGD with the discriminator's features",
    "igan": "iGAN",
    "bigan": "BiGAN",
    "mimicgan_paper": "MimicGAN, the paper's preset",
    "ours": "skmimic, defaults",
    "equal": "skmimic, no more latent steps than PGD",
    "amortized": "skmimic, started by an encoder",
    "known": "known corruption",
}
TIMED = tuple(NAMES)  # those of Figure 6c
METHODS = tuple(name for name in NAMES if name not in ("equal", "amortized"))


@dataclass(frozen=True)
class Answer:
    """What a method made of a batch.

    Attributes
    ----------
    images : ndarray (n, c, h, w)
    surrogate : FittedSurrogate or None
    identifiable : bool or None
    seconds_fit, seconds_transform : float
        Algorithm 1 does both at once; its time is that of the fit.
    """

    images: np.ndarray
    surrogate: object
    identifiable: bool | None
    seconds_fit: float
    seconds_transform: float


def estimator_of(method, data, level, seed, rounds, n_rows):
    """Make the estimator of a method.

    Parameters
    ----------
    method : str
        One of `TIMED`.
    data : str
        Whose generator to project onto.
    level : Level
        Of which only the oracle is told.
    seed, rounds, n_rows : int
        All rows are one batch, so that a smaller one is not filled up; this changes the time only.

    Returns
    -------
    estimator
    """
    common = {"random_state": seed, "data_range": (-1.0, 1.0), "batch_size": n_rows}
    if method == "bigan":
        return BiGANProjector(generator_of(data, "bigan"), **from_paper("bigan"), **common)
    gan = generator_of(data)
    if method == "igan":
        settings = {**from_paper("igan"), "n_steps": rounds * STEPS_PER_ROUND}
        return EncoderProjector(gan, **settings, **common)
    return _stepwise(method, gan, level, {**common, "T": rounds})


def _stepwise(method, gan, level, common):
    """Make an estimator that walks to its latents."""
    if method == "pgd":
        return PGDProjector(gan, **common)
    if method == "pgd_paper":
        return PGDProjector(gan, **{**from_paper("pgd"), **common})
    if method == "perceptual":
        return PerceptualProjector(gan, features="discriminator", **common)
    if method == "known":
        return KnownCorruptionProjector(gan, f=level.known, **common)
    if method == "mimicgan_paper":
        return MimicGANProjector(gan, **{**from_paper("robustness"), **common})
    if method == "amortized":
        return MimicGANProjector(gan, solver="amortized", **common)
    if method == "equal":
        return MimicGANProjector(gan, **{**common, "T": max(round(EQUAL_PART * common["T"]), 1)})
    return MimicGANProjector(gan, **common)


def run_method(method, estimator, X):
    """Project a batch and take the time.

    Parameters
    ----------
    method : str
    estimator : estimator
    X : ndarray (n, c, h, w)

    Returns
    -------
    Answer
    """
    start = time.perf_counter()
    if method == "mimicgan_paper":
        result = estimator.project(X)
        return Answer(result.images, result.surrogate, None, time.perf_counter() - start, 0.0)
    estimator.fit(X)
    fitted = time.perf_counter()
    images = estimator.transform(X)
    seconds = fitted - start, time.perf_counter() - fitted
    is_learner = method in LEARNERS
    found = (estimator.surrogate_, estimator.identifiable_) if is_learner else (None, None)
    return Answer(images, *found, *seconds)
