"""A learned surrogate as plain numpy."""

import copy
import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch

from ..utils import Versioned, channels_axis, check_canonical, shielded
from ._base import Surrogate

__all__ = ["FittedSurrogate"]


class FittedSurrogate(Versioned):
    """Frozen handle of a learned surrogate; its state is a recipe and numpy arrays.

    Parameters
    ----------
    surrogate : Surrogate
        Copied at construction.
    family : str, default="user"
        Name of the family it was chosen from.
    standard_errors : dict or None, default=None
        Of what `describe` gives, by the same names; None where they are not known.
    """

    standard_errors: Mapping = MappingProxyType({})  # of pickles of 0.1.0, which have none

    def __init__(self, surrogate, family="user", standard_errors=None):
        self.family, self.standard_errors = family, dict(standard_errors or {})
        self.make, self.keywords = surrogate.recipe()
        self.arrays = {name: value.detach().cpu().numpy().copy() for name, value in surrogate.state_dict().items()}

    def digest(self):
        """Hash the learned numbers: 16 bytes that change when an array is changed in place."""
        state = hashlib.blake2b(digest_size=16)
        for name, array in self.arrays.items():
            state.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return state.digest()

    @shielded()
    def to_torch(self, device="cpu") -> Surrogate:
        """Rebuild the module, frozen, on a device.

        Passed as `surrogate`, it is a known corruption. ``to_torch().requires_grad_(True)`` is where learning goes on.

        Parameters
        ----------
        device : str or torch.device, default="cpu"

        Returns
        -------
        Surrogate
        """
        surrogate = self.make(**self.keywords)
        surrogate.load_state_dict({name: torch.tensor(value) for name, value in self.arrays.items()})
        return surrogate.requires_grad_(False).eval().to(device)

    @shielded()
    def apply(self, images):
        """Corrupt images given as an array.

        Parameters
        ----------
        images : ndarray (n, c, h, w)
            In [-1, 1].

        Returns
        -------
        ndarray (n, c, h, w), float32

        Raises
        ------
        ValueError
            If `images` are not those of the size that the surrogate was learned on, channels first, or an array leaves
            [-1, 1] by more than its width.
        """
        surrogate = self.to_torch()
        _check_images(images, _image_shape_of(surrogate))
        with torch.no_grad():
            return surrogate(torch.as_tensor(np.asarray(images, dtype=np.float32))).numpy()

    @shielded()
    def describe(self):
        """Say in human units what the surrogate does.

        Returns
        -------
        dict
            For an affine family ``rotation_deg``, ``scale``, ``shear_deg``, ``shift_px``; for a mask
            ``fraction_masked``; for gain and bias ``gain``, ``bias``; always ``family``. Where they are known,
            ``standard_errors`` is a dict of the standard errors of the numbers that were learned, by the same names.
            Too few rows have large ones.
        """
        told = {"family": self.family, **self.to_torch().describe()}
        return {**told, "standard_errors": copy.deepcopy(self.standard_errors)} if self.standard_errors else told

    def __repr__(self):
        """Name the family and the number of learned values."""
        return f"FittedSurrogate(family={self.family!r}, n_values={sum(a.size for a in self.arrays.values())})"


def _image_shape_of(surrogate):
    """The shape (c, h, w) that the first part with one was learned on, or None."""
    parts = (part for part in surrogate.modules() if isinstance(part, Surrogate))
    return next((tuple(part.image_shape) for part in parts if hasattr(part, "image_shape")), None)


def _check_images(images, image_shape):
    """Refuse images of another layout, size or unit than the surrogate's."""
    shape = tuple(np.shape(images))
    is_last = len(shape) == 4 and _is_channels_last(shape[1:], image_shape)
    if len(shape) != 4 or is_last or image_shape not in (None, shape[1:]):
        expected = "(n, c, h, w)" if image_shape is None else str(("n", *image_shape)).replace("'", "")
        cure = "Pass np.moveaxis(images, -1, 1)" if is_last else "Reshape or resize the images"
        raise ValueError(f"FittedSurrogate.apply: expected images of shape {expected}, got {shape}. {cure}.")
    if isinstance(images, np.ndarray):
        check_canonical("FittedSurrogate.apply", images)


def _is_channels_last(shape, image_shape):
    if image_shape is None:
        return channels_axis(shape) == -1
    return shape != image_shape == (shape[2], *shape[:2])
