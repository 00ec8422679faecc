"""Discriminator of image and latent together (Donahue et al., 2017)."""

import torch
from torch import nn
from torch.nn import functional

from ._dcgan import DCGANEncoder
from ._dense import DenseEncoder

__all__ = ["BiGANDiscriminator"]


class BiGANDiscriminator(nn.Module):
    """Pairs of image and latent to logits of being (image, encoded image) rather than (generated image, latent).

    Called with images alone it pairs them with their own encoding, as EGBAD does (Zenati et al., 2018).

    Parameters
    ----------
    latent_dim : int
    image_shape : tuple of int
        Channels, height, width.
    width : int
        Channels after the first convolution; units of a hidden layer when the images are too small for convolutions.
    bounded : bool, default=False
        Whether tanh keeps the encoded latents in [-1, 1].
    dense : bool, default=False
        Fully connected instead of convolutional.

    Attributes
    ----------
    encoder : torch.nn.Module
        The encoder, a part of this module.
    """

    architecture = "bigan_discriminator"

    def __init__(self, latent_dim, image_shape, width, bounded=False, dense=False):
        super().__init__()
        self.config = {
            "latent_dim": int(latent_dim),
            "image_shape": [int(v) for v in image_shape],
            "width": int(width),
            "bounded": bool(bounded),
            "dense": bool(dense),
        }
        network = DenseEncoder if dense else DCGANEncoder
        n_features = 8 * int(width)
        self.encoder = network(latent_dim, image_shape, width, bounded)
        self.image_features = network(n_features, image_shape, width)
        self.latent_features = nn.Linear(latent_dim, n_features)
        self.last = nn.Sequential(nn.Linear(2 * n_features, n_features), nn.LeakyReLU(0.2), nn.Linear(n_features, 1))

    def joint(self, images, z):
        """Map images (n, c, h, w) and latents (n, latent_dim) to logits (n,)."""
        features = torch.cat([self.image_features(images), self.latent_features(z)], dim=1)
        return self.last(functional.leaky_relu(features, 0.2)).flatten()

    def forward(self, images):
        """Map images (n, c, h, w) to logits (n,)."""
        return self.joint(images, self.encoder(images))

    def judge_parameters(self):
        """Return the parameters that are not the encoder's."""
        parts = (self.image_features, self.latent_features, self.last)
        return [parameter for part in parts for parameter in part.parameters()]
