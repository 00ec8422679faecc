"""The images of a generator, in the units of what is attacked."""

import torch

from ..exceptions import AttackError
from ..utils import CANONICAL, squared_distances

__all__ = ["Manifold"]

TOGETHER = 100  # samples decoded at a time; large networks need room


class Manifold:
    """The images of a generator, in the units, the type and on the device of one group of rows.

    Parameters
    ----------
    generator : Generator
    inputs : Inputs

    Raises
    ------
    AttackError
        If its images have another shape.
    """

    def __init__(self, generator, inputs):
        if tuple(inputs.images.shape[1:]) != generator.image_shape:
            raise AttackError(
                f"latent_walk: generator gives images of shape {generator.image_shape}, but X has "
                f"{tuple(inputs.images.shape[1:])}. Resize X or pass another generator."
            )
        self._loaded, self._inputs = generator.on(inputs.images.device), inputs
        self.device, self.prior = self._loaded.device, self._loaded.prior

    def decode(self, z):
        """Map latents to images in the bounds, differentiable."""
        bounds = self._inputs.bounds
        images = CANONICAL.convert(self._loaded.decode(z), bounds)
        return images.clamp(*bounds).to(self._inputs.images.dtype)

    def start(self, n_candidates, random):
        """Return latents of images near X: those of the encoder, or the nearest of samples."""
        images = self._inputs.bounds.convert(self._inputs.images, CANONICAL).to(torch.float32)
        with torch.no_grad():
            if self._loaded.has_encoder:
                return self.prior.project(self._loaded.encode(images))
            samples = self.prior.sample(n_candidates, self._loaded.latent_dim, random).to(self.device)
            decoded = torch.cat([self._loaded.decode(part).flatten(1) for part in samples.split(TOGETHER)])
            return samples[squared_distances(images.flatten(1), decoded).argmin(dim=1)]

    def near(self, z, share, random):
        """Return latents with noise of a share of the prior's standard deviation."""
        noise = torch.randn(z.shape, generator=random, dtype=torch.float32, device="cpu").to(z)
        return self.moved(z, share * self.prior.scale * noise)

    def moved(self, z, step):
        """Return latents after a step, within what the prior allows."""
        return self.prior.project(z.detach() + step)

    def pulled_back(self, images, z, wanted):
        """Return the change of latents that a change of their images asks for: its product with the Jacobian."""
        (direction,) = torch.autograd.grad(images, z, wanted)
        return direction
