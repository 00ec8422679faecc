"""How unlike X the images of generators are that are trained, that have hardly begun, and that are noise or blank.

    SKMIMIC_DATA=... python benchmarks/unlike.py

Prints the figures from which the limits of `skmimic.training.warn_if_unlike` were read.
"""

import warnings
from pathlib import Path

import numpy as np
import torch

from skmimic import DCGAN, VAE, BiGAN, Generator, load_gan
from skmimic.datasets import load_celeba, load_fashion_mnist, load_mnist_sample
from skmimic.training import diversity, remoteness

MODELS = Path(__file__).parent / "models"
N = 256


def line(name, generated, real):
    """Print both figures of a set of images."""
    print(
        f"| {name} | {remoteness(generated, real):.2f} | {float(diversity(generated) / diversity(real)):.2f} |",
        flush=True,
    )


def begun(name, images, real, width, steps):
    """Train for a few steps."""
    for cls in (DCGAN, VAE, BiGAN):
        for n_steps in steps:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gan = cls(width=width, max_steps=n_steps, n_epochs=1000, random_state=0).fit(images)
            line(f"{name}, {cls.__name__}, width {width}, {n_steps} steps", sample(gan.generator_), real)


def sample(generator):
    """Images of a generator in [-1, 1]."""
    return torch.from_numpy(generator.sample(N, random_state=0))


def main():
    """Print the table."""
    sets = {
        "digits 16x16": (load_mnist_sample(size=16).images[:, None], load_gan("mnist16"), 16, (2, 20, 100, 400)),
        "clothes 16x16": (load_fashion_mnist("train", size=16).images[:2000, None], "fashion16_0", 8, (2, 40)),
        "faces 64x64": (load_celeba().images[:1500], "celeba64_0", 4, (2, 20)),
    }
    print("| images | remoteness | spread over that of X |\n|---|---|---|")
    for name, (images, model, width, steps) in sets.items():
        generator = Generator.load(MODELS / f"{model}.safetensors") if isinstance(model, str) else model
        real = torch.from_numpy(images.astype(np.float32) / 127.5 - 1)
        line(f"{name}, trained", sample(generator), real)
        line(
            f"{name}, white noise",
            torch.rand(N, *real.shape[1:], generator=torch.Generator().manual_seed(0)) * 2 - 1,
            real,
        )
        line(f"{name}, grey", torch.zeros(N, *real.shape[1:]), real)
        begun(name, images, real, width, steps)


if __name__ == "__main__":
    main()
