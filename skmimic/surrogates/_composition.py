"""Surrogates one after another (paper, figure 3)."""

from torch import nn

from ._affine import FILL, Affine
from ._base import Surrogate
from ._convolution import Convolution
from ._mask import Mask

__all__ = ["Composition", "paper_surrogate", "part_of"]


class Composition(Surrogate):
    """Apply several surrogates in order.

    Parameters
    ----------
    parts : sequence of Surrogate
    """

    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.takes_deviations = any(part.takes_deviations for part in self.parts)
        self.is_affine_in_images = all(part.is_affine_in_images for part in self.parts)

    def forward(self, images, deviations=None):
        """Run the parts; the per-row deviations reach the part that takes them."""
        for part in self.parts:
            images = part(images, deviations if part.takes_deviations else None)
        return images

    def undo(self, observed):
        """Undo the parts from the last to the first; None where one cannot be undone."""
        for part in reversed(self.parts):
            observed = None if observed is None else part.undo(observed)
        return observed

    @property
    def missing(self):
        """The first part that knows which pixels a row may have lost, or None."""
        return next((part.missing for part in self.parts if part.missing is not None), None)

    def read_offsets(self, observed):
        """What the first part reads that reads anything, or None."""
        found = (part.read_offsets(observed) for part in self.parts)
        return next((offsets for offsets in found if offsets is not None), None)

    def part(self, kind):
        """Return the first part of a class, or None.

        Parameters
        ----------
        kind : type

        Returns
        -------
        Surrogate or None
        """
        return next((part for part in self.parts if isinstance(part, kind)), None)

    def recipe(self):
        """Return the builder with the recipes of the parts."""
        return build_composition, {"recipes": [part.recipe() for part in self.parts]}

    def describe(self):
        """Merge the descriptions of the parts."""
        merged = {}
        for part in self.parts:
            merged.update(part.describe())
        return merged


def part_of(surrogate, kind):
    """Return a surrogate if it is of a class, or the first part of it that is, or None.

    Parameters
    ----------
    surrogate : Surrogate
    kind : type

    Returns
    -------
    Surrogate or None
    """
    if isinstance(surrogate, Composition):
        return surrogate.part(kind)
    return surrogate if isinstance(surrogate, kind) else None


def build_composition(recipes):
    """Build a composition from the recipes of its parts."""
    return Composition([make(**keywords) for make, keywords in recipes])


def paper_surrogate(image_shape, seed=0, fill=FILL):
    """Build the surrogate of the paper's figure 3: affine, four convolutions with a shortcut, mask.

    Parameters
    ----------
    image_shape : tuple (C, H, W)
    seed : int, default=0
        Seed of the random initial weights and mask.
    fill : float, default=-1.0
        What comes into view from outside the images, in [-1, 1].

    Returns
    -------
    Composition

    References
    ----------
    MimicGAN, section 3.1.1 and figure 3. Widths are not given there: 16 channels, 3x3 kernels, ReLU.
    """
    convolution = Convolution(image_shape, width=16, n_layers=4, start="random", seed=seed)
    return Composition([Affine(image_shape, fill), convolution, Mask(image_shape, start="random", seed=seed)])
