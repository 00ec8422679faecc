"""Generators, and rows that they have not seen: half of them for the report, the others to choose settings on."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from skmimic import DCGAN, VAE, Generator, load_gan
from skmimic.datasets import load_celeba, load_fashion_mnist, load_mnist, load_usps

__all__ = ["CLEAN", "DATA", "PARTS", "Source", "draw_rows", "source_of"]

MODELS = Path(__file__).parents[1] / "models"
N_FACES, N_SMALL, LEFT_OUT = 500, 1200, 9  # faces held out; rows of the small trainings; the digit that one never sees
N_COMPONENTS = 100
DATA = ("digits16", "digits28", "faces64", "fashion28")
CLEAN = (*DATA, "vae1200", "vae_nine_digits", "dcgan1200", "pca_faces", "pca_fashion")
PARTS = ("report", "settings")
SPLIT = 77  # seed of the parts


@dataclass(frozen=True)
class Source:
    """A generator, as an estimator takes it, and images (n, c, h, w) in [-1, 1] that it was not trained on."""

    gan: object
    images: np.ndarray

    @property
    def side(self):
        """Height and width."""
        return self.images.shape[-1]


@lru_cache(maxsize=1)
def source_of(name, part="report", cache=None):
    """Make the generator and read its held-out rows.

    Parameters
    ----------
    name : str
        One of `SOURCES`.
    part : {"report", "settings"}, default="report"
        Half of the held-out rows.
    cache : Path or None
        Folder of the generators that are trained here.

    Returns
    -------
    Source
    """
    gan, images = SOURCES[name](cache)
    mine = np.random.default_rng(SPLIT).permutation(len(images))[PARTS.index(part) :: len(PARTS)]
    return Source(gan, in_range(images[np.sort(mine)]))


def draw_rows(images, n, seed, index):
    """Draw the clean rows of a map; fewer are the first of more."""
    order = np.random.default_rng([seed, index]).permutation(len(images))
    return images[order[:n]]


def in_range(images):
    """Turn bytes into float32 in [-1, 1], with an axis of channels."""
    images = images if images.ndim == 4 else images[:, None]
    return images.astype(np.float32) / 127.5 - 1


def digits16(cache):
    """Bundled generator of digits at 16x16."""
    return load_gan("mnist16"), load_mnist("test", size=16).images


def digits28(cache):
    """Bundled generator of digits at 28x28."""
    return load_gan("mnist"), load_mnist("test").images


def usps16(cache):
    """DCGAN of USPS at 16x16."""
    return Generator.load(MODELS / "usps16_0.safetensors"), load_usps("test").images


def faces64(cache):
    """DCGAN of CelebA."""
    return Generator.load(MODELS / "celeba64_0.safetensors"), load_celeba().images[-N_FACES:]


def fashion28(cache):
    """VAE of Fashion-MNIST."""
    return Generator.load(MODELS / "fashion28_vae_0.safetensors"), load_fashion_mnist("test").images


def vae1200(cache):
    """VAE of 1,200 digits."""
    return trained(VAE, "vae1200", cache), load_mnist("test").images


def vae_nine_digits(cache):
    """VAE of 1,200 digits without nines, and rows without nines."""
    return trained(VAE, "vae_nine_digits", cache, LEFT_OUT), without("test", LEFT_OUT)


def dcgan1200(cache):
    """DCGAN of 1,200 digits."""
    return trained(DCGAN, "dcgan1200", cache), load_mnist("test").images


def pca_faces(cache):
    """Principal components of faces."""
    images = load_celeba().images
    return components(images[:-N_FACES][:2000]), images[-N_FACES:]


def pca_fashion(cache):
    """Principal components of Fashion-MNIST."""
    return components(load_fashion_mnist("train").images[:5000]), load_fashion_mnist("test").images


SOURCES = {
    one.__name__: one
    for one in (
        digits16,
        digits28,
        usps16,
        faces64,
        fashion28,
        vae1200,
        vae_nine_digits,
        dcgan1200,
        pca_faces,
        pca_fashion,
    )
}


def without(subset, digit):
    """Images of MNIST without a digit."""
    digits = load_mnist(subset)
    return digits.images if digit is None else digits.images[digits.target != digit]


def components(images):
    """Fit principal components to images."""
    rows = in_range(images).reshape(len(images), -1)
    return PCA(N_COMPONENTS, svd_solver="randomized", random_state=0).fit(rows)


def trained(kind, name, cache, left_out=None):
    """Train a small generator on the first 1,200 rows of MNIST, or read it from the folder."""
    path = cache / f"{name}.safetensors"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = {"latent_dim": 16, "width": 16, "n_epochs": 200, "learning_rate": 1e-3}
        if kind is DCGAN:
            settings = {"latent_dim": 32, "width": 16, "n_epochs": 250}
        X = in_range(without("train", left_out)[:N_SMALL])
        kind(**settings, data_range=(-1, 1), random_state=0).fit(X).generator_.save(path)
    return Generator.load(path)
