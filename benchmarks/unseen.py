"""Show what it is worth to know which pixels each row has lost: the figures of docs/how-to-choose.md.

    python benchmarks/unseen.py --seeds 0 1 2

Each of 24 digits of 16x16 pixels loses a block of 6x6 pixels, in a place of its own: d_proj to the true digits.
Then 60 principal components are the generator, and pixels are lost at random, or half of each digit.
"""

import argparse

import numpy as np
import torch
from sklearn.decomposition import PCA

from skmimic import KnownCorruptionProjector, MimicAnomalyDetector, MimicGANProjector, PGDProjector, load_gan
from skmimic.datasets import load_mnist_sample

N_ROWS, SIDE, BLOCK = 24, 16, 6
SEEN = (250, 160, 120, 66, 10)  # of 256 pixels
N_TRAINING = 1000


def digits():
    """All sample digits as rows in [-1, 1]."""
    return (load_mnist_sample(size=SIDE).images.reshape(-1, SIDE**2) / 127.5 - 1).astype(np.float32)


def with_blocks(rows, seed):
    """Tell which pixels (n, p) are left when each row has lost a block."""
    seen, random = np.ones((len(rows), SIDE, SIDE), dtype=bool), np.random.default_rng(seed)
    for each in seen:
        top, left = random.integers(3, 7, 2)
        each[top : top + BLOCK, left : left + BLOCK] = False
    return seen.reshape(len(rows), -1)


def known(gan, rows, seen, settings):
    """Project each row with a corruption of its own, which knows its mask."""
    found = []
    for row, mask in zip(rows, torch.from_numpy(seen).view(-1, 1, SIDE, SIDE), strict=True):
        model = KnownCorruptionProjector(gan, f=lambda x, mask=mask: (x + 1) * mask - 1, **settings)
        found.append(model.fit_transform(row[None])[0])
    return np.array(found)


def distance(found, clean):
    """Compute the mean d_proj; a linear generator may leave the range, which `skmimic.metrics.d_proj` asks about."""
    return np.linalg.norm(found - clean, axis=1).mean()


def blocks(seed):
    """Measure every method on the digits and blocks of one seed."""
    gan, settings = load_gan("mnist16"), {"T": 10, "batch_size": N_ROWS, "random_state": seed}
    clean = digits()[11 + seed :: 80][:N_ROWS]
    seen = with_blocks(clean, seed)
    unseen, black = np.where(seen, clean, np.nan), np.where(seen, clean, np.float32(-1))
    found = {
        'NaN, surrogate="identity"': MimicGANProjector(gan, surrogate="identity", **settings).fit_transform(unseen),
        "NaN, PGDProjector": PGDProjector(gan, **settings).fit_transform(unseen),
        "black, KnownCorruptionProjector for every row": known(gan, black, seen, settings),
        'black, surrogate="missing"': MimicGANProjector(gan, surrogate="missing", **settings).fit_transform(black),
        'black, surrogate="auto"': MimicGANProjector(gan, surrogate="auto", **settings).fit_transform(black),
        "black, PGDProjector": PGDProjector(gan, **settings).fit_transform(black),
    }
    return {name: distance(images, clean) for name, images in found.items()}


def least_squares(generator, rows):
    """Fit each row over its seen pixels alone, as if there were no prior."""
    found = []
    for row in rows:
        seen = ~np.isnan(row)
        maps, left = generator.components_[:, seen].T, (row - generator.mean_)[seen]
        found.append(np.linalg.lstsq(maps, left, rcond=None)[0] @ generator.components_ + generator.mean_)
    return np.array(found)


def principal_components(seed):
    """Measure a linear generator on digits of which few pixels were seen, and the scores of a detector."""
    rows = digits()
    training, clean, random = rows[:N_TRAINING], rows[N_TRAINING : N_TRAINING + 100], np.random.default_rng(seed)
    generator = PCA(60, random_state=0).fit(training)
    model = PGDProjector(generator).fit(clean)
    detector = MimicAnomalyDetector(generator, score_by="residual", surrogate="identity").fit(training)
    half = np.where(np.arange(SIDE**2) % SIDE < SIDE // 2, clean, np.float32(np.nan))
    figures = {"mean image": distance(generator.mean_, clean)}
    for n in SEEN:
        lost = np.where([random.permutation(SIDE**2) < n for _ in clean], clean, np.float32(np.nan))
        figures[f"PCA(60), {n} seen"] = distance(model.transform(lost), clean)
        figures[f"PCA(60), {n} seen, least squares"] = distance(least_squares(generator, lost), clean)
    for name, X in {"left half seen": half, "all seen": clean}.items():
        figures[f"PCA(60), {name}"] = distance(model.transform(X), clean)
        figures[f"score, {name}"] = detector.score_samples(X).mean()
    return figures


def main():
    """Print the mean over the seeds, and the range."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    for measure in (blocks, principal_components):
        several = [measure(seed) for seed in seeds]
        for name in several[0]:
            values = [each[name] for each in several]
            print(f"{name:48} {np.mean(values):7.2f}  ({min(values):.2f} to {max(values):.2f})", flush=True)


if __name__ == "__main__":
    main()
