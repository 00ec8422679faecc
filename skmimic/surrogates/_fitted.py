"""A learned surrogate as plain numpy."""

import hashlib

import numpy as np
import torch

from ..utils import Versioned, shielded
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
    """

    def __init__(self, surrogate, family="user"):
        self.family = family
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
        """
        with torch.no_grad():
            return self.to_torch()(torch.as_tensor(np.asarray(images, dtype=np.float32))).numpy()

    @shielded()
    def describe(self):
        """Say in human units what the surrogate does.

        Returns
        -------
        dict
            For an affine family ``rotation_deg``, ``scale``, ``shear_deg``, ``shift_px``; for a mask
            ``fraction_masked``; for gain and bias ``gain``, ``bias``; always ``family``.
        """
        return {"family": self.family, **self.to_torch().describe()}

    def __repr__(self):
        """Name the family and the number of learned values."""
        return f"FittedSurrogate(family={self.family!r}, n_values={sum(a.size for a in self.arrays.values())})"
