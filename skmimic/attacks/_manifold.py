"""The images of a generator, in the units of what is attacked."""

import torch

from ..exceptions import AttackError
from ..utils import CANONICAL, squared_distances
from ._losses import margins_of

__all__ = ["Manifold"]

TOGETHER = 100  # samples decoded at a time; large networks need room
NOISE = 0.3  # of the prior's standard deviation: other images, yet about as near to X


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
        if self._loaded.has_encoder:
            with torch.no_grad():
                return self.prior.project(self._loaded.encode(self._canonical()))
        samples, distances = self._sampled(n_candidates, random)
        return samples[distances.argmin(dim=1)]

    def restart(self, start, radius, n_candidates, random, classify=None):
        """Return latents of samples in a ball around X; where none lies in it, those of the start with noise.

        `classify` gives logits of images: the sample is taken that is misread most. Without, a random one.
        """
        samples, distances = self._sampled(n_candidates, random)
        if classify is None:
            wishes = torch.rand(distances.shape, generator=random, dtype=torch.float32, device="cpu").to(distances)
        else:
            wishes = -self._margins(samples, classify)
        wishes = torch.where(distances <= radius, wishes, -torch.inf)
        noise = torch.randn(start.shape, generator=random, dtype=torch.float32, device="cpu").to(start)
        nearby = self.moved(start, NOISE * self.prior.scale * noise)
        is_in = wishes.amax(dim=1, keepdim=True) > -torch.inf
        return torch.where(is_in, samples[wishes.argmax(dim=1)], nearby)

    def _margins(self, samples, classify):
        """Return the margins (n, k) of k samples with the labels of n rows."""
        with torch.no_grad():
            logits = torch.cat([classify(self.decode(part)) for part in samples.split(TOGETHER)])
            classes = torch.arange(logits.shape[1], device=logits.device)
            of_classes = torch.stack([margins_of(logits, label.expand(len(logits))) for label in classes])
            return of_classes[self._inputs.labels].to(torch.float32)

    def _sampled(self, n_candidates, random):
        """Draw latents, and measure how far X is from their images, Euclidean, in its units."""
        low, high = self._inputs.bounds
        with torch.no_grad():
            samples = self.prior.sample(n_candidates, self._loaded.latent_dim, random).to(self.device)
            decoded = torch.cat([self._loaded.decode(part).flatten(1) for part in samples.split(TOGETHER)])
            squares = squared_distances(self._canonical().flatten(1), decoded)
            return samples, squares.sqrt() * (high - low) / (CANONICAL.high - CANONICAL.low)

    def _canonical(self):
        return self._inputs.bounds.convert(self._inputs.images, CANONICAL).to(torch.float32)

    def moved(self, z, step):
        """Return latents after a step, within what the prior allows."""
        return self.prior.project(z.detach() + step)

    def pulled_back(self, images, z, wanted):
        """Return the change of latents that a change of their images asks for: its product with the Jacobian."""
        (direction,) = torch.autograd.grad(images, z, wanted)
        return direction
