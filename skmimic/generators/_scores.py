"""Where the scores of a decomposition are likely to lie, as far as it tells."""

from typing import NamedTuple

import numpy as np

from ..utils import CANONICAL

__all__ = ["Scores", "light_above", "likely_scores", "standardised"]

ROUNDING = 1e-12  # of the largest entry, by which an axis of a scaled decomposition may miss zero
CHUNK = 1000  # rows, whose copies in float64 are in memory together
N_DRAWS = 256  # of images, whose brightest pixels tell how bright the parts are


class Scores(NamedTuple):
    """Centre and spread of scores.

    Parameters
    ----------
    centre, deviations : ndarray (k,)
    is_known : bool
        Whether the deviations are those of the data, or guesses for values in [-1, 1].
    adopts : tuple of str, default=()
        What of them hangs on the range of the data, see `Facts`.
    """

    centre: np.ndarray
    deviations: np.ndarray
    is_known: bool
    adopts: tuple = ()


def likely_scores(decomposition, axes, mean):
    """Find where scores are likely to lie.

    Parameters
    ----------
    decomposition : estimator
        Fitted.
    axes : ndarray (k, n_features)
    mean : ndarray (n_features,)
        Images are ``scores @ axes + mean``.

    Returns
    -------
    Scores
    """
    nothing, known = np.zeros(len(axes)), _known_deviations(decomposition, len(axes))
    if known is not None:
        centre = nothing if mean.any() else _bright_centre(decomposition, axes, known)
        return Scores(centre, known, True, ("origin",) if centre.any() else ())
    if (axes >= -ROUNDING * np.abs(axes).max()).all():
        sizes = light_above(mean, CANONICAL) * _sizes_of_parts(axes)
        return Scores(sizes, sizes, False, ("light",))
    return Scores(nothing, _pixel_units(axes), False, ("latents",))


def standardised(components, mean, rows):
    """Move and mix latents so that standard normal ones give images with the mean and the covariance of rows.

    Latents stay as near to the former ones as they can: they are mixed by the symmetric root of the covariance.

    Parameters
    ----------
    components : ndarray (k, n_features)
    mean : ndarray (n_features,)
        Images are ``z @ components + mean``.
    rows : ndarray (n, n_features)
        Images, not corrupted, more than k.

    Returns
    -------
    components : ndarray (k, n_features)
    mean : ndarray (n_features,)
    """
    inverse = np.linalg.pinv(components)
    latents = np.concatenate([(part - mean) @ inverse for part in np.array_split(rows, len(rows) // CHUNK + 1)])
    covariance = np.cov(latents, rowvar=False).reshape(len(components), -1)
    trust = len(rows) / (len(rows) + len(components))  # in correlations, which few rows show by chance
    covariance = trust * covariance + (1 - trust) * np.diag(np.diag(covariance))
    variances, axes = np.linalg.eigh(covariance)
    root = (axes * np.sqrt(np.maximum(variances, 0.0))) @ axes.T
    return root @ components, mean + latents.mean(axis=0) @ components


def light_above(black, bounds):
    """Tell how far white lies above an image that is black.

    Parameters
    ----------
    black : ndarray (n_features,)
    bounds : Bounds

    Returns
    -------
    float
        Above zero.
    """
    light = bounds.high - float(black.mean())
    return light if light > 0 else bounds.high - bounds.low


def _known_deviations(decomposition, n_scores):
    """Standard deviation of each score on the training data, or None if the estimator does not say."""
    if getattr(decomposition, "whiten", False) is True or getattr(decomposition, "whiten", None) == "unit-variance":
        return np.ones(n_scores)
    variances = getattr(decomposition, "explained_variance_", None)
    if np.shape(variances) == (n_scores,):
        return np.sqrt(np.maximum(np.asarray(variances, dtype=np.float64), 0.0))
    return None


def _bright_centre(decomposition, axes, deviations):
    """Mean score of bright images on the first axis of a decomposition that does not centre, where nearly all of it is.

    Singular values are the norms of the scores, so their squares are n times mean square plus variance. The number of
    rows n is that for which no mean square is below zero: later axes hardly have a mean.
    """
    norms, centre = getattr(decomposition, "singular_values_", None), np.zeros(len(axes))
    varies = deviations > 0
    if np.shape(norms) != deviations.shape or not varies.any():
        return centre
    squares = np.asarray(norms, dtype=np.float64) ** 2
    n_rows = (squares[varies] / deviations[varies] ** 2).min()
    centre[0] = np.sqrt(max(squares[0] / n_rows - deviations[0] ** 2, 0.0)) * np.sign(axes[0].sum())
    return centre


def _sizes_of_parts(axes):
    """Mean scores of parts that only ever add light, when white is 1 above black.

    A decomposition into parts (NMF) keeps no scores, and how its images share size between scores and parts is chance.
    But each part brings about as much to an image as any other: mean score times norm differs by a factor of 2 to 3
    between half of the parts of digits, clothes and faces, whose norms differ by 40 to 200. Scores are about as wide
    as their mean (.7 to 1.6 of it), as exponential ones are. What is brightest in an image is white.
    """
    norms = np.linalg.norm(axes, axis=1)
    sizes = np.divide(1.0, norms, where=norms > 0, out=np.zeros(len(axes)))
    draws = np.random.RandomState(0).exponential(size=(N_DRAWS, len(axes))) @ (sizes[:, None] * axes)
    brightest = np.median(draws.max(axis=1))
    return sizes / brightest if brightest > 0 else sizes


def _pixel_units(axes):
    """Scores whose joint unit steps move a pixel by half the range [-1, 1], in root mean square."""
    rms = np.sqrt(np.mean(axes**2, axis=1))
    return 1 / np.sqrt(len(axes)) / np.where(rms > 0, rms, 1.0)
