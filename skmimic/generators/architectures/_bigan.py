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
    batch_norm : bool, default=False
        With batch normalisation between convolutions, for training; ``fold`` turns it into weights and biases.

    Attributes
    ----------
    encoder : torch.nn.Module
        The encoder, a part of this module.
    """

    architecture = "bigan_discriminator"

    def __init__(self, latent_dim, image_shape, width, bounded=False, dense=False, batch_norm=False):
        super().__init__()
        self.config = {
            "latent_dim": int(latent_dim),
            "image_shape": [int(v) for v in image_shape],
            "width": int(width),
            "bounded": bool(bounded),
            "dense": bool(dense),
            "batch_norm": bool(batch_norm),
        }
        n_features = 8 * int(width)
        if dense:
            self.encoder = DenseEncoder(latent_dim, image_shape, width, bounded)
            self.image_features = DenseEncoder(n_features, image_shape, width)
        else:
            self.encoder = DCGANEncoder(latent_dim, image_shape, width, bounded, batch_norm)
            self.image_features = DCGANEncoder(n_features, image_shape, width, False, batch_norm)
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
