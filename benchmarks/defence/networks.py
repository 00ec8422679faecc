"""Train the classifiers and generators of the defence benchmark, and write them into benchmarks/models.

    SKMIMIC_DATA=... python -m benchmarks.defence.networks classifier vae robust dcgan --seeds 0 1 2 --work FOLDER

What exists is left alone; a training that was stopped goes on from FOLDER.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from skmimic import DCGAN, VAE, Generator
from skmimic.datasets import load_fashion_mnist

__all__ = ["EPS", "KINDS", "MODELS", "accuracy", "classifier", "clean_images", "load_classifier", "load_generator"]

MODELS = Path(__file__).parent.parent / "models"
N_IMAGES = 45_000  # of the 60,000 training images, others for each seed, as in the paper
EPS = 0.1  # of the adversarial training, pixels in [0, 1]
BATCH = 128
KINDS = {"vae": VAE, "dcgan": DCGAN}
PARAMETERS = {
    "vae": {"latent_dim": 32, "width": 32, "learning_rate": 1e-3, "max_steps": 2500, "n_epochs": 8},
    "dcgan": {"latent_dim": 64, "width": 32, "max_steps": 3500, "n_epochs": 10},
}
CLASSIFIERS = {"classifier": ("fashion28_cnn", 4, 0.0), "robust": ("fashion28_robust_cnn", 5, EPS)}


def classifier():
    """Make the network that is attacked: two convolutions, two linear layers."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def load_classifier(name="fashion28_cnn"):
    """Read a trained classifier, frozen; it takes pixels in [0, 1]."""
    network = classifier()
    network.load_state_dict({key: value.float() for key, value in load_file(_trained(name)).items()})
    return network.eval().requires_grad_(False)


def load_generator(kind, seed):
    """Read a trained generator."""
    return Generator.load(_trained(f"fashion28_{kind}_45k_{seed}"))


def _trained(name):
    path = MODELS / f"{name}.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"{path} has not been trained yet: python -m benchmarks.defence.networks --help")
    return path


def clean_images(seed):
    """Return the images (45,000, 28, 28), uint8, that a generator of this seed has seen."""
    images = load_fashion_mnist("train").images
    return images[np.random.default_rng(seed).permutation(len(images))[:N_IMAGES]]


def train_classifier(name, n_epochs, eps=0.0):
    """Train on 60,000 images; with `eps` by attacks of one step from a random start (Wong et al., 2020)."""
    data, random = load_fashion_mnist("train"), torch.Generator().manual_seed(0)
    images, labels = as_tensors(data)
    torch.manual_seed(0)
    network = classifier()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, n_epochs * (len(images) // BATCH + 1))
    for epoch in range(n_epochs):
        for rows in torch.randperm(len(images), generator=random).split(BATCH):
            batch = images[rows] if not eps else attacked(network, images[rows], labels[rows], eps, random)
            optimiser.zero_grad()
            functional.cross_entropy(network(batch), labels[rows]).backward()
            optimiser.step()
            schedule.step()
        print(f"{name}: epoch {epoch + 1}, {100 * accuracy(network):.2f} % of the test images", flush=True)
    _write(MODELS / f"{name}.safetensors", lambda path: save_file(halves(network), path))


def halves(network):
    """Return the weights of a network in half precision."""
    return {key: value.half() for key, value in network.state_dict().items()}


def attacked(network, images, labels, eps, random):
    """Take one step of 1.25 eps from a random place within eps."""
    start = (images + eps * (2 * torch.rand(images.shape, generator=random) - 1)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(functional.cross_entropy(network(start), labels), start)
    moved = start.detach() + 1.25 * eps * gradient.sign()
    return torch.max(torch.min(moved, images + eps), images - eps).clamp(0, 1)


def as_tensors(data):
    """Return images (n, 1, 28, 28) in [0, 1] and labels (n,)."""
    return torch.from_numpy(data.images[:, None]).float() / 255, torch.from_numpy(data.target.astype(np.int64))


@torch.no_grad()
def accuracy(network):
    """Share of the 10,000 test images that are read rightly."""
    images, labels = as_tensors(load_fashion_mnist("test"))
    found = torch.cat([network(part).argmax(1) for part in images.split(500)])
    return float((found == labels).float().mean())


def train_generator(kind, seed, work):
    """Train a generator on 45,000 images of its own; a sheet of samples is written beside the checkpoint."""
    name = f"fashion28_{kind}_45k_{seed}"
    gan = KINDS[kind](**PARAMETERS[kind], random_state=seed, checkpoint=work / f"{name}.ckpt", verbose=1)
    generator = gan.fit(clean_images(seed)).generator_
    write_sheet(generator, work / f"{name}.png")
    _write(MODELS / f"{name}.safetensors", lambda path: generator.save(path, half=True))


def write_sheet(generator, path):
    """Write 100 samples as one picture."""
    from PIL import Image

    samples = ((generator.sample(100, random_state=0)[:, 0] + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    side = samples.shape[-1]
    sheet = samples.reshape(10, 10, side, side).transpose(0, 2, 1, 3).reshape(10 * side, 10 * side)
    Image.fromarray(sheet).resize((20 * side, 20 * side), Image.NEAREST).save(path)


def _write(path, save):
    """Write a file as a whole or not at all."""
    part = path.with_name(f"part_{path.name}")
    save(part)
    os.replace(part, path)


def main():
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=[*CLASSIFIERS, *KINDS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the generators")
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoints and sheets")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name in arguments.names:
        if name in CLASSIFIERS:
            file, n_epochs, eps = CLASSIFIERS[name]
            if not (MODELS / f"{file}.safetensors").exists():
                train_classifier(file, n_epochs, eps)
            continue
        for seed in arguments.seeds:
            if not (MODELS / f"fashion28_{name}_45k_{seed}.safetensors").exists():
                train_generator(name, seed, arguments.work)


if __name__ == "__main__":
    main()
