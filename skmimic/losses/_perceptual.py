"""Fidelity in pixels and in the features of a network at once ("ResNet + PGD" of the paper)."""

import math
from numbers import Real

import torch

from ..exceptions import GeneratorMismatchError
from ..utils import FrozenModule, LastTensor, Versioned
from ._fidelity import l2, loss_function

__all__ = ["Perceptual"]


class Perceptual(Versioned):
    """Pixel loss plus the weighted distance of features, ``L(Y, G(z)) + weight * ||R(Y) - R(G(z))||_2``, of each row.

    The norm is Euclidean, not squared, over all features of a row; the pixel loss is a sum over its pixels.

    Parameters
    ----------
    features : callable, torch.nn.Module or None, default=None
        Map R of images (n, c, h, w) in [-1, 1] to tensors (n, ...), differentiable. Of a module a frozen copy in eval
        mode is taken, which follows the images from device to device and pickles as numpy. None: the pixels themselves.
    weight : float, default=1e-3
        At least 0; with 0 the features are not computed.
    pixel_loss : {"charbonnier", "l1", "l2"} or callable, default="charbonnier"

    Raises
    ------
    TypeError
        If the features are not callable.
    ValueError
        If the weight is negative or not finite, or the pixel loss unknown.

    References
    ----------
    MimicGAN, section 4.2, "ResNet + PGD".

    Examples
    --------
    >>> import torch
    >>> from skmimic.losses import Perceptual
    >>> loss = Perceptual(torch.nn.AvgPool2d(2), weight=0.5, pixel_loss="l1")
    >>> loss(torch.ones(3, 1, 4, 4), torch.zeros(3, 1, 4, 4))  # 16 pixels, four averages
    tensor([17., 17., 17.])
    """

    def __init__(self, features=None, weight=1e-3, pixel_loss="charbonnier"):
        if isinstance(features, type) or not (features is None or callable(features)):
            raise TypeError(
                "Perceptual: features must be a callable or torch.nn.Module from images (n, c, h, w) to features, or "
                f"None, got {features!r}."
            )
        if not isinstance(weight, Real) or not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"Perceptual: weight must be a finite number of at least 0, got {weight!r}.")
        loss_function(pixel_loss)
        self.features = FrozenModule(features) if isinstance(features, torch.nn.Module) else features
        self.weight, self.pixel_loss = weight, pixel_loss
        self._last = LastTensor()

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "_last"}

    def __setstate__(self, state):
        super().__setstate__(state)
        self._last = LastTensor()  # anew: whatever older versions remembered here

    def __repr__(self):
        return f"Perceptual(features={self.features!r}, weight={self.weight!r}, pixel_loss={self.pixel_loss!r})"

    @property
    def is_of_pixels(self):
        """Whether only pixels count: no features, or weight 0."""
        return self.features is None or self.weight == 0

    def __call__(self, mimicked, observed):
        """Compute the loss of each row.

        Parameters
        ----------
        mimicked, observed : tensors (n, c, h, w)
            Images in [-1, 1].

        Returns
        -------
        tensor (n,)

        Raises
        ------
        GeneratorMismatchError
            If the features are no tensor with one row for each image.
        """
        values = loss_function(self.pixel_loss)(mimicked, observed)
        if getattr(values, "shape", None) != observed.shape[:1]:
            return values  # not one number a row: for the caller to refuse, not to be broadcast
        if self.weight == 0:
            return values
        return values + self.weight * l2(self.extract(mimicked), self._last(observed, self._extract_still))

    def extract(self, images):
        """Compute the features of images.

        Parameters
        ----------
        images : tensor (n, c, h, w)

        Returns
        -------
        tensor (n, ...)
        """
        if self.features is None:
            return images
        found = self.features(images)
        if not isinstance(found, torch.Tensor) or found.shape[:1] != images.shape[:1]:
            got = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else type(found).__name__
            raise GeneratorMismatchError(
                f"features={self.features!r} must give a tensor with one row for each of the {len(images)} images, got "
                f"{got}. Wrap it in a function that returns features (n, ...)."
            )
        return found if found.ndim > 1 else found[:, None]

    @torch.no_grad()
    def _extract_still(self, observed):
        """Features of the observed rows, which are the same tensor at every step of a descent."""
        return self.extract(observed)

    def check(self, images):
        """Try the features on some images before any long work.

        Parameters
        ----------
        images : tensor (n, c, h, w)
            In [-1, 1].

        Raises
        ------
        GeneratorMismatchError
            If the features don't accept the images, or give no row for each.
        ValueError
            If they are not finite, or have no gradient.
        """
        if self.is_of_pixels:
            return
        try:
            found = self.extract(images.detach().clone().requires_grad_())
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, GeneratorMismatchError):
                raise
            raise GeneratorMismatchError(
                f"features={self.features!r} do not accept images of shape {tuple(images.shape[1:])}: {error}"
            ) from error
        if not found.requires_grad or not bool(torch.isfinite(found).all()):
            lack = "finite" if found.requires_grad else "differentiable"
            raise ValueError(f"features={self.features!r} must be {lack} in images in [-1, 1]; compute them in torch.")
