"""What the training of the bundled generators came to, measured on the digits embedded in the package."""

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skmimic import load_gan
from skmimic.datasets import load_mnist_sample
from skmimic.generators import _bundled

SIDES = {"mnist": 28, "mnist16": 16}
pytestmark = pytest.mark.parametrize("name", SIDES)


@cache
def digits(name):
    """Rows in [-1, 1] and labels."""
    X, y = load_mnist_sample(SIDES[name], return_X_y=True)
    return np.float32(X) / 127.5 - 1, y


def latents(loaded, n, seed=0):
    return loaded.prior.sample(n, loaded.latent_dim, torch.Generator().manual_seed(seed))


def project(loaded, rows, n_steps=80):
    """Errors of rows after some Adam steps from the nearest of 1,000 samples."""
    images = torch.from_numpy(rows).reshape(-1, *loaded.image_shape)
    z = latents(loaded, 1000)
    with torch.no_grad():
        starts = loaded.decode(z).flatten(1)
    z = z[torch.cdist(torch.from_numpy(rows), starts).argmin(dim=1)].clone().requires_grad_(True)
    optimiser = torch.optim.Adam([z], lr=0.05)
    for _ in range(n_steps):
        optimiser.zero_grad()
        (loaded.decode(z) - images).square().sum().backward()
        optimiser.step()
        with torch.no_grad():
            z.copy_(loaded.prior.project(z))
    with torch.no_grad():
        return (loaded.decode(z) - images).flatten(1).norm(dim=1).numpy()


def test_networks_are_frozen_small_and_folded(name):
    generator = load_gan(name)
    assert generator.image_shape == (1, SIDES[name], SIDES[name])
    assert generator.latent_dim == 64
    assert generator.prior.config == {"kind": "box", "low": -1.0, "high": 1.0}
    assert (_bundled.FOLDER / f"{name}.safetensors").stat().st_size < 2 * 2**20
    assert not any("norms" in key or "running" in key for part in generator._parts.values() for key in part.arrays)


def test_all_digits_are_shown(name):
    X, y = digits(name)
    samples = load_gan(name).sample(2000, random_state=0).reshape(2000, -1)
    shares = np.bincount(KNeighborsClassifier(1).fit(X, y).predict(samples), minlength=10) / len(samples)
    assert shares.min() >= 0.04  # measured among 60,000 neighbours and 5,000 samples: 0.05 and 0.17
    assert shares.max() <= 0.19


def test_digits_never_seen_are_projected_better_than_by_pca(name):
    X, _ = digits(name)
    chosen = X[::40]
    pca = PCA(20, random_state=0).fit(X)  # it has seen them
    by_pca = np.linalg.norm(chosen - pca.inverse_transform(pca.transform(chosen)), axis=1)
    assert np.median(project(load_gan(name).on("cpu"), chosen)) < 0.8 * np.median(by_pca)


def test_mirrored_digits_are_far_from_the_manifold(name):
    X, _ = digits(name)
    side = SIDES[name]
    mirrored = np.ascontiguousarray(X[::40].reshape(-1, side, side)[:, :, ::-1]).reshape(-1, side * side)
    loaded = load_gan(name).on("cpu")
    assert np.median(project(loaded, mirrored)) > 1.4 * np.median(project(loaded, X[::40]))


def test_mean_latent_is_no_dead_start(name):
    loaded = load_gan(name).on("cpu")
    usual = latents(loaded, 8)
    ink, slope = zip(*(ink_and_slope(loaded, z) for z in (torch.zeros(1, 64), usual)), strict=True)
    assert ink[0] > 0.2 * ink[1]
    assert slope[0] > 0.5 * slope[1]


def ink_and_slope(loaded, z):
    """Mean brightness over black, and mean norm of the Jacobian."""
    jacobian = torch.func.vmap(torch.func.jacrev(lambda row: loaded.decode(row[None])[0]))(z)
    return float((loaded.decode(z) + 1).mean()), float(jacobian.flatten(1).norm(dim=1).mean())


def test_discriminator_tells_digits_from_samples(name):
    loaded = load_gan(name).on("cpu")
    real = torch.from_numpy(digits(name)[0]).reshape(-1, *loaded.image_shape)
    with torch.no_grad():
        fake = loaded.decode(latents(loaded, 500))
        assert loaded.discriminate(real).mean() > loaded.discriminate(fake).mean() + 0.5
