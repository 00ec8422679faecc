"""Mixed batches, posterior spread, identifiability and labels of the source; the figures of docs/past_the_paper.md."""

import argparse

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier

from skmimic import MimicDomainAligner, MimicGANProjector, load_gan
from skmimic.corruptions import Affine, MissingPixels
from skmimic.datasets import load_digits_images, load_mnist_sample
from skmimic.engine import Candidates, is_identifiable

GAN = load_gan("mnist16")
TURN = Affine(rotation=40)
PAIRS = {"+40 and -40 degrees": (TURN, Affine(rotation=-40)), "+40 degrees and inverted": (TURN, torch.neg)}


def digits(n_rows, seed):
    """Draw real digits (n, 1, 16, 16) in [-1, 1]."""
    images = torch.from_numpy(load_mnist_sample(size=16).images[:, None] / 127.5 - 1).float()
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:n_rows]]


def distance(found, clean):
    """Mean Euclidean distance of the rows, d_proj."""
    return np.linalg.norm((found - clean.numpy()).reshape(len(clean), -1), axis=1).mean()


def mixed(n_rows=40, T=4):
    """Half of the batch through one corruption, half through another."""
    clean, half = digits(n_rows, 1), n_rows // 2
    settings = {"random_state": 0, "T": T, "batch_size": n_rows}
    for name, (first, second) in PAIRS.items():
        X = torch.cat([first(clean[:half]), second(clean[half:])]).numpy()
        both = MimicGANProjector(GAN, n_surrogates=2, **settings).fit(X)
        right = np.mean(both.assign(X) == np.repeat([0, 1], half))
        single = MimicGANProjector(GAN, **settings)
        apart = np.concatenate([single.fit(part).transform(part) for part in (X[:half], X[half:])])
        found = {"mixed": both.transform(X), "apart": apart, "one surrogate": single.fit(X).transform(X)}
        print(name, f"rows assigned right: {max(right, 1 - right):.3f}")
        print("  d_proj", {key: round(float(distance(value, clean)), 2) for key, value in found.items()})


def spread(n_rows=16, n_samples=8):
    """Compare the standard deviation of the samples with the error of their mean."""
    for name, f in {"as it is": None, "half of the pixels gone": MissingPixels(0.5)}.items():
        clean = digits(n_rows, 2)
        X = (clean if f is None else f(clean)).numpy()
        model = MimicGANProjector(GAN, random_state=0, batch_size=n_rows)
        result = model.project(X, n_samples=n_samples)
        error = np.abs(result.samples.mean(1) - clean.numpy())
        figures = {
            "spread (root mean square)": np.sqrt(np.mean(result.spread**2)),
            "error of the mean (root mean square)": np.sqrt(np.mean(error**2)),
            "pixels within two spreads": np.mean(error <= 2 * result.spread + 0.02),
            "correlation of spread and error": np.corrcoef(result.spread.ravel(), error.ravel())[0, 1],
        }
        print(name, {key: round(float(value), 3) for key, value in figures.items()})


def identifiable(n_draws=25):
    """Count how often a batch of N digits is called identifiable."""
    images = Candidates(GAN.on("cpu"), torch.Generator().manual_seed(0)).images
    for name, f in {"as it is": lambda images: images, "turned by 40 degrees": TURN}.items():
        shares = {}
        for n_rows in (1, 2, 4, 8, 16, 32):
            shares[n_rows] = np.mean([is_identifiable(images, f(digits(n_rows, seed))) for seed in range(n_draws)])
        print(name, {key: round(float(value), 2) for key, value in shares.items()})


def classes(n_rows=400, n_draws=3):
    """Align scikit-learn's digits, all or of five classes: without labels, with the source's shares, with true ones."""
    X_source, y_source = load_mnist_sample(size=16, return_X_y=True)
    X, y = load_digits_images(size=16, return_X_y=True)
    knn = KNeighborsClassifier(1).fit(X_source, y_source)
    for name, kept in {"all": range(10), "0 to 4": range(5), "5 to 9": range(5, 10)}.items():
        shares = np.isin(range(10), kept).astype(float)
        for prior in (None, "source") if len(kept) == 10 else (None, "source", shares):
            read = []
            for seed in range(n_draws):
                order = np.random.default_rng(seed).permutation(len(X))
                rows = order[np.isin(y[order], kept)][:n_rows]
                model = MimicDomainAligner(GAN, class_prior=prior, batch_size=100, random_state=seed)
                read.append(knn.score(model.fit(X_source, y_source).transform(X[rows]), y[rows]))
            print(name, prior, [round(100 * accuracy, 1) for accuracy in read], flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["mixed", "spread", "identifiable", "classes"])
    parts = {"mixed": mixed, "spread": spread, "identifiable": identifiable, "classes": classes}
    parts[parser.parse_args().part]()
