"""Fitted scikit-learn decompositions as linear generators."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..exceptions import GeneratorMismatchError
from ..utils import Bounds, first_line
from ._closed_form import linear_generator
from ._priors import NormalPrior
from ._scores import likely_scores
from ._units import adopt_range, open_range

__all__ = ["decomposition_generator"]

TOLERANCE = 1e-6  # of the largest value; decompositions fitted in float32 have some 1e-7
N_CHECKS = 8


def decomposition_generator(estimator, latent_dim=None, image_shape=None, prior=None, data_range=None):
    """Make a linear generator of the `inverse_transform` of a fitted estimator.

    The latents are measured in standard deviations of the estimator's scores where it knows them (PCA,
    IncrementalPCA, TruncatedSVD, FastICA), so that the normal prior fits. Parts that only add light (NMF) are taken to
    bring about as much each to images whose brightest pixel is white; latents of zero give their mean. Elsewhere
    (dictionaries) the scores are scaled so that unit latents spread over the pixel range. Without centring the mean of
    the scores is a guess, so the prior then allows every latent.

    Parameters
    ----------
    estimator : estimator
        Fitted, with an affine `inverse_transform`.
    latent_dim : int or None, default=None
        Columns that `inverse_transform` takes; None finds it.
    image_shape, prior, data_range
        As in `linear_generator`.

    Returns
    -------
    Generator

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    GeneratorMismatchError
        If `inverse_transform` is not affine.
    """
    name = type(estimator).__name__
    check_is_fitted(estimator)
    n_latents = latent_dim if latent_dim is not None else _n_scores(estimator)
    axes, mean = _affine_map(estimator.inverse_transform, n_latents, name)
    last = _last_step(estimator)
    scores = likely_scores(last, axes, mean)
    if prior is None:
        prior = NormalPrior(quantile=0.999 if scores.is_known and hasattr(last, "mean_") else 1.0)
    axes, mean = axes * scores.deviations[:, None], mean + scores.centre @ axes
    generator = open_range(linear_generator(axes, mean, image_shape, prior=prior, name=name), scores.adopts)
    return generator if data_range is None else adopt_range(generator, Bounds.of(data_range))


def _last_step(estimator):
    return estimator[-1] if hasattr(estimator, "named_steps") else estimator


def _n_scores(estimator):
    last = _last_step(estimator)
    for found in (getattr(last, "n_components_", None), getattr(last, "n_components", None)):
        if isinstance(found, (int, np.integer)) and not isinstance(found, bool):
            return int(found)
    if np.ndim(getattr(last, "components_", None)) == 2:
        return len(last.components_)
    if hasattr(last, "eigenvalues_"):
        return len(last.eigenvalues_)
    raise GeneratorMismatchError(
        f"{type(estimator).__name__}: cannot tell how many columns inverse_transform takes. Pass latent_dim=..."
    )


def _affine_map(inverse_transform, n_latents, name):
    """Matrix and offset of a function of rows, or a refusal if it is not affine."""
    basis = np.vstack([np.zeros((1, n_latents)), np.eye(n_latents)])
    checks = np.random.RandomState(0).normal(scale=3.0, size=(N_CHECKS, n_latents))
    try:
        values = np.asarray(inverse_transform(np.vstack([basis, checks])), dtype=np.float64)
    except Exception as error:  # whatever the estimator raises says what is wrong
        raise GeneratorMismatchError(
            f"{name}: inverse_transform does not work on {n_latents} columns: {first_line(error)}"
        ) from error
    mean, axes = values[0], values[1 : n_latents + 1] - values[0]
    distance = np.abs(checks @ axes + mean - values[n_latents + 1 :]).max()
    if not distance <= TOLERANCE * max(np.abs(values).max(), np.finfo(np.float64).tiny):
        raise GeneratorMismatchError(
            f"{name}: inverse_transform is not an affine map (off by {distance:.2g}), so it has no linear generator. "
            "Use PCA or another linear decomposition, or wrap the map in a differentiable torch.nn.Module."
        )
    return axes, mean
