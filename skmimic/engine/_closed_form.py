"""Exact latents when both generator and surrogate are affine, row by row."""

import math
from collections import defaultdict
from functools import cached_property

import torch

from ..utils import aligned_linear
from ._unseen import completed, seen_pixels

__all__ = ["ClosedForm", "unit_of"]

NOISE_SDS = 10.0 ** torch.linspace(-3, 1, 61, dtype=torch.float64)  # that a row with unseen pixels may show
VARIES = 1e-9  # part of the largest entry from which an entry of the map is not rounding
LOSSY = 0.1  # see `least_left`: above, least squares err by up to 1 % less, below, the likeliest latents by up to 55 %


class ClosedForm:
    """Least-squares projection ``min_z ||Y - f^(G(z))||_2`` for a linear generator.

    Where the surrogate hides much of some images, as a mask or a frame does, and in a row with unseen pixels, latents
    are the likeliest given what is seen, under a Gaussian prior: least squares would take from few pixels latents that
    spoil the others. The noise is that which makes the seen pixels likeliest.

    Parameters
    ----------
    components : ndarray (d, C*H*W)
    mean : ndarray (C*H*W,)
        ``G(z) = z @ components + mean`` in canonical values.
    surrogate : Surrogate
        Affine in the images; frozen.
    image_shape : tuple (C, H, W)
    centre : tensor (d,) or None, default=None
        Of the prior; None is zero.
    variance : float, default=inf
        Of the prior in each latent; infinite leaves all rows the shortest least squares.

    References
    ----------
    Noise by the evidence: D. J. C. MacKay, "Bayesian Interpolation", Neural Computation 4, 1992.
    """

    def __init__(self, components, mean, surrogate, image_shape, centre=None, variance=math.inf):
        self.components, self.mean = torch.as_tensor(components).double(), torch.as_tensor(mean).double()
        self.image_shape, self.surrogate = image_shape, surrogate.double()
        basis = torch.cat([self.mean[None], self.mean + self.components]).reshape(-1, *image_shape)
        with torch.no_grad():
            seen = self.surrogate(basis).flatten(1)
        self.offset, self.mixing = seen[0], seen[1:] - seen[0]  # f^(G(z)) = z @ mixing + offset
        self.inverse = torch.linalg.pinv(self.mixing)  # (C*H*W, d)
        self.centre = torch.zeros(len(self.mixing)).double() if centre is None else centre.double()
        self.variance = variance
        self.is_lossy = math.isfinite(variance) and self.least_left < LOSSY

    @cached_property
    def least_left(self):
        """Least power that the surrogate leaves of an image of the generator, 0 to 1; 1 if of all images the same part.

        Measured by ``benchmarks/linear_generators.py``, where it is the column "left".
        """
        left, sizes, _ = torch.linalg.svd(self.components, full_matrices=False)
        kept = sizes > VARIES * sizes.max()
        powers = torch.linalg.svdvals((left[:, kept] / sizes[kept]).T @ self.mixing).square()
        return float(powers.min() / powers.max()) if len(powers) else 1.0

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
        self._solve_likeliest(observed, z)
        images = self.decode(z)
        with torch.no_grad():
            return z, images, self.surrogate(images)

    def _solve_likeliest(self, observed, z):
        """Put in place the likeliest latents of rows that do not show all; what shows the same shares a system."""
        seen = seen_pixels(observed)
        if seen is None and not self.is_lossy:
            return
        seen = torch.ones_like(observed, dtype=torch.bool) if seen is None else seen
        patterns = defaultdict(list)
        for index in torch.nonzero(self.is_lossy | ~seen.flatten(1).all(1))[:, 0].tolist():
            patterns[seen[index].numpy().tobytes()].append(index)
        size = self.mixing.abs()
        told = size.amax(0) > VARIES * size.max()  # pixels that are the same in all images say nothing of the noise
        expected = self.offset + self.centre @ self.mixing
        for rows in patterns.values():
            counts = seen[rows[0]].flatten() & told
            left = torch.where(counts, observed[rows].flatten(1) - expected, 0)
            z[rows] = self.centre + self._likeliest(left, self.mixing * counts, int(counts.sum()))

    def _likeliest(self, left, mixing, n_seen):
        """Compute the likeliest latents (n, d), from the centre, of rows (n, C*H*W) with zeros where they count not."""
        eigenvalues, basis = torch.linalg.eigh(aligned_linear(mixing, mixing))
        eigenvalues = eigenvalues.clamp_min(0)
        pulls = aligned_linear(aligned_linear(left, mixing), basis.T)
        ridge = self._noise(left, pulls, eigenvalues, n_seen) / self.variance
        least = len(eigenvalues) * torch.finfo(torch.float64).eps * eigenvalues.max()
        is_told = eigenvalues + ridge > least
        return aligned_linear(torch.where(is_told, pulls / (eigenvalues + ridge), 0), basis)

    def _noise(self, left, pulls, eigenvalues, n_seen):
        """Compute the variance of the noise (n, 1) under which each row is likeliest; zero without a prior."""
        if not math.isfinite(self.variance):
            return left.new_zeros(len(left), 1)
        noise = NOISE_SDS.square()[:, None]
        spreads = noise + self.variance * eigenvalues  # (k, d)
        volume = spreads.log().sum(1) + (n_seen - len(eigenvalues)) * noise[:, 0].log()
        explained = aligned_linear(pulls.square(), self.variance / spreads)
        misfit = (left.square().sum(1, keepdim=True) - explained) / noise[:, 0]
        return noise[(volume + misfit).argmin(1)]

    def decode(self, z):
        """Turn latents (n, d) into images (n, c, h, w)."""
        return aligned_linear(z, self.components.T, self.mean).reshape(len(z), *self.image_shape)

    def mimic(self, z):
        """Turn latents (n, d) into mimicked images (n, c, h, w)."""
        with torch.no_grad():
            return self.surrogate(self.decode(z))


def unit_of(prior, latent_dim):
    """Compute the length at which the penalty of a latent coordinate is 1/2."""
    one_off = prior.mean(latent_dim)[None].double() + 1.0
    return float((latent_dim / (2 * prior.penalty(one_off))).sqrt())
