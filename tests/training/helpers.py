"""Small trainings: a few steps on images of 8x8."""

import torch

from skmimic.generators import as_prior
from skmimic.training import TrainingSettings, train_bigan, train_dcgan, train_vae

TRAININGS = {"DCGAN": (train_dcgan, "uniform"), "VAE": (train_vae, "normal"), "BiGAN": (train_bigan, "uniform")}


def stripes(n=64, seed=0):
    """Images of bytes with a bright bar at a random place."""
    draws = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 40, (n, 1, 8, 8), generator=draws, dtype=torch.uint8)
    places = torch.randint(0, 8, (n,), generator=draws)
    images[torch.arange(n), :, places] = 250
    return images


def settings(**changes):
    """Six steps of 16 images unless changed."""
    return TrainingSettings(
        **{"n_epochs": 3, "batch_size": 32, "learning_rate": 1e-3, "checkpoint_every": 2, **changes}
    )


def train(method="DCGAN", images=None, changes=None, **options):
    """Train a small network."""
    function, prior = TRAININGS[method]
    images = stripes() if images is None else images
    return function(images, 4, 4, as_prior(prior), settings(**(changes or {})), **{"seed": 0, **options})


def same_networks(one, other):
    """Whether all networks and all losses have the same bits."""
    pairs = [(getattr(one, role), getattr(other, role)) for role in ("generator", "discriminator", "encoder")]
    tensors = [
        (a, b)
        for left, right in pairs
        if left is not None
        for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    ]
    return torch.equal(one.losses, other.losses) and all(torch.equal(a, b) for a, b in tensors)
