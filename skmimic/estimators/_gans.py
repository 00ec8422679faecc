"""Generators that are trained on X: DCGAN, VAE, BiGAN."""

from typing import ClassVar

from ..training import train_bigan, train_dcgan, train_vae
from ..utils._sklearn import StrOptions
from ._gans_base import TrainedGenerator

__all__ = ["DCGAN", "VAE", "BiGAN"]


class DCGAN(TrainedGenerator):
    """Generative adversarial network of transposed convolutions.

    Parameters
    ----------
    latent_dim : int, default=64
        Size of a latent.
    width : int, default=64
        Channels of the map nearest to the image; twice as many at each halving of the size, at most eight times.
    n_epochs : int, default=20
        Passes over X.
    max_steps : int or None, default=None
        Stop after this many steps, whatever `n_epochs` says.
    batch_size : int, default=128
        Images of a step.
    learning_rate : float, default=2e-4
        Of Adam.
    ema_decay : float, default=0.999
        In [0, 1): decay of the running average of the generator's weights, which is what `generator_` holds.
    prior : {"auto", "uniform", "normal"}, default="auto"
        Distribution of the latents; "auto" is "uniform", the box [-1, 1].
    image_shape : tuple of int or None, default=None
        Channels, height, width of the images in X. None reads it off the form of X (see `fit`), and takes rows for
        grey or RGB squares. Sides go from 8 to 128 pixels; for smaller ones, and for rows that are no images, the
        networks are fully connected.
    data_range : "auto" or tuple of float, default="auto"
        Values of black and white in X. "auto" is 0..255 for uint8, else the smallest of 0..1, -1..1 and 0..255 that
        holds all values; for rows that are no images what they span. Others are refused.
    mixed_precision : bool, default=False
        Convolutions in bfloat16: two to three times as fast on processors that have it, slower elsewhere.
    checkpoint : path-like or None, default=None
        File that is written while training, and resumed from when it exists: the result has the same bits as that of
        an uninterrupted training. It carries a checksum, and a damaged one is refused. Delete it to start anew; raise
        `n_epochs` to train on.
    random_state : int, RandomState or None, default=None
        None resumes with the seed of the checkpoint, if there is one. The weights have other bits on another number of
        torch's threads.
    device : str or torch.device, default="auto"
        "auto" takes CUDA where there is one.
    verbose : int, default=0
        Prints progress and the time left to standard error when positive.

    Attributes
    ----------
    generator_ : Generator
        Frozen, with the discriminator.
    image_shape_ : tuple of int
    data_range_ : Bounds
        Range of X.
    loss_curve_ : ndarray of shape (`n_iter_`, 2)
        Losses of discriminator and generator at each step.
    n_iter_ : int
        Steps taken.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Where X has names.

    See Also
    --------
    BiGAN : With an encoder.
    VAE : Without an adversary.

    References
    ----------
    Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
    networks", ICLR 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmimic import DCGAN
    >>> X = load_digits().data
    >>> gan = DCGAN(width=4, max_steps=2, data_range=(0, 16), random_state=0).fit(X)
    >>> gan.generator_
    Generator('DCGAN', latent_dim=64, image_shape=(1, 8, 8))
    >>> gan.sample(3, random_state=0).shape
    (3, 64)
    """

    def _train(self, images, *arguments, **options):
        return train_dcgan(images, *arguments, **options)


class VAE(TrainedGenerator):
    """Variational autoencoder with the decoder of a DCGAN.

    The variance of the decoder is the mean squared error at hand, so there is no weight to choose between
    reconstruction and prior.

    Parameters
    ----------
    latent_dim : int, default=64
        Size of a latent.
    width : int, default=64
        Channels of the map nearest to the image; twice as many at each halving of the size, at most eight times.
    n_epochs : int, default=20
        Passes over X.
    max_steps : int or None, default=None
        Stop after this many steps, whatever `n_epochs` says.
    batch_size : int, default=128
        Images of a step.
    learning_rate : float, default=2e-4
        Of Adam.
    ema_decay : float, default=0.999
        In [0, 1): decay of the running average of the weights, which is what `generator_` holds.
    prior : {"auto", "normal"}, default="auto"
        Distribution of the latents, the standard normal.
    image_shape : tuple of int or None, default=None
        Channels, height, width of the images in X. None reads it off the form of X (see `fit`), and takes rows for
        grey or RGB squares. Sides go from 8 to 128 pixels; for smaller ones, and for rows that are no images, the
        networks are fully connected.
    data_range : "auto" or tuple of float, default="auto"
        Values of black and white in X. "auto" is 0..255 for uint8, else the smallest of 0..1, -1..1 and 0..255 that
        holds all values; for rows that are no images what they span. Others are refused.
    mixed_precision : bool, default=False
        Convolutions in bfloat16: two to three times as fast on processors that have it, slower elsewhere.
    checkpoint : path-like or None, default=None
        File that is written while training, and resumed from when it exists: the result has the same bits as that of
        an uninterrupted training. It carries a checksum, and a damaged one is refused. Delete it to start anew; raise
        `n_epochs` to train on.
    random_state : int, RandomState or None, default=None
        None resumes with the seed of the checkpoint, if there is one. The weights have other bits on another number of
        torch's threads.
    device : str or torch.device, default="auto"
        "auto" takes CUDA where there is one.
    verbose : int, default=0
        Prints progress and the time left to standard error when positive.

    Attributes
    ----------
    generator_ : Generator
        Frozen, with the encoder (its mean) and without discriminator.
    image_shape_ : tuple of int
    data_range_ : Bounds
        Range of X.
    loss_curve_ : ndarray of shape (`n_iter_`, 2)
        Mean squared error of the reconstruction and divergence from the prior at each step.
    n_iter_ : int
        Steps taken.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Where X has names.

    See Also
    --------
    DCGAN : Sharper images, no encoder.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014.

    Rybkin, Daniilidis and Levine, "Simple and effective VAE training with calibrated decoders", ICML 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmimic import VAE
    >>> X = load_digits().data
    >>> gan = VAE(width=4, max_steps=2, data_range=(0, 16), random_state=0).fit(X)
    >>> gan.generator_
    Generator('VAE', latent_dim=64, image_shape=(1, 8, 8))
    >>> gan.sample(3, random_state=0).shape
    (3, 64)
    """

    _parameter_constraints: ClassVar[dict] = {
        **TrainedGenerator._parameter_constraints,
        "prior": [StrOptions({"auto", "normal"})],
    }
    _default_prior = "normal"

    def _train(self, images, *arguments, **options):
        return train_vae(images, *arguments, **options)


class BiGAN(TrainedGenerator):
    """Generative adversarial network that learns an encoder against the same discriminator.

    The discriminator judges pairs: an image with its encoding, or a generated image with its latent.

    Parameters
    ----------
    latent_dim : int, default=64
        Size of a latent.
    width : int, default=64
        Channels of the map nearest to the image; twice as many at each halving of the size, at most eight times.
    n_epochs : int, default=20
        Passes over X.
    max_steps : int or None, default=None
        Stop after this many steps, whatever `n_epochs` says.
    batch_size : int, default=128
        Images of a step.
    learning_rate : float, default=2e-4
        Of Adam.
    ema_decay : float, default=0.999
        In [0, 1): decay of the running average of the weights, which is what `generator_` holds.
    prior : {"auto", "uniform", "normal"}, default="auto"
        Distribution of the latents; "auto" is "uniform", the box [-1, 1].
    image_shape : tuple of int or None, default=None
        Channels, height, width of the images in X. None reads it off the form of X (see `fit`), and takes rows for
        grey or RGB squares. Sides go from 8 to 128 pixels; for smaller ones, and for rows that are no images, the
        networks are fully connected.
    data_range : "auto" or tuple of float, default="auto"
        Values of black and white in X. "auto" is 0..255 for uint8, else the smallest of 0..1, -1..1 and 0..255 that
        holds all values; for rows that are no images what they span. Others are refused.
    mixed_precision : bool, default=False
        Convolutions in bfloat16: two to three times as fast on processors that have it, slower elsewhere.
    checkpoint : path-like or None, default=None
        File that is written while training, and resumed from when it exists: the result has the same bits as that of
        an uninterrupted training. It carries a checksum, and a damaged one is refused. Delete it to start anew; raise
        `n_epochs` to train on.
    random_state : int, RandomState or None, default=None
        None resumes with the seed of the checkpoint, if there is one. The weights have other bits on another number of
        torch's threads.
    device : str or torch.device, default="auto"
        "auto" takes CUDA where there is one.
    verbose : int, default=0
        Prints progress and the time left to standard error when positive.

    Attributes
    ----------
    generator_ : Generator
        Frozen, with the encoder and the discriminator; the latter pairs images with their own encoding.
    image_shape_ : tuple of int
    data_range_ : Bounds
        Range of X.
    loss_curve_ : ndarray of shape (`n_iter_`, 2)
        Losses of the discriminator, and of generator and encoder together, at each step.
    n_iter_ : int
        Steps taken.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Where X has names.

    See Also
    --------
    DCGAN : Without encoder; better images.

    References
    ----------
    Donahue, Krähenbühl and Darrell, "Adversarial feature learning", ICLR 2017.

    Zenati et al., "Efficient GAN-based anomaly detection", 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmimic import BiGAN
    >>> X = load_digits().data
    >>> gan = BiGAN(width=4, max_steps=2, data_range=(0, 16), random_state=0).fit(X)
    >>> gan.generator_
    Generator('BiGAN', latent_dim=64, image_shape=(1, 8, 8))
    >>> gan.sample(3, random_state=0).shape
    (3, 64)
    """

    def _train(self, images, *arguments, **options):
        return train_bigan(images, *arguments, **options)
