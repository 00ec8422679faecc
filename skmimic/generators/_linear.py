"""Generators that are one affine map: exact, tiny, and trained in closed form."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from ..utils import CANONICAL, aligned_linear

__all__ = ["LinearDecoder", "canonical_part", "principal_components"]


class LinearDecoder(nn.Module):
    """Latents z to images ``z @ components + mean``.

    Parameters
    ----------
    latent_dim : int
    image_shape : tuple of int
        Channels, height, width.

    Attributes
    ----------
    components : tensor of shape (latent_dim, C*H*W)
    mean : tensor of shape (C*H*W,)
    """

    architecture = "linear"

    def __init__(self, latent_dim, image_shape):
        super().__init__()
        self.image_shape = tuple(int(size) for size in image_shape)
        self.config = {"latent_dim": int(latent_dim), "image_shape": list(self.image_shape)}
        n_values = int(np.prod(self.image_shape, dtype=object))
        self.register_buffer("components", torch.zeros(int(latent_dim), n_values, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(n_values, dtype=torch.float64))

    def forward(self, z):
        """Map latents (n, latent_dim) to images (n, c, h, w)."""
        return aligned_linear(z, self.components.T, self.mean).unflatten(1, self.image_shape)


def canonical_part(part, bounds):
    """Make the part whose images are in [-1, 1], in float64, so that other units give the same numbers.

    Parameters
    ----------
    part : Part
        A `LinearDecoder`.
    bounds : Bounds
        Range of its images.

    Returns
    -------
    Part
    """
    components, mean = (np.asarray(part.arrays[key], dtype=np.float64) for key in ("components", "mean"))
    if bounds != CANONICAL:
        components = components * ((CANONICAL.high - CANONICAL.low) / (bounds.high - bounds.low))
        mean = bounds.convert(mean, CANONICAL)
    return replace(part, arrays={**part.arrays, "components": components, "mean": mean})


def principal_components(X, n_components):
    """Principal axes of rows, scaled so that standard normal latents have the covariance of the data.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_components : int
        At most as many are kept as the data spans, at least one.

    Returns
    -------
    components : ndarray of shape (k, n_features), float64
        Axis times standard deviation; the largest entry of each is positive.
    mean : ndarray of shape (n_features,), float64
    """
    X = np.asarray(X, dtype=np.float64)
    mean = X.mean(axis=0)
    _, singular, axes = np.linalg.svd(X - mean, full_matrices=False)
    tolerance = singular[0] * max(X.shape) * np.finfo(np.float64).eps
    n_kept = max(1, min(int(n_components), int(np.sum(singular > tolerance))))
    deviations = singular[:n_kept] / np.sqrt(max(len(X) - 1, 1))
    axes = axes[:n_kept]
    largest = axes[np.arange(n_kept), np.argmax(np.abs(axes), axis=1)]
    return axes * (np.where(largest < 0, -1.0, 1.0) * deviations)[:, None], mean
