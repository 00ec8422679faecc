"""A generator whose images are noise or blank says so."""

import pytest
import torch

from skmimic import DCGAN, VAE, BiGAN, MimicGANProjector
from skmimic.exceptions import CollapseWarning, ConvergenceWarning, SurrogateFitWarning
from skmimic.training import remoteness, warn_if_collapsed, warn_if_unlike
from tests.helpers import digits
from tests.training.helpers import stripes

REAL = stripes(300).float() / 127.5 - 1
RANDOM = torch.Generator().manual_seed(1)


def test_other_draws_of_the_same_images_lie_as_far_as_these_from_one_another():
    assert remoteness(stripes(256, seed=1).float() / 127.5 - 1, REAL) == pytest.approx(1, abs=0.1)


def test_is_free_of_units():
    noise = torch.rand(100, 1, 8, 8, generator=RANDOM)
    assert remoteness(3 * noise + 7, 3 * REAL + 7) == pytest.approx(remoteness(noise, REAL), rel=1e-4)


@pytest.mark.parametrize(
    ("generated", "reason"),
    [
        (torch.rand(256, 1, 8, 8, generator=RANDOM) * 2 - 1, "lie [0-9.]+ times as far"),
        (-REAL, "lie [0-9.]+ times as far"),
        (torch.zeros(256, 1, 8, 8), "hardly differ"),
        (REAL.mean(0) + 0.01 * torch.randn(256, 1, 8, 8, generator=RANDOM), "hardly differ"),
    ],
)
def test_noise_and_blank_images_are_told(generated, reason):
    with pytest.warns(ConvergenceWarning, match=f"VAE: the generated images do not look like X yet.*{reason}"):
        assert warn_if_unlike(generated, REAL, "VAE")


def test_images_like_those_of_the_training_are_not():
    assert not warn_if_unlike(stripes(256, seed=2).float() / 127.5 - 1, REAL)
    assert not warn_if_unlike(torch.zeros(9, 1, 8, 8), REAL[:9])  # too few to tell
    assert not warn_if_unlike(torch.zeros(30, 1, 8, 8), torch.zeros(30, 1, 8, 8))  # X itself is blank


def test_a_projector_on_such_a_generator_says_that_nothing_fits():
    images = digits()[:40].reshape(-1, 1, 8, 8)
    gan = DCGAN(latent_dim=3, width=2, max_steps=2, random_state=0).fit(images)
    with pytest.warns(SurrogateFitWarning, match="do not look like corrupted images of this generator"):
        MimicGANProjector(gan, T=4, T1=4, T2=4, random_state=0).fit(images)


@pytest.mark.parametrize("estimator", [DCGAN, VAE, BiGAN])
def test_a_training_of_two_steps_warns(estimator):
    with pytest.warns(ConvergenceWarning, match=f"{estimator.__name__}: the generated images do not look like X yet"):
        estimator(latent_dim=3, width=2, max_steps=2, random_state=0).fit(stripes().numpy())


def test_warnings_point_at_the_line_that_called_us():
    """Not into torch, scikit-learn or this package, however deep what warns lies."""
    images = digits()[:40].reshape(-1, 1, 8, 8)
    with pytest.warns(ConvergenceWarning) as told:
        gan = DCGAN(latent_dim=3, width=2, max_steps=2, random_state=0).fit(images)
    with pytest.warns(SurrogateFitWarning) as unexplained:
        MimicGANProjector(gan, T=4, T1=4, T2=4, random_state=0).fit(images)
    with pytest.warns(CollapseWarning) as collapsed:
        warn_if_collapsed(torch.zeros(30, 1, 8, 8), REAL)
    assert {warning.filename for warning in (*told, *unexplained, *collapsed)} == {__file__}
