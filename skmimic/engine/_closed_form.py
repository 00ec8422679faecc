"""Exact latents when both generator and surrogate are affine: least squares, row by row."""

import torch

from ..utils import aligned_linear
from ._unseen import completed, partial_rows

__all__ = ["ClosedForm"]


class ClosedForm:
    """Least-squares projection ``min_z ||Y - f^(G(z))||_2`` for a linear generator, over what each row has seen.

    Where too little was seen to tell the latents, those of the smallest norm are taken.

    Parameters
    ----------
    components : ndarray (d, C*H*W)
    mean : ndarray (C*H*W,)
        ``G(z) = z @ components + mean`` in canonical values.
    surrogate : Surrogate
        Affine in the images; frozen.
    image_shape : tuple (C, H, W)
    """

    def __init__(self, components, mean, surrogate, image_shape):
        self.components, self.mean = torch.as_tensor(components).double(), torch.as_tensor(mean).double()
        self.image_shape, self.surrogate = image_shape, surrogate.double()
        basis = torch.cat([self.mean[None], self.mean + self.components]).reshape(-1, *image_shape)
        with torch.no_grad():
            seen = self.surrogate(basis).flatten(1)
        self.offset, self.mixing = seen[0], seen[1:] - seen[0]  # f^(G(z)) = z @ mixing + offset
        self.inverse = torch.linalg.pinv(self.mixing)  # (C*H*W, d)

    def __call__(self, observed):
        """Project observed images.

        Parameters
        ----------
        observed : tensor (n, c, h, w), float64
            NaN where nothing was seen.

        Returns
        -------
        z : tensor (n, d)
        images : tensor (n, c, h, w)
        mimicked : tensor (n, c, h, w)
        """
        z = aligned_linear(completed(observed).flatten(1) - self.offset, self.inverse.T)
        self._solve_partial(observed, z)
        images = self.decode(z)
        with torch.no_grad():
            return z, images, self.surrogate(images)

    def _solve_partial(self, observed, z):
        """Put the latents of rows with unseen pixels in place, each solved alone; one matrix for each pattern."""
        inverses = {}
        for index, seen in partial_rows(observed):
            pattern = seen.numpy().tobytes()
            if pattern not in inverses:
                inverses[pattern] = torch.linalg.pinv(self.mixing[:, seen])
            z[index] = (observed[index].flatten() - self.offset)[seen] @ inverses[pattern]

    def decode(self, z):
        """Turn latents (n, d) into images (n, c, h, w)."""
        return aligned_linear(z, self.components.T, self.mean).reshape(len(z), *self.image_shape)

    def mimic(self, z):
        """Turn latents (n, d) into mimicked images (n, c, h, w)."""
        with torch.no_grad():
            return self.surrogate(self.decode(z))
