"""How often rows in [0, 1] among rows in [-1, 1] are told, and how often rows of one range are taken for a mixture.

    SKMIMIC_DATA=... python benchmarks/mixed_ranges.py

Batches of 10 to 400 images of five sets, as they are and through tones, inversion, blur, noise and lost columns.
Prints the figures from which the limits of `RangeMemory.check_mixed` were read.
"""

import argparse
import warnings

import numpy as np
from scipy.ndimage import gaussian_filter

from skmimic.datasets import load_celeba, load_fashion_mnist, load_lfw, load_mnist, load_usps
from skmimic.estimators._ranges import RangeMemory
from skmimic.exceptions import DataRangeWarning
from skmimic.utils import CANONICAL

SIZES, PARTS = (10, 30, 100, 400), (0.1, 0.25, 0.5, 0.75)
N_IMAGES = 1500
LOADERS = {
    "MNIST": lambda: load_mnist("test"),
    "Fashion-MNIST": lambda: load_fashion_mnist("test"),
    "USPS": lambda: load_usps("test"),
    "CelebA": load_celeba,
    "LFW": load_lfw,
}


def blurred(images, sigma):
    """Blur height and width."""
    return gaussian_filter(images, (0,) * (images.ndim - 2) + (sigma, sigma))


def own_tones(images):
    """Gain and bias of each image's own."""
    rng = np.random.default_rng(len(images))
    shape = (len(images),) + (1,) * (images.ndim - 1)
    return rng.uniform(0.3, 1, shape) * images + rng.uniform(-0.4, 0.5, shape)


def columns_at(value):
    """Lose every fourth column."""
    return lambda images: np.where(np.arange(images.shape[-1]) % 4 == 0, value, images)


CORRUPTIONS = {
    "none": lambda images: images,
    "gain .5, bias .3": lambda images: 0.5 * images + 0.3,
    "gain .5, bias .5": lambda images: 0.5 * images + 0.5,
    "gain .8": lambda images: 0.8 * images,
    "own tones": own_tones,
    "gamma .4": lambda images: 2 * ((images + 1) / 2) ** 0.4 - 1,
    "brighter by .8, clipped": lambda images: np.clip(images + 0.8, -1, 1),
    "inversion": np.negative,
    "blur 1": lambda images: blurred(images, 1),
    "blur 2": lambda images: blurred(images, 2),
    "inversion, blur 2": lambda images: -blurred(images, 2),
    "inversion, blur 3": lambda images: -blurred(images, 3),
    "noise .2": lambda images: images + np.random.default_rng(0).normal(0, 0.2, images.shape),
    "columns lost, grey": columns_at(0),
    "columns lost, black": columns_at(-1),
}


def is_told(images):
    """Whether a mixture is told."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        RangeMemory.of(CANONICAL, rows).check_mixed("benchmark", rows)
    return any(issubclass(one.category, DataRangeWarning) for one in caught)


def mixed(images, part):
    """Put a part of images in [0, 1]."""
    n = max(1, round(part * len(images)))
    return np.concatenate([(images[:n] + 1) / 2, images[n:]])


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=20)
    arguments = parser.parse_args()
    parts = " | ".join(f"told, {part:g} in [0, 1]" for part in PARTS)
    print(f"| images | corruption | batches | false alarms | {parts} |\n{'|---' * (4 + len(PARTS))}|")
    for name, load in LOADERS.items():
        images = load().images[:N_IMAGES].astype(np.float32) / 127.5 - 1
        rng = np.random.default_rng(0)
        batches = [images[rng.choice(len(images), n, replace=False)] for n in SIZES for _ in range(arguments.batches)]
        for corruption, corrupt in CORRUPTIONS.items():
            corrupted = [corrupt(batch) for batch in batches]
            alarms = sum(map(is_told, corrupted))
            told = " | ".join(f"{np.mean([is_told(mixed(batch, part)) for batch in corrupted]):.2f}" for part in PARTS)
            print(f"| {name} | {corruption} | {len(batches)} | {alarms} | {told} |", flush=True)


if __name__ == "__main__":
    main()
