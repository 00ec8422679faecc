"""Shapes of the networks, their first weights, and folding."""

import pytest
import torch

from skmimic.exceptions import InvalidModelFileError
from skmimic.generators.architectures import ARCHITECTURES, build, fold, layout_of

SQUARES = [(channels, side, side) for channels in (1, 3) for side in (*range(8, 33), 45, 64, 100, 127, 128)]
OTHERS = [(1, 8, 5), (3, 20, 11), (2, 112, 92)]


def make(name, image_shape, batch_norm=True, seed=0, latent_dim=5, width=2):
    config = {"image_shape": image_shape, "width": width}
    if "generator" in name or "encoder" in name or "bigan" in name:
        config["latent_dim"] = latent_dim
    if not name.startswith("dense"):
        config["batch_norm"] = batch_norm
    return build(name, config, torch.Generator().manual_seed(seed))


def latents(n, latent_dim=5, seed=1):
    return torch.rand(n, latent_dim, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("image_shape", [*SQUARES, *OTHERS], ids=str)
def test_every_size_has_generator_discriminator_and_encoder(image_shape):
    images = make("dcgan_generator", image_shape)(latents(3))
    assert images.shape == (3, *image_shape)
    assert images.abs().max() <= 1
    assert make("dcgan_discriminator", image_shape)(images).shape == (3,)
    assert make("dcgan_encoder", image_shape)(images).shape == (3, 5)


@pytest.mark.parametrize("image_shape", [(1, 1, 6), (1, 1, 1), (1, 5, 5), (3, 2, 2)], ids=str)
def test_small_images_have_dense_networks(image_shape):
    images = make("dense_generator", image_shape)(latents(3))
    assert images.shape == (3, *image_shape)
    assert make("dense_discriminator", image_shape)(images).shape == (3,)
    assert make("dense_encoder", image_shape)(images).shape == (3, 5)


@pytest.mark.parametrize("side", range(8, 129))
def test_base_map_has_four_to_seven_pixels(side):
    layout = layout_of((1, side, side), 2)
    assert 4 <= layout.base[0] <= 7
    assert layout.padded[0] == layout.base[0] * 2**layout.n_steps >= side > layout.padded[0] - 2**layout.n_steps


def test_sizes_of_the_bundled_generators():
    assert [layout_of((1, side, side), 64)[:2] for side in (16, 28, 64)] == [(2, (4, 4)), (2, (7, 7)), (4, (4, 4))]


@pytest.mark.parametrize("image_shape", [(1, 7, 7), (1, 129, 129), (0, 16, 16), (1, 16), (1, 64, 3)])
def test_impossible_sizes_are_refused(image_shape):
    with pytest.raises(ValueError, match="image_shape must be"):
        layout_of(image_shape, 2)


@pytest.mark.parametrize("image_shape", [(1, 8, 8), (1, 13, 13), (3, 28, 20), (1, 33, 33)], ids=str)
@pytest.mark.parametrize("name", ["dcgan_generator", "dcgan_discriminator", "dcgan_encoder", "bigan_discriminator"])
def test_folding_changes_nothing_but_the_layers(name, image_shape):
    generator, module = make("dcgan_generator", image_shape), make(name, image_shape)
    for seed in range(4):  # statistics that are not those of the beginning
        inputs = latents(16, seed=seed) * 3
        module(inputs if name == "dcgan_generator" else generator(inputs).detach())
    inputs = latents(9) if name == "dcgan_generator" else generator(latents(9)).detach()
    module.eval()
    folded = fold(module)
    kinds = {type(layer).__name__ for layer in folded.modules()}
    assert "BatchNorm2d" not in kinds
    assert folded.config == {**module.config, "batch_norm": False}
    torch.testing.assert_close(folded(inputs), module(inputs), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_config_builds_the_same_network_again(name):
    module = make(name, (1, 8, 8), seed=3)
    again = build(module.architecture, module.config, torch.Generator().manual_seed(3))
    assert module.architecture == name
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), again.parameters(), strict=True))
    other = make(name, (1, 8, 8), seed=4)
    assert any(not torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_building_leaves_the_global_random_state_alone(name):
    before = torch.get_rng_state()
    make(name, (1, 8, 8))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("image_shape", [(1, 16, 16), (3, 64, 64)])
def test_mean_latent_is_no_dead_start(image_shape):
    """The features at the mean latent are about as large as elsewhere, whatever the normalisation."""
    generator = make("dcgan_generator", image_shape, latent_dim=64, width=4)
    generator(latents(256, 64))
    first = fold(generator.eval()).first
    usual, mean = first(latents(100, 64)), first(torch.zeros(1, 64))
    assert mean.relu().norm() > 0.4 * usual.relu().norm(dim=1).mean()


def test_bounded_encoders_stay_in_the_box():
    images = torch.rand(4, 1, 8, 8)
    for name in ("dcgan_encoder", "dense_encoder"):
        encoder = build(name, {"image_shape": (1, 8, 8), "width": 8, "latent_dim": 3, "bounded": True})
        assert encoder(images * 1e4).abs().max() <= 1


def test_bigan_discriminator_pairs_images_with_their_encoding():
    module = make("bigan_discriminator", (1, 8, 8))
    images = torch.rand(4, 1, 8, 8)
    assert torch.equal(module(images), module.joint(images, module.encoder(images)))
    encoder = set(module.encoder.parameters())
    judge = set(module.judge_parameters())
    assert not encoder & judge
    assert encoder | judge == set(module.parameters())


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("os.system", {}),
        ("dcgan_generator", {"width": 4}),
        ("dcgan_encoder", {"latent_dim": -1, "image_shape": (1, 8, 8), "width": 4}),
    ],
)
def test_registry_refuses_what_it_does_not_know(name, config):
    with pytest.raises(InvalidModelFileError, match=name):
        build(name, config)
