"""Which network of the registry trains on which images."""

from ._layout import MIN_SIDE

__all__ = [
    "bigan_discriminator_network",
    "discriminator_network",
    "encoder_network",
    "generator_network",
    "is_dense",
]

MIN_DENSE_WIDTH = 32


def is_dense(image_shape):
    """Whether images are too small for convolutions, such as rows of (1, 1, n_features)."""
    return min(image_shape[1:]) < MIN_SIDE // 2 or max(image_shape[1:]) < MIN_SIDE


def generator_network(image_shape, latent_dim, width):
    """Return (architecture, config) of a generator to train."""
    config = {"latent_dim": latent_dim, "image_shape": image_shape}
    if is_dense(image_shape):
        return "dense_generator", {**config, "width": max(width, MIN_DENSE_WIDTH)}
    return "dcgan_generator", {**config, "width": width, "batch_norm": True}


def discriminator_network(image_shape, width):
    """Return (architecture, config) of a discriminator to train."""
    if is_dense(image_shape):
        return "dense_discriminator", {"image_shape": image_shape, "width": max(width, MIN_DENSE_WIDTH)}
    return "dcgan_discriminator", {"image_shape": image_shape, "width": width, "batch_norm": True}


def encoder_network(image_shape, latent_dim, width, bounded):
    """Return (architecture, config) of an encoder to train."""
    config = {"latent_dim": latent_dim, "image_shape": image_shape, "bounded": bounded}
    if is_dense(image_shape):
        return "dense_encoder", {**config, "width": max(width, MIN_DENSE_WIDTH)}
    return "dcgan_encoder", {**config, "width": width}


def bigan_discriminator_network(image_shape, latent_dim, width, bounded):
    """Return (architecture, config) of a discriminator of pairs, which holds the encoder."""
    dense = is_dense(image_shape)
    width = max(width, MIN_DENSE_WIDTH) if dense else width
    config = {"latent_dim": latent_dim, "image_shape": image_shape, "width": width, "bounded": bounded}
    return "bigan_discriminator", {**config, "dense": dense, "batch_norm": not dense}
