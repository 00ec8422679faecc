"""Images to images of a generator in one pass."""

import torch

from ..utils import aligned_linear

__all__ = ["ManifoldMap"]

FLAT = 1e-12  # of the largest spread, below which an axis is rounding


class ManifoldMap:
    """Map images to the generator's: ``P(x) = G(E(x))``, for a linear generator the nearest image.

    Works on the device of the images; pickles with the frozen handle.

    Parameters
    ----------
    generator : Generator
        With an encoder, or linear.
    """

    def __init__(self, generator):
        self.generator = generator
        self._basis = _orthonormal(generator) if generator.is_linear else None

    @property
    def precision(self):
        """The dtype that images should have."""
        return torch.float32 if self._basis is None else torch.float64

    def __call__(self, images):
        """Map images (n, c, h, w) in [-1, 1] to clean ones of the same shape, differentiable."""
        if self._basis is not None:
            return self._nearest(images)
        loaded = self.generator.on(images.device)
        return loaded.decode(loaded.encode(images.clamp(-1, 1))).to(images.dtype)

    def _nearest(self, images):
        axes, mean = (part.to(images) for part in self._basis)
        weights = aligned_linear(images.flatten(1) - mean, axes)
        return aligned_linear(weights, axes.T, mean).reshape(images.shape)


def _orthonormal(generator):
    """Orthonormal axes (d, c*h*w) and mean of a linear generator, in [-1, 1]."""
    components, mean = (torch.from_numpy(part) for part in generator.linear_map())
    _, sizes, axes = torch.linalg.svd(components, full_matrices=False)
    return axes[sizes > sizes[0] * FLAT], mean
