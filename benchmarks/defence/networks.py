"""Train the classifiers and generators of the defence benchmark, and write them into benchmarks/models.

    SKMIMIC_DATA=... python -m benchmarks.defence.networks classifier vae robust --seeds 0 1 2 --work FOLDER

What exists is left alone; a training that was stopped goes on from FOLDER.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from skmimic import DCGAN, VAE
from skmimic.datasets import load_fashion_mnist

MODELS = Path(__file__).parent.parent / "models"
N_IMAGES = 45_000  # of the 60,000 training images, others for each seed, as in the paper
EPS = 0.1  # of the adversarial training, pixels in [0, 1]
KINDS = {"vae": VAE, "dcgan": DCGAN}
PARAMETERS = {
    "vae": {"latent_dim": 32, "width": 32, "learning_rate": 1e-3, "max_steps": 2500, "n_epochs": 8},
    "dcgan": {"latent_dim": 64, "width": 32, "max_steps": 3500, "n_epochs": 10},
}


def classifier():
    """Make the network that is attacked: two convolutions, two linear layers."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def load_classifier(name="fashion28_cnn"):
    """Read a trained classifier, frozen."""
    network = classifier()
    network.load_state_dict({key: value.float() for key, value in load_file(MODELS / f"{name}.safetensors").items()})
    return network.eval().requires_grad_(False)


def clean_images(seed):
    """Return the images (45,000, 28, 28), uint8, that a generator of this seed has seen."""
    images = load_fashion_mnist("train").images
    return images[np.random.default_rng(seed).permutation(len(images))[:N_IMAGES]]


def train_classifier(name, n_epochs, eps=0.0):
    """Train on 60,000 images; with `eps` by attacks of one step from a random start (Wong et al., 2020)."""
    data, random = load_fashion_mnist("train"), torch.Generator().manual_seed(0)
    images = torch.from_numpy(data.images[:, None]).float() / 255
    labels = torch.from_numpy(np.asarray(data.target).astype(np.int64))
    torch.manual_seed(0)
    network = classifier()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, n_epochs * (len(images) // 128 + 1))
    for epoch in range(n_epochs):
        for rows in torch.randperm(len(images), generator=random).split(128):
            batch = images[rows] if not eps else attacked(network, images[rows], labels[rows], eps, random)
            optimiser.zero_grad()
            functional.cross_entropy(network(batch), labels[rows]).backward()
            optimiser.step()
            schedule.step()
        print(f"{name}: epoch {epoch + 1}, {100 * accuracy(network):.2f} % of the test images", flush=True)
    save_file({key: value.half() for key, value in network.state_dict().items()}, MODELS / f"{name}.safetensors")


def attacked(network, images, labels, eps, random):
    """Take one step of 1.25 eps from a random place within eps."""
    start = (images + eps * (2 * torch.rand(images.shape, generator=random) - 1)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(functional.cross_entropy(network(start), labels), start)
    moved = start.detach() + 1.25 * eps * gradient.sign()
    return torch.max(torch.min(moved, images + eps), images - eps).clamp(0, 1)


def accuracy(network):
    """Share of the test images that are read rightly."""
    data = load_fashion_mnist("test")
    images = torch.from_numpy(data.images[:, None]).float() / 255
    with torch.no_grad():
        found = torch.cat([network(part).argmax(1) for part in images.split(500)])
    return float(np.mean(found.numpy() == np.asarray(data.target).astype(np.int64)))


def train_generator(kind, seed, work):
    """Train a generator on 45,000 images of its own."""
    name = f"fashion28_{kind}_45k_{seed}"
    if (MODELS / f"{name}.safetensors").exists():
        return
    gan = KINDS[kind](**PARAMETERS[kind], random_state=seed, checkpoint=work / f"{name}.ckpt", verbose=1)
    gan.fit(clean_images(seed)).save(MODELS / f"{name}.safetensors", half=True)


def main():
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=["classifier", "robust", *KINDS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoints")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name in arguments.names:
        if name in KINDS:
            for seed in arguments.seeds:
                train_generator(name, seed, arguments.work)
            continue
        path = "fashion28_cnn" if name == "classifier" else "fashion28_robust_cnn"
        if not (MODELS / f"{path}.safetensors").exists():
            train_classifier(path, *((4, 0.0) if name == "classifier" else (5, EPS)))


if __name__ == "__main__":
    main()
