"""Convolutional generator, discriminator and encoder (Radford et al., 2016), for any size from 8x8 to 128x128."""

import itertools

import torch
from torch import nn
from torch.nn import functional

from ._layout import layout_of

__all__ = ["DCGANDiscriminator", "DCGANEncoder", "DCGANGenerator"]

KERNEL = {"kernel_size": 4, "stride": 2, "padding": 1}


class DCGANGenerator(nn.Module):
    """Latents to images: a linear layer, then transposed convolutions that double the size.

    The images are cropped where the size is not a multiple of the base map.

    Parameters
    ----------
    latent_dim : int
    image_shape : tuple of int
        Channels, height, width.
    width : int
        Channels of the map nearest to the image.
    batch_norm : bool, default=False
        With batch normalisation, for training; ``fold`` turns it into weights and biases.
    """

    architecture = "dcgan_generator"

    def __init__(self, latent_dim, image_shape, width, batch_norm=False):
        super().__init__()
        self.config = {
            "latent_dim": int(latent_dim),
            "image_shape": [int(v) for v in image_shape],
            "width": int(width),
            "batch_norm": bool(batch_norm),
        }
        self.layout = layout_of(image_shape, width)
        channels = self.layout.channels
        height, width_ = self.layout.base
        self.first = nn.Linear(latent_dim, channels[0] * height * width_)
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) if batch_norm else nn.Identity() for n in channels)
        following = (*channels[1:], image_shape[0])
        self.doublings = nn.ModuleList(
            nn.ConvTranspose2d(n_in, n_out, **KERNEL) for n_in, n_out in zip(channels, following, strict=True)
        )

    def stages(self):
        """Return the pairs of a linear layer and the normalisation after it."""
        return list(zip([self.first, *self.doublings], [*self.norms, nn.Identity()], strict=True))

    def forward(self, z):
        """Map latents (n, latent_dim) to images (n, c, h, w) in [-1, 1]."""
        maps = self.first(z).unflatten(1, (-1, *self.layout.base))
        for norm, doubling in zip(self.norms, self.doublings, strict=True):
            maps = doubling(functional.relu(norm(maps)))
        return torch.tanh(_crop(maps, self.config["image_shape"][1:]))


class _Halvings(nn.Module):
    """Stride-2 convolutions from an image down to the base map, then one linear layer."""

    def __init__(self, image_shape, width, n_out, batch_norm=False):
        super().__init__()
        self.layout = layout_of(image_shape, width)
        inward = (int(image_shape[0]), *reversed(self.layout.channels))
        self.halvings = nn.ModuleList(nn.Conv2d(n_in, n_next, **KERNEL) for n_in, n_next in itertools.pairwise(inward))
        normed = [False, *[batch_norm] * (len(inward) - 2)]  # never right after the image
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(n) if norm else nn.Identity() for n, norm in zip(inward[1:], normed, strict=True)
        )
        height, width_ = self.layout.base
        self.last = nn.Linear(inward[-1] * height * width_, n_out)

    def stages(self):
        """Return the pairs of a linear layer and the normalisation after it."""
        return [*zip(self.halvings, self.norms, strict=True), (self.last, nn.Identity())]

    def _outputs(self, images):
        maps = _pad(images, self.layout.padded)
        for halving, norm in zip(self.halvings, self.norms, strict=True):
            maps = functional.leaky_relu(norm(halving(maps)), 0.2)
        return self.last(maps.flatten(1))


class DCGANDiscriminator(_Halvings):
    """Images to logits of being real.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height, width.
    width : int
        Channels after the first convolution.
    batch_norm : bool, default=False
        With batch normalisation, for training; ``fold`` turns it into weights and biases.
    """

    architecture = "dcgan_discriminator"

    def __init__(self, image_shape, width, batch_norm=False):
        super().__init__(image_shape, width, 1, batch_norm)
        self.config = {
            "image_shape": [int(v) for v in image_shape],
            "width": int(width),
            "batch_norm": bool(batch_norm),
        }

    def forward(self, images):
        """Map images (n, c, h, w) to logits (n,)."""
        return self._outputs(images).flatten()


class DCGANEncoder(_Halvings):
    """Images to latents.

    Parameters
    ----------
    latent_dim : int
        Number of outputs; a variational encoder asks for twice as many while it trains.
    image_shape : tuple of int
        Channels, height, width.
    width : int
        Channels after the first convolution.
    bounded : bool, default=False
        Whether tanh keeps the latents in [-1, 1].
    batch_norm : bool, default=False
        With batch normalisation, for training; ``fold`` turns it into weights and biases.
    """

    architecture = "dcgan_encoder"

    def __init__(self, latent_dim, image_shape, width, bounded=False, batch_norm=False):
        super().__init__(image_shape, width, latent_dim, batch_norm)
        self.config = {
            "latent_dim": int(latent_dim),
            "image_shape": [int(v) for v in image_shape],
            "width": int(width),
            "bounded": bool(bounded),
            "batch_norm": bool(batch_norm),
        }

    def forward(self, images):
        """Map images (n, c, h, w) to latents (n, latent_dim)."""
        z = self._outputs(images)
        return torch.tanh(z) if self.config["bounded"] else z


def _crop(maps, size):
    """Cut the middle of the maps out."""
    top, left = ((have - want) // 2 for have, want in zip(maps.shape[2:], size, strict=True))
    return maps[:, :, top : top + size[0], left : left + size[1]]


def _pad(images, size):
    """Repeat the border until the images have a size; the inverse of cropping."""
    extra_height, extra_width = (want - have for have, want in zip(images.shape[2:], size, strict=True))
    if not (extra_height or extra_width):
        return images
    top, left = extra_height // 2, extra_width // 2
    return functional.pad(images, (left, extra_width - left, top, extra_height - top), mode="replicate")
