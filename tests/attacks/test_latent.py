"""Walks among latents stay on the manifold and near X."""

import numpy as np
import pytest
import torch

from skmimic import Generator
from skmimic.attacks import Budget, latent_walk
from skmimic.exceptions import AttackError
from skmimic.generators import linear_generator
from tests.helpers import Encoder, SmoothDecoder, pca_generator, pictures, smooth_generator

BUDGET = Budget(0.1, 30, norm="rms")


def brightness(images):
    """Two classes: brighter than usual or not."""
    side = 8 * (images.flatten(1).mean(dim=1, keepdim=True) - 0.25)
    return torch.cat([-side, side], dim=1)


def own_images(n=30):
    """Images of the smooth generator in [0, 1], and what the classifier says of them."""
    X = torch.tensor(pictures(n) / 2 + 0.5).reshape(n, 1, 8, 8)
    return X, brightness(X).argmax(dim=1)


def unreachable(X, y, eps, n_samples=20_000):
    """Share of rows that no sample within the budget gets misread."""
    samples = torch.tensor(smooth_generator().sample(n_samples, random_state=7)) / 2 + 0.5
    is_near = torch.cdist(X.flatten(1), samples.flatten(1)) / 8 <= eps
    is_wrong = brightness(samples).argmax(dim=1) != y[:, None]
    return 1 - float((is_near & is_wrong).any(dim=1).double().mean())


@pytest.mark.parametrize("eps", [0.1, 0.2])
def test_the_walk_finds_what_very_many_samples_find(eps):
    X, y = own_images()
    budget = Budget(eps, 30, norm="rms", n_restarts=3)
    result = latent_walk(smooth_generator(), brightness, X, y, budget, random_state=0)
    still = latent_walk(smooth_generator(), brightness, X, y, Budget(eps, 1, norm="rms"), latent_step=1e-9)
    assert result.accuracy <= unreachable(X, y, eps) + 0.04 < still.accuracy
    assert (result.distances[result.is_fooled] <= eps * 1.001).all()


def test_a_larger_budget_and_more_restarts_fool_more_rows():
    X, y = own_images()
    small, large, again = (
        latent_walk(smooth_generator(), brightness, X, y, Budget(eps, 30, None, n, "rms"), random_state=0).accuracy
        for eps, n in ((0.1, 1), (0.3, 1), (0.3, 4))
    )
    assert again < large < small


@pytest.mark.parametrize("norm", ["linf", "l2", "rms"])
def test_a_linear_generator_gives_images_of_its_plane(norm):
    components, mean = (0.2 * values for values in pca_generator().linear_map())  # far from any bound
    generator = linear_generator(components, mean, (1, 8, 8), data_range=(-1, 1))
    X = torch.tensor(generator.sample(10, random_state=1))
    eps = {"linf": 0.3, "l2": 1.0, "rms": 0.1}[norm]
    budget = Budget(eps, 10, norm=norm)
    result = latent_walk(generator, brightness, X, torch.arange(10) % 2, budget, bounds=(-1, 1), random_state=0)
    changes = result.images.flatten(1).double().numpy() - mean
    np.testing.assert_allclose(changes, changes @ np.linalg.pinv(components) @ components, atol=1e-5)
    assert float(result.images.abs().max()) < 1.0


def test_the_walk_begins_at_the_encoder_at_given_latents_or_at_the_nearest_sample():
    X, y = own_images(8)
    few = {"latent_step": 1e-9, "random_state": 0}
    budget = Budget(1.0, 1, norm="rms")
    encoder, bare = Generator(SmoothDecoder(), encoder=Encoder()), smooth_generator()
    encoded = latent_walk(encoder, brightness, X, y, budget, **few).images
    loaded = encoder.on("cpu")
    torch.testing.assert_close(encoded, loaded.decode(loaded.encode(X * 2 - 1)) / 2 + 0.5)
    latents = bare.prior.sample(8, 4, torch.Generator().manual_seed(1))
    given = latent_walk(encoder, brightness, X, y, budget, latents=latents.numpy(), group_size=3, **few).images
    torch.testing.assert_close(given, bare.on("cpu").decode(latents) / 2 + 0.5)
    one, many = (latent_walk(bare, brightness, X, y, budget, n_candidates=n, **few).distances.mean() for n in (1, 500))
    assert many < one / 2


def test_latents_of_inference_mode_and_lists_are_taken():
    X, y = own_images(3)
    with torch.inference_mode():
        latents = torch.zeros(3, 4)
        inside = latent_walk(smooth_generator(), brightness, X, y, BUDGET, latents=latents)
    outside = latent_walk(smooth_generator(), brightness, X.tolist(), y.tolist(), BUDGET, latents=np.zeros((3, 4)))
    np.testing.assert_allclose(outside.images, inside.images.numpy(), atol=1e-5)


def test_the_defence_is_part_of_what_is_fooled():
    """Behind a defence that answers the mean image, no image fools anybody."""
    X, y = own_images(12)
    y = torch.zeros_like(y)

    def deaf(images):
        return 0.1 + 0.0 * images

    assert latent_walk(smooth_generator(), brightness, X, y, BUDGET, clean=deaf, random_state=0).accuracy == 1.0


def test_images_beyond_the_budget_count_as_no_success():
    X, y = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1] * 3)
    result = latent_walk(smooth_generator(), brightness, X, y, Budget(1e-3, 5, norm="rms"), random_state=0)
    assert result.accuracy == 1.0
    assert (result.distances > 1e-3).all()


def test_what_does_not_fit_is_refused():
    X, y = own_images(4)
    with pytest.raises(AttackError, match=r"gives images of shape \(1, 8, 8\), but X has \(1, 4, 4\)"):
        latent_walk(smooth_generator(), brightness, X[:, :, :4, :4], y, BUDGET)
    with pytest.raises(AttackError, match=r"latents must be of shape \(4, 4\), got \(4, 3\)"):
        latent_walk(smooth_generator(), brightness, X, y, BUDGET, latents=torch.zeros(4, 3))
    with pytest.raises(AttackError, match="latents hold NaN"):
        latent_walk(smooth_generator(), brightness, X, y, BUDGET, latents=torch.full((4, 4), torch.nan))
    with pytest.raises(AttackError, match="generator cannot be used"):
        latent_walk(brightness, brightness, X, y, BUDGET)
    with pytest.raises(AttackError, match="latent_step must be a finite number above zero, in units of latents"):
        latent_walk(smooth_generator(), brightness, X, y, BUDGET, latent_step=-1.0)
