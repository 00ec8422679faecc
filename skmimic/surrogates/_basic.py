"""Surrogates that are given, not learned, and the wrapper of other people's modules."""

import copy

import torch

from ..exceptions import GeneratorMismatchError
from ..utils import in_whole_vectors, seeded_globally
from ._base import Surrogate

__all__ = ["Identity", "KnownCorruption", "UserSurrogate"]


class Identity(Surrogate):
    """No corruption: turns MimicGAN into projected gradient descent (paper Eq. 3)."""

    is_affine_in_images = True

    def forward(self, images, deviations=None):
        """Return the images themselves."""
        return images

    def undo(self, observed):
        """Return the observed images themselves."""
        return observed

    def recipe(self):
        """Return the class without arguments."""
        return Identity, {}

    def describe(self):
        """Return ``{"corruption": "none"}``."""
        return {"corruption": "none"}


class KnownCorruption(Surrogate):
    """A corruption that is known beforehand (paper Eq. 2); nothing is learned.

    Parameters
    ----------
    f : callable
        Differentiable map of an image tensor (n, c, h, w) in [-1, 1] to the same shape. Of a module a frozen copy in
        eval mode is taken. An attribute ``is_affine_in_images`` that is true lets linear generators be solved exactly.
    """

    def __init__(self, f):
        super().__init__()
        if not callable(f) or isinstance(f, type):
            raise TypeError(f"KnownCorruption: f must be a callable of image tensors, got {f!r}.")
        self.f = copy.deepcopy(f).eval().requires_grad_(False) if isinstance(f, torch.nn.Module) else f
        self.is_affine_in_images = bool(getattr(f, "is_affine_in_images", False))

    def forward(self, images, deviations=None):
        """Apply f and check that it keeps the shape."""
        mimicked = in_whole_vectors(self.f)(images)
        if not isinstance(mimicked, torch.Tensor) or mimicked.shape != images.shape:
            got = tuple(mimicked.shape) if isinstance(mimicked, torch.Tensor) else type(mimicked).__name__
            raise GeneratorMismatchError(
                f"KnownCorruption: f must return a tensor of the shape it is given, {tuple(images.shape)}, got {got}."
            )
        return mimicked

    def recipe(self):
        """Return the class with f."""
        return KnownCorruption, {"f": self.f}

    def describe(self):
        """Return the name of f."""
        return {"corruption": "known", "f": getattr(self.f, "__name__", repr(self.f))}


class UserSurrogate(Surrogate):
    """Any ``nn.Module`` from images to images, made by a factory.

    Parameters
    ----------
    factory : callable
        Takes the image shape (C, H, W), returns an ``nn.Module``, which is copied; must be importable to be pickled.
    image_shape : tuple of int
    seed : int, default=0
        Of torch's global random numbers while the factory runs; their state is put back.
    """

    def __init__(self, factory, image_shape, seed=0):
        super().__init__()
        self.factory, self.image_shape, self.seed = factory, tuple(image_shape), seed
        with seeded_globally(seed):
            made = factory(self.image_shape)
        if not isinstance(made, torch.nn.Module):
            raise TypeError(
                "surrogate: a factory must take the image shape and return a torch.nn.Module, but it returned "
                f"{type(made).__name__}."
            )
        self.module = copy.deepcopy(made).float()  # the factory may give the same module again and again

    def forward(self, images, deviations=None):
        """Run the module and check that it keeps the shape."""
        mimicked = in_whole_vectors(self.module)(images)
        if not isinstance(mimicked, torch.Tensor) or mimicked.shape != images.shape:
            raise GeneratorMismatchError(
                f"surrogate: the module made by {self.factory!r} must keep the shape {tuple(images.shape)} of its "
                f"input, got {tuple(getattr(mimicked, 'shape', ()))}."
            )
        return mimicked

    def recipe(self):
        """Return the class with the factory."""
        return UserSurrogate, {"factory": self.factory, "image_shape": self.image_shape, "seed": self.seed}

    def describe(self):
        """Ask the module if it can describe itself, else name it."""
        own = getattr(self.module, "describe", None)
        return own() if callable(own) else {"corruption": type(self.module).__name__}
