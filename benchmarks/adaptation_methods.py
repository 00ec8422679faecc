"""Rows of the table that project with a generator, and the row without adaptation.

A method is a function of a pair, a generator, a seed and the options; it returns an `Alignment`.
"""

from dataclasses import dataclass, field

import numpy as np
from plain_algorithm_1 import plain_algorithm_1

from skmimic import MimicDomainAligner, PGDProjector, from_paper

__all__ = ["METHODS", "SEEDED", "SHRUNK_BY_AREAS", "Alignment", "Options"]

BATCH = 1000  # rows, section 5.1.2 of the paper
SEEDED = ("pgd", "pgd_tuned", "mimicgan", "plain", "ours", "ours_labelled")  # methods that depend on the generator
SHRUNK_BY_AREAS = ("none_area",)  # methods that see MNIST resized in another way


@dataclass(frozen=True)
class Options:
    """What the command line decides.

    Attributes
    ----------
    paper_rows, pgd_rows : int
        Target rows for Algorithm 1 and for PGD, which are too slow for all of them.
    preset : dict
        Changes of the paper's preset.
    plain_rounds : int
        Rounds of the plain Algorithm 1 that are timed.
    """

    paper_rows: int = BATCH
    pgd_rows: int = 2 * BATCH
    preset: dict = field(default_factory=dict)
    plain_rounds: int = 1


@dataclass(frozen=True)
class Alignment:
    """Aligned rows and the source that goes with them.

    Attributes
    ----------
    rows : ndarray (n,) of int
        Rows of the target that were aligned.
    X : ndarray (n, n_features) or None
        Their aligned values, for 1-NN; None if the method was only timed.
    X_source, y_source : ndarray
        Source rows among which 1-NN searches.
    images : ndarray (n, 256) or None
        Aligned values as source images in [0, 255], for the CNN; None if there are none.
    scale : float
        Time of the whole task over the time of what was run.
    parameters : dict
    """

    rows: np.ndarray
    X: np.ndarray | None
    X_source: np.ndarray
    y_source: np.ndarray
    images: np.ndarray | None
    scale: float
    parameters: dict


def _as_source_images(pair, rows, images, parameters, scale=None):
    scale = len(pair.X_target) / len(rows) if scale is None else scale
    return Alignment(rows, images, pair.X_source, pair.y_source, images, scale, parameters)


def no_adaptation(pair, gan, seed, options):
    """Leave the target as it is."""
    return _as_source_images(pair, np.arange(len(pair.X_target)), pair.X_target, {})


def _align_all(pair, gan, seed, **parameters):
    aligner = MimicDomainAligner(gan, random_state=seed, **parameters).fit(pair.X_source, pair.y_source)
    return _as_source_images(pair, np.arange(len(pair.X_target)), aligner.transform(pair.X_target), parameters)


def ours(pair, gan, seed, options):
    """Align all of the target with the defaults."""
    return _align_all(pair, gan, seed)


def ours_labelled(pair, gan, seed, options):
    """Align all of the target with the labels of the source, whose classes are expected in the same shares."""
    return _align_all(pair, gan, seed, class_prior="source")


def _project_some(estimator, pair, options, parameters):
    rows = pair.order[: options.pgd_rows]
    images = estimator.fit(pair.X_target[rows]).transform(pair.X_target[rows])
    return _as_source_images(pair, rows, images, parameters)


def pgd(pair, gan, seed, options):
    """Project without a surrogate, by the paper's optimiser: 500 steps of rate 5e-3 from the mean latent."""
    parameters = from_paper("pgd")
    return _project_some(PGDProjector(gan, **parameters, random_state=seed), pair, options, parameters)


def pgd_tuned(pair, gan, seed, options):
    """Project without a surrogate, by the defaults of `PGDProjector`."""
    return _project_some(PGDProjector(gan, random_state=seed), pair, options, {})


def mimicgan(pair, gan, seed, options):
    """Run the paper's preset in batches of 1,000 rows, the surrogate learned anew for each."""
    parameters = {**from_paper(pair.name), **options.preset}
    aligner = MimicDomainAligner(gan, **parameters, random_state=seed).fit(pair.X_source)
    rows = pair.order[: options.paper_rows]
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    images = np.concatenate([aligner.project(pair.X_target[batch]).images for batch in batches])
    return _as_source_images(pair, rows, images.reshape(len(images), -1), parameters)


def plain(pair, gan, seed, options):
    """Time some rounds of the plain port of Algorithm 1; it is judged only after all of the preset's."""
    preset = from_paper(pair.name)
    parameters = {name: preset[name] for name in ("T1", "T2", "lr_surrogate", "lr_latent", "lambda_adv")}
    rows = pair.order[: options.paper_rows]
    observed = pair.X_target[rows].reshape(-1, *gan.image_shape).astype(np.float32) / 127.5 - 1
    images = plain_algorithm_1(gan, observed, T=options.plain_rounds, **parameters, seed=seed)["images"]
    images = (images.reshape(len(images), -1) + 1) * 127.5 if options.plain_rounds >= preset["T"] else None
    scale = preset["T"] / options.plain_rounds * len(pair.X_target) / len(rows)
    return _as_source_images(pair, rows, images, {**parameters, "T": options.plain_rounds}, scale)


METHODS = {
    "none": no_adaptation,
    "none_area": no_adaptation,
    "pgd": pgd,
    "pgd_tuned": pgd_tuned,
    "mimicgan": mimicgan,
    "plain": plain,
    "ours": ours,
    "ours_labelled": ours_labelled,
}
