"""Frozen decoders: images and gradients of the network but for rounding, a row's bits in any company; rough twins."""

import pickle
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from skmimic import Generator, load_gan
from skmimic.generators import architectures
from skmimic.generators._bundled import FOLDER
from tests.helpers import loaded, pca_generator, smooth_generator

NAMES = ["mnist", "mnist16"]
SHAPES = [(1, 28, 28), (1, 16, 16), (3, 32, 32), (3, 20, 26), (2, 64, 64)]


def decoder_of(image_shape, width=8, latent_dim=12, kind=architectures.DCGANGenerator):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(latent_dim, image_shape, width)


@pytest.fixture(autouse=True)
def bfloat16_is_fast(monkeypatch):
    """For handles of these tests alone: those that the process shares would keep their rough twin."""
    shared = [load_gan(name).on("cpu") for name in NAMES] + [loaded()]
    before = [vars(one).get("rough", "none yet") for one in shared]
    monkeypatch.setattr("skmimic.generators._loaded.has_fast_bfloat16", lambda device: True)
    yield
    assert [vars(one).get("rough", "none yet") for one in shared] == before


def on_cpu(module):
    return Generator(module, data_range=(-1, 1)).on("cpu")


def images_and_gradient(generator, z):
    z = z.clone().requires_grad_()
    images = generator.decode(z)
    values = (images - 0.3).square().flatten(1).sum(1)
    return images.detach(), torch.autograd.grad(values.sum(), z)[0]


@pytest.mark.parametrize("image_shape", SHAPES)
def test_images_and_gradients_are_those_of_the_network(image_shape):
    module = decoder_of(image_shape)
    generator = on_cpu(module)
    z = generator.prior.sample(6, 12, torch.Generator().manual_seed(1))
    images, gradient = images_and_gradient(generator, z)
    expected, expected_gradient = images_and_gradient(SimpleNamespace(decode=module.eval()), z)
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-5)
    assert (gradient - expected_gradient).norm() < 1e-5 * expected_gradient.norm()


@pytest.mark.parametrize("image_shape", SHAPES)
def test_rough_images_and_gradients_are_near(image_shape):
    generator = on_cpu(decoder_of(image_shape))
    z = generator.prior.sample(6, 12, torch.Generator().manual_seed(1))
    (images, gradient), (rough, rough_gradient) = (images_and_gradient(one, z) for one in (generator, generator.rough))
    assert rough.dtype == rough_gradient.dtype == torch.float32
    torch.testing.assert_close(rough, images, rtol=0, atol=0.02)
    assert (rough_gradient - gradient).norm() < 0.1 * gradient.norm()
    assert not torch.equal(rough, images)


@cache
def of_its_own(name):
    return Generator.load(FOLDER / f"{name}.safetensors").on("cpu")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_rows", [4, 8, 16, 32, 64])
@pytest.mark.parametrize("is_rough", [False, True])
def test_rows_and_their_gradients_do_not_depend_on_their_company(name, n_rows, is_rough):
    generator = of_its_own(name).rough if is_rough else of_its_own(name)
    z = generator.prior.sample(128, generator.latent_dim, torch.Generator().manual_seed(2))
    everyone = images_and_gradient(generator, z)
    some = torch.randperm(128, generator=torch.Generator().manual_seed(n_rows))[:n_rows]
    for few, all_rows in zip(images_and_gradient(generator, z[some]), everyone, strict=True):
        assert torch.equal(few, all_rows[some])


def test_the_twin_is_made_once_and_leaves_the_generator_alone():
    generator = on_cpu(decoder_of((1, 28, 28)))
    z = generator.prior.sample(4, 12, torch.Generator().manual_seed(3))
    before = generator.decode(z)
    assert generator.rough is generator.rough
    generator.rough.decode(z)
    assert torch.equal(generator.decode(z), before)


def test_there_is_none_where_bfloat16_is_slow(monkeypatch):
    monkeypatch.setattr("skmimic.generators._loaded.has_fast_bfloat16", lambda device: False)
    assert on_cpu(decoder_of((1, 28, 28))).rough is None


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8))),
        decoder_of((1, 28, 28), kind=type("Another", (architectures.DCGANGenerator,), {})),
        decoder_of((1, 8, 8)),
    ],
    ids=["unknown", "derived", "one layer"],
)
def test_there_is_none_for_other_networks(module):
    assert on_cpu(module).rough is None


def test_other_and_linear_generators_have_none():
    assert pickle.loads(pickle.dumps(smooth_generator())).on("cpu").rough is None
    assert pickle.loads(pickle.dumps(pca_generator())).on("cpu").rough is None
