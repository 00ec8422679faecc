"""Linear generators in closed form."""

import numpy as np
import torch

from ..exceptions import GeneratorMismatchError
from ..utils import CANONICAL, Bounds, as_rows, infer_image_shape, n_values
from ._facts import as_image_shape
from ._generator import Generator
from ._linear import LinearDecoder, principal_components
from ._units import open_range

__all__ = ["linear_generator", "linear_generator_from_data"]

SAME = 1e-14  # of the mean; the components of constant rows are rounding, some 1e-16 of them


def linear_generator(components, mean=None, image_shape=None, *, data_range=None, prior="normal", name="linear"):
    """Make a generator of the affine map ``z @ components + mean``.

    Parameters
    ----------
    components : array-like of shape (latent_dim, C*H*W)
        Kept in float64 for `Generator.linear_map`; images are computed in float32.
    mean : array-like of shape (C*H*W,) or None, default=None
        None is zero.
    image_shape : tuple of int or None, default=None
        None takes a grey or RGB square, else ``(1, 1, n_features)``.
    data_range : tuple of float or None, default=None
        Values of black and white. None: an estimator takes them from X, whose units are those of the generator.
    prior : {"uniform", "normal"}, pair of float or Prior, default="normal"
    name : str, default="linear"

    Returns
    -------
    Generator

    Raises
    ------
    GeneratorMismatchError
        If the shapes don't fit each other, a value is not finite, or all components are zero.
    """
    components = np.array(components, dtype=np.float64)
    if components.ndim != 2 or 0 in components.shape:
        raise GeneratorMismatchError(
            f"linear_generator: components must be (latent_dim, C*H*W), got {components.shape}."
        )
    n_features = components.shape[1]
    mean = np.zeros(n_features) if mean is None else np.array(mean, dtype=np.float64).reshape(-1)
    shape = infer_image_shape(n_features) if image_shape is None else as_image_shape(image_shape)
    if len(mean) != n_features or n_values(shape) != n_features:
        raise GeneratorMismatchError(
            f"linear_generator: components have {n_features} values a row, but the mean has {len(mean)} and "
            f"image_shape={shape} has {n_values(shape)}."
        )
    if not (np.isfinite(components).all() and np.isfinite(mean).all()):
        raise GeneratorMismatchError("linear_generator: components or mean contain NaN or infinity.")
    if np.abs(components).max() <= SAME * np.abs(mean).max():
        raise GeneratorMismatchError(
            f"linear_generator: the components of {name!r} are zero, or rounding beside its mean, so it gives the same "
            "image for all latents and has nothing to choose from. Fit it on rows that differ from one another."
        )
    decoder = LinearDecoder(len(components), shape)
    decoder.components, decoder.mean = torch.from_numpy(components), torch.from_numpy(mean)
    bounds = CANONICAL if data_range is None else Bounds.of(data_range)
    generator = Generator(
        decoder, latent_dim=len(components), image_shape=shape, data_range=bounds, prior=prior, name=name
    )
    return open_range(generator) if data_range is None else generator


def linear_generator_from_data(X, n_components=32, image_shape=None, *, data_range=None):
    """Make the linear generator that explains rows best (principal components), in closed form and float64.

    The components are axis times standard deviation, so that standard normal latents give images with the mean and the
    covariance of the data. Values are taken as they are.

    Parameters
    ----------
    X : array-like of shape (n_samples, C*H*W) or (n_samples, C, H, W)
    n_components : int, default=32
        Number of latents, at most; fewer where the data spans fewer directions.
    image_shape : tuple of int or None, default=None
        None takes that of `X`, else a grey or RGB square, else ``(1, 1, n_features)``.
    data_range : tuple of float or None, default=None
        Values of black and white. None: an estimator takes them from X, whose units are those of the generator.

    Returns
    -------
    Generator
        With a normal prior.

    Raises
    ------
    GeneratorMismatchError
        If `X` is empty, not finite, does not fit `image_shape`, or all its rows are the same.
    """
    X = np.asarray(X, dtype=np.float64)
    if X.ndim < 2 or 0 in X.shape or not np.isfinite(X).all():
        raise GeneratorMismatchError(
            f"linear_generator_from_data: expected finite rows (n_samples, C*H*W) or images, got shape {X.shape}."
        )
    if n_components < 1:
        raise ValueError(f"linear_generator_from_data: n_components must be at least 1, got {n_components!r}.")
    if image_shape is None and X.ndim > 2:
        image_shape = X.shape[1:]
    if not np.ptp(X, axis=0).any():
        raise GeneratorMismatchError(
            f"linear_generator_from_data: all rows are the same (n_samples={len(X)}), so the generator would "
            "give the same image for all latents. Pass rows that differ from one another, or a generator of your own."
        )
    components, mean = principal_components(as_rows(X), n_components)
    return linear_generator(components, mean, image_shape, data_range=data_range)
