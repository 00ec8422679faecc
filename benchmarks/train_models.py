"""Train the generators of the experiments, several seeds each, and write them into benchmarks/models.

    SKMIMIC_DATA=... python benchmarks/train_models.py mnist16 usps16 --seeds 0 1 2 --work /tmp/models

Started again it goes on where it stopped, and the result has the same bits. A sheet of samples is written beside the
checkpoint; a model that exists is left alone.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from train_bundled import train, write_sheet

from skmimic.datasets import load_celeba, load_fashion_mnist, load_lfw, load_mnist, load_usps

FOLDER = Path(__file__).parent / "models"
HELD_OUT = 500  # faces at the end of each set that no generator sees


@dataclass(frozen=True)
class Training:
    """What a generator is trained on, and for how long."""

    load: object
    data: str
    n_epochs: int
    terms: str
    latent_dim: int = 64
    width: int = 64
    batch_size: int = 128
    kind: str = "DCGAN"
    learning_rate: float = 2e-4


def mirrored(images):
    """Put the mirror images after the images (n, c, h, w)."""
    return np.concatenate([images, images[..., ::-1]])


CELEBA64 = Training(
    lambda: mirrored(load_celeba().images[:-HELD_OUT]),
    "CelebA aligned faces 000001 to 006000 and their mirror images, 64x64",
    48,
    "CelebA agreement: non-commercial research only",
    latent_dim=100,
    width=32,
    batch_size=64,
)

TRAININGS = {
    "mnist16": Training(
        lambda: load_mnist("all", size=16).images[:, None],
        "MNIST, all 70,000 images at 16x16",
        20,
        "CC BY-SA 3.0, attribution",
    ),
    "usps16": Training(
        lambda: load_usps("all", size=16).images[:, None], "USPS, all 9,298 images at 16x16", 150, "research use"
    ),
    "fashion16": Training(
        lambda: load_fashion_mnist("train", size=16).images[:, None],
        "Fashion-MNIST, the 60,000 training images at 16x16",
        20,
        "MIT",
    ),
    "fashion28_vae": Training(
        lambda: load_fashion_mnist("train").images[:, None],
        "Fashion-MNIST, the 60,000 training images at 28x28",
        9,
        "MIT",
        latent_dim=32,
        width=32,
        kind="VAE",
        learning_rate=1e-3,
    ),
    "bigan28": Training(
        lambda: load_mnist("train").images[:, None],
        "MNIST, the 60,000 training images at 28x28",
        13,
        "CC BY-SA 3.0, attribution",
        width=32,
        kind="BiGAN",
    ),
    "celeba64": CELEBA64,
    "bigan_celeba64": replace(CELEBA64, n_epochs=36, kind="BiGAN"),
    "lfw64": Training(
        lambda: mirrored(load_lfw().images[:-HELD_OUT]),
        "Labeled Faces in the Wild, 2,500 people and their mirror images, 64x64",
        90,
        "no licence; published by UMass for research",
        latent_dim=100,
        width=32,
        batch_size=64,
    ),
}


def main():
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=sorted(TRAININGS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoints and sheets")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    FOLDER.mkdir(exist_ok=True)
    for seed in arguments.seeds:
        for name in arguments.names:
            path = FOLDER / f"{name}_{seed}.safetensors"
            if path.exists():
                continue
            training, checkpoint = TRAININGS[name], arguments.work / f"{name}_{seed}.checkpoint"
            generator = train(
                torch.from_numpy(training.load()),
                name,
                seed,
                training.n_epochs,
                checkpoint,
                training.data,
                training.terms,
                training.latent_dim,
                training.width,
                training.batch_size,
                training.kind,
                learning_rate=training.learning_rate,
            )
            write_sheet(generator, arguments.work / f"{name}_{seed}.png")
            generator.save(path, half=True)
            print(f"{path.name}: {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
