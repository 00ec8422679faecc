"""Fully connected generator, discriminator and encoder, for rows that are no images or very small ones."""

import torch
from torch import nn

__all__ = ["DenseDiscriminator", "DenseEncoder", "DenseGenerator"]


def _stack(n_in, width, n_out, activation):
    return nn.Sequential(
        nn.Linear(n_in, width), activation, nn.Linear(width, width), activation, nn.Linear(width, n_out)
    )


class DenseGenerator(nn.Module):
    """Latents to images through two hidden layers.

    Parameters
    ----------
    latent_dim : int
    image_shape : tuple of int
        Channels, height, width.
    width : int
        Units of a hidden layer.
    """

    architecture = "dense_generator"

    def __init__(self, latent_dim, image_shape, width):
        super().__init__()
        self.image_shape = tuple(int(v) for v in image_shape)
        self.config = {"latent_dim": int(latent_dim), "image_shape": list(self.image_shape), "width": int(width)}
        self.layers = _stack(latent_dim, width, _size(image_shape), nn.ReLU())

    def forward(self, z):
        """Map latents (n, latent_dim) to images (n, c, h, w) in [-1, 1]."""
        return torch.tanh(self.layers(z)).unflatten(1, self.image_shape)


class DenseDiscriminator(nn.Module):
    """Images to logits of being real, through two hidden layers.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height, width.
    width : int
        Units of a hidden layer.
    """

    architecture = "dense_discriminator"

    def __init__(self, image_shape, width):
        super().__init__()
        self.config = {"image_shape": [int(v) for v in image_shape], "width": int(width)}
        self.layers = _stack(_size(image_shape), width, 1, nn.LeakyReLU(0.2))

    def forward(self, images):
        """Map images (n, c, h, w) to logits (n,)."""
        return self.layers(images.flatten(1)).flatten()


class DenseEncoder(nn.Module):
    """Images to latents through two hidden layers.

    Parameters
    ----------
    latent_dim : int
    image_shape : tuple of int
        Channels, height, width.
    width : int
        Units of a hidden layer.
    bounded : bool, default=False
        Whether tanh keeps the latents in [-1, 1].
    """

    architecture = "dense_encoder"

    def __init__(self, latent_dim, image_shape, width, bounded=False):
        super().__init__()
        self.config = {
            "latent_dim": int(latent_dim),
            "image_shape": [int(v) for v in image_shape],
            "width": int(width),
            "bounded": bool(bounded),
        }
        self.layers = _stack(_size(image_shape), width, latent_dim, nn.LeakyReLU(0.2))

    def forward(self, images):
        """Map images (n, c, h, w) to latents (n, latent_dim)."""
        z = self.layers(images.flatten(1))
        return torch.tanh(z) if self.config["bounded"] else z


def _size(image_shape):
    channels, height, width = image_shape
    return int(channels) * int(height) * int(width)
