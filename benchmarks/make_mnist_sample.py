"""Make skmimic/datasets/data/mnist_sample.npz from the full MNIST set in $SKMIMIC_DATA.

SKMIMIC_DATA=folder python benchmarks/make_mnist_sample.py
"""

import io
from pathlib import Path

import numpy as np

import skmimic.datasets
from skmimic.utils import atomic_write

PER_CLASS = 200


def draw_indices(labels, per_class=PER_CLASS, seed=0):
    """Draw as many positions of every class, and sort them."""
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(np.flatnonzero(labels == label), per_class, replace=False) for label in range(10)]
    return np.sort(np.concatenate(drawn))


def main():
    mnist = skmimic.datasets.load_mnist("test")
    indices = draw_indices(mnist.target)
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        images=mnist.images[indices],
        labels=mnist.target[indices].astype(np.uint8),
        indices=indices.astype(np.uint16),
    )
    path = Path(skmimic.datasets.__file__).parent / "data" / "mnist_sample.npz"
    atomic_write(path, stream.getvalue())
    print(f"{path.name}: {len(indices)} images, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
