"""A generator on a device, as the engine sees it."""

from functools import cached_property

import torch

from ..exceptions import GeneratorMismatchError
from ..utils import (
    CANONICAL,
    ByteCache,
    align_layers,
    background_of,
    block_size,
    fold_convolutions,
    has_fast_bfloat16,
    in_blocks,
    in_whole_vectors,
)
from ._calling import call_discriminator, call_encoder, call_generator
from ._decoder import frozen_decoder
from ._features import LastLayer
from ._linear import LinearDecoder, canonical_part
from ._operations import count_operations

__all__ = ["LoadedGenerator"]

MOST_CACHED = 2**29  # bytes: the candidates and what one surrogate makes of them
N_COUNTED = 4  # images, with which operations are counted
N_SAMPLES, N_TOGETHER = 64, 4  # whose borders are looked at; few at a time, as large networks need room


class LoadedGenerator:
    """The networks of a `Generator` on one device; made by `Generator.on`, never pickled.

    Everything is float32, in eval mode and without parameter gradients. Images are in the canonical range [-1, 1].

    Parameters
    ----------
    facts : Facts
    parts : dict of Part
    device : torch.device

    Attributes
    ----------
    latent_dim : int
    image_shape : tuple of int
        Channels, height, width.
    prior : Prior
    device : torch.device
    cache : ByteCache
        What follows from the networks and is costly to make again; anyone may clear it.
    """

    def __init__(self, facts, parts, device):
        self.latent_dim, self.image_shape, self.prior = facts.latent_dim, facts.image_shape, facts.prior
        self.device, self.cache = device, ByteCache(MOST_CACHED)
        self._data_range = self._image_range = facts.data_range
        self._calls = {name: part.description["call"] for name, part in parts.items()}
        if parts["generator"].architecture == LinearDecoder.architecture:
            parts = {**parts, "generator": canonical_part(parts["generator"], facts.data_range)}
            self._image_range = CANONICAL
        self._modules = {name: align_layers(part.load(device)) for name, part in parts.items()}
        self._block_sizes = dict.fromkeys(parts)
        if device.type == "cpu":
            self._block_sizes = {name: block_size(module) for name, module in self._modules.items()}
            fold_convolutions(self._modules["generator"])
        self._decoder = self._decoder_in(torch.float32) or self._modules["generator"]
        self._shape_was_checked = False
        self._last_layer = LastLayer()

    @cached_property
    def rough(self):
        """The same networks with images in bfloat16 at less than half the time, or None where that is not to be had.

        Only on processors that multiply bfloat16 numbers natively, and for networks whose rows then keep their bits
        in any company.
        """
        decoder = self._decoder_in(torch.bfloat16) if has_fast_bfloat16(self.device) else None
        if decoder is None:
            return None
        twin = object.__new__(type(self))
        vars(twin).update(vars(self), _decoder=decoder)
        return twin

    def _decoder_in(self, dtype):
        return frozen_decoder(self._modules["generator"], dtype) if self.device.type == "cpu" else None

    def __repr__(self):
        return f"LoadedGenerator(latent_dim={self.latent_dim}, image_shape={self.image_shape}, device='{self.device}')"

    def __reduce__(self):
        raise TypeError("LoadedGenerator stays on its device and is not pickled. Pickle the Generator it came from.")

    @cached_property
    def n_operations(self):
        """Floating-point operations of one image, as far as its layers tell."""
        z = torch.zeros(N_COUNTED, self.latent_dim, dtype=torch.float32, device=self.device)
        module, layout = self._modules["generator"], self._calls["generator"]["layout"]
        return count_operations(module, lambda: call_generator(module, z, layout, self.image_shape))

    @cached_property
    def background(self):
        """Value that dominates the borders of its images, in [-1, 1]; -1 where none does."""
        z = self.prior.sample(N_SAMPLES, self.latent_dim, torch.Generator().manual_seed(0)).to(self.device)
        with torch.no_grad():
            return background_of(torch.cat([self.decode(part) for part in z.split(N_TOGETHER)]))

    @property
    def is_linear(self):
        """Whether images are the latents times fixed components plus a mean."""
        return isinstance(self._modules["generator"], LinearDecoder)

    @property
    def has_discriminator(self):
        """Whether `discriminate` gives logits."""
        return "discriminator" in self._modules

    @property
    def has_encoder(self):
        """Whether `encode` gives latents."""
        return "encoder" in self._modules

    def decode(self, z):
        """Map latents to images, differentiable in the latents.

        Parameters
        ----------
        z : tensor (n, latent_dim)

        Returns
        -------
        tensor (n, c, h, w)
            In [-1, 1].

        Raises
        ------
        GeneratorMismatchError
            If the latents or the images have another shape.
        """
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise GeneratorMismatchError(
                f"decode: expected latents (n, {self.latent_dim}), got shape {tuple(z.shape)}."
            )
        layout = self._calls["generator"]["layout"]
        module, z = self._decoder, z.to(torch.float32)
        images = self._by_rows("generator", z, lambda part: call_generator(module, part, layout, self.image_shape))
        if not self._shape_was_checked:
            self._check_shape(images, len(z))
        return self._image_range.convert(images, CANONICAL)

    def _by_rows(self, name, rows, call):
        """Call a network so that a row's bits do not depend on the number of rows."""
        size, call = self._block_sizes[name], in_whole_vectors(call)
        return in_blocks(call, rows, size) if size and len(rows) else call(rows)

    def _check_shape(self, images, n):
        if tuple(images.shape) != (n, *self.image_shape):
            raise GeneratorMismatchError(
                f"decode: {n} latents gave images of shape {tuple(images.shape)}; expected {(n, *self.image_shape)}."
            )
        self._shape_was_checked = True

    def discriminate(self, images):
        """Map images (n, c, h, w) in [-1, 1] to logits (n,) of being real, or None without a discriminator."""
        if not self.has_discriminator:
            return None
        return self._by_rows("discriminator", images, self._discriminated)

    def _discriminated(self, images):
        images = CANONICAL.convert(images.to(torch.float32), self._data_range)
        return call_discriminator(self._modules["discriminator"], images, **self._calls["discriminator"])

    def features(self, images):
        """Map images to what the discriminator's last layer sees, differentiable in the images.

        Parameters
        ----------
        images : tensor (n, c, h, w)
            In [-1, 1].

        Returns
        -------
        tensor (n, ...)
            Maps, or a row, for each image.

        Raises
        ------
        GeneratorMismatchError
            Without a discriminator, or if it has no linear or convolutional layer to listen at.
        """
        if not self.has_discriminator:
            raise GeneratorMismatchError(
                "features: the generator has no discriminator. Pass a pair (G, D), or features of your own."
            )
        discriminated = in_whole_vectors(self._discriminated)
        return self._last_layer.inputs(self._modules["discriminator"], lambda: discriminated(images))

    def encode(self, images):
        """Map images (n, c, h, w) in [-1, 1] to latents (n, latent_dim), or None without an encoder."""
        if not self.has_encoder:
            return None
        images = CANONICAL.convert(images.to(torch.float32), self._data_range)
        module, layout = self._modules["encoder"], self._calls["encoder"]["layout"]
        return self._by_rows("encoder", images, lambda part: call_encoder(module, part, layout, self.latent_dim))
