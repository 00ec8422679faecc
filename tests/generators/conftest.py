"""Small generators of every kind."""

import pytest
import torch
from hypothesis import settings
from torch import nn

from skmimic.generators import Generator, architectures, linear_generator_from_data

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def dense(latent_dim=4, image_shape=(1, 8, 8), last=nn.Tanh):
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    n_values = image_shape[0] * image_shape[1] * image_shape[2]
    module = nn.Sequential(nn.Linear(latent_dim, n_values), last(), nn.Unflatten(1, image_shape))
    torch.set_rng_state(torch_state)
    return module


@pytest.fixture
def make_dense():
    return dense


@pytest.fixture
def generator():
    return Generator(dense(), name="tiny")


@pytest.fixture
def registered():
    """A generator that can be saved, with discriminator and encoder."""
    modules = [
        architectures.build("dcgan_generator", {"latent_dim": 6, "image_shape": [1, 12, 8], "width": 4}),
        architectures.build("dcgan_discriminator", {"image_shape": [1, 12, 8], "width": 4}),
        architectures.build("dcgan_encoder", {"latent_dim": 6, "image_shape": [1, 12, 8], "width": 4, "bounded": True}),
    ]
    return Generator.from_modules(*modules, name="all parts", notes={"trained_on": "nothing", "n_images": 0})


@pytest.fixture
def linear():
    X = torch.rand(40, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    return linear_generator_from_data(X, 5)
