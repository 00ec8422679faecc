"""What every corruption is, and their composition."""

from abc import ABC, abstractmethod
from dataclasses import fields

import numpy as np
import torch

from ..utils import channels_axis, check_canonical, is_one_picture, shielded

__all__ = ["Compose", "Corruption"]


class Corruption(ABC):
    """Map images (n, c, h, w) in [-1, 1] to corrupted images of the same shape and range, differentiably.

    A subclass is a frozen dataclass (``repr=False``) of numbers with one method ``_apply(images)``; calling a
    corruption checks the images first and leaves an empty batch as it is. Where ``f(x)`` is an affine function of the
    image x, ``is_affine_in_images`` is true and a linear generator can be projected exactly.

    See Also
    --------
    Compose : One corruption after another.

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import Invert
    >>> Invert()(torch.full((1, 1, 2, 2), 0.25))[0, 0, 0, 0]
    tensor(-0.2500)
    """

    is_affine_in_images = False

    @shielded()
    def __call__(self, images):
        """Corrupt images.

        Parameters
        ----------
        images : tensor or ndarray of shape (n, c, h, w) or (n, h, w)
            Floating point, in [-1, 1]. Three axes are always grey images.

        Returns
        -------
        tensor or ndarray of the form of `images`

        Raises
        ------
        TypeError
            If `images` is neither a tensor nor an array, or does not hold floats.
        ValueError
            If `images` does not have three or four axes, has its channels last, or is one picture (h, w, c). If an
            array leaves [-1, 1] by more than its width, and no `fill` tells other units.
        """
        name = type(self).__name__
        if isinstance(images, np.ndarray) and np.issubdtype(images.dtype, np.floating):
            check_canonical(name, images, _largest_fill(self))  # of a tensor no value is read, which would stall a GPU
            return self(torch.tensor(images)).numpy()  # a copy: arrays may be read-only
        if not (isinstance(images, torch.Tensor) and images.is_floating_point()):
            kind = images.dtype if hasattr(images, "dtype") else type(images).__name__
            raise TypeError(
                f"{name} expects a tensor or an array of floats in [-1, 1], got {kind}. Convert with "
                "torch.as_tensor; bytes are images / 127.5 - 1."
            )
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{name} expects images of shape (n, c, h, w) or (n, h, w), got {tuple(images.shape)}. Reshape rows "
                "first."
            )
        _check_layout(name, tuple(images.shape))
        if images.ndim == 3:
            return self(images[:, None])[:, 0]
        return self._apply(images) if len(images) else images

    @abstractmethod
    def _apply(self, images):
        """Corrupt at least one checked image."""

    @classmethod
    def _apply_each(cls, corruptions, images):
        """Corrupt every image by a corruption of its own, all of this class."""
        return torch.cat([one._apply(image[None]) for one, image in zip(corruptions, images, strict=True)])

    def __repr__(self):
        changed = [f for f in fields(self) if getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in changed)})"


def _check_layout(name, shape):
    """Refuse channels behind height and width, which would be taken for columns."""
    if is_one_picture(shape):
        raise ValueError(
            f"{name} expects images of shape (n, c, h, w) or (n, h, w), got {shape}, which looks like one picture "
            "(h, w, c). Pass np.moveaxis(image, -1, 0)[None]."
        )
    if len(shape) == 4 and channels_axis(shape[1:]) == -1:
        raise ValueError(
            f"{name} expects images of shape (n, c, h, w), got {shape}, which looks like (n, h, w, c). Pass "
            "np.moveaxis(images, -1, 1), for tensors images.movedim(-1, 1)."
        )


def _largest_fill(corruption):
    """How far the units go in which a user filled what comes into view; 1 where nobody says otherwise."""
    fills = [getattr(corruption, "fill", 1.0), *map(_largest_fill, getattr(corruption, "corruptions", ()))]
    return max(1.0, *map(abs, fills))


class Compose(Corruption):
    """Apply corruptions one after another.

    Parameters
    ----------
    *corruptions : callables
        Each maps images (n, c, h, w) to images of the same shape; the first is applied first.

    Attributes
    ----------
    corruptions : tuple of callables
        The corruptions in the order in which they act.

    Raises
    ------
    TypeError
        If one of them is not callable.

    Examples
    --------
    >>> from skmimic.corruptions import Compose, Rotation, Zoom
    >>> Compose(Rotation(35), Zoom(0.8))
    Compose(Rotation(degrees=35), Zoom(factor=0.8))
    """

    def __init__(self, *corruptions):
        for corruption in corruptions:
            if not callable(corruption):
                raise TypeError(f"Compose: every corruption must be callable, got {corruption!r}.")
        self.corruptions = corruptions

    @property
    def is_affine_in_images(self):
        """Whether every part is affine in the images."""
        return all(getattr(corruption, "is_affine_in_images", False) for corruption in self.corruptions)

    def _apply(self, images):
        for corruption in self.corruptions:
            images = corruption(images)
        return images

    def __eq__(self, other):
        return type(other) is Compose and self.corruptions == other.corruptions

    def __hash__(self):
        return hash(self.corruptions)

    def __repr__(self):
        return f"Compose({', '.join(map(repr, self.corruptions))})"
