"""The objective: the sum of its terms, row by row."""

import pytest
import torch

from skmimic.engine import Latents, Problem
from skmimic.losses import adversarial, l1
from skmimic.surrogates import Affine, Identity, Photometric
from tests.helpers import loaded, pca_generator

SHAPE = (1, 8, 8)


def rows(n=5, seed=0):
    random = torch.Generator().manual_seed(seed)
    return loaded().prior.sample(n, 4, random), 2 * torch.rand(n, *SHAPE, generator=random) - 1


def test_is_fidelity_plus_priors_plus_adversarial_term():
    generator, (z, observed) = loaded(), rows()
    problem = Problem(generator, Affine(SHAPE), "l1", latent_weight=0.5, deviation_sd=0.1, lambda_adv=0.3)
    latents = Latents(z, 0.05 * torch.ones(5, 6))
    images = generator.decode(z)
    expected = (
        l1(problem.surrogate(images, latents.deviations), observed)
        + 0.3 * adversarial(generator.discriminate(images))
        + 0.5 * generator.prior.penalty(z)
        + 0.5 * latents.deviations.square().sum(1) / 0.1**2
    )
    torch.testing.assert_close(problem.objective(observed, latents), expected)


@pytest.mark.parametrize("loss", ["l1", "l2", "charbonnier"])
def test_is_zero_where_everything_fits(loss):
    generator, (z, _) = loaded(), rows()
    problem = Problem(generator, Identity(), loss, latent_weight=0.0)
    values = problem.objective(generator.decode(z), Latents(z))
    torch.testing.assert_close(values, torch.zeros(5), atol=1e-5, rtol=0)


def test_rows_are_independent():
    z, observed = rows()
    problem = Problem(loaded(), Photometric(SHAPE))
    whole = problem.objective(observed, Latents(z))
    torch.testing.assert_close(whole[[3, 0]], problem.objective(observed[[3, 0]], Latents(z[[3, 0]])))


def test_a_generator_without_discriminator_has_no_adversarial_term():
    generator = loaded(pca_generator())
    z = torch.zeros(2, generator.latent_dim)
    observed = torch.zeros(2, *SHAPE)
    with_term, without = (Problem(generator, Identity(), lambda_adv=weight) for weight in (1.0, 0.0))
    assert torch.equal(with_term.objective(observed, Latents(z)), without.objective(observed, Latents(z)))


def test_deviations_are_for_surrogates_that_take_them():
    z, _ = rows()
    with_sd = Problem(loaded(), Affine(SHAPE), deviation_sd=0.1)
    assert with_sd.latents(z).deviations.shape == (5, 6)
    assert with_sd.with_(deviation_sd=None).latents(z).deviations is None
    assert with_sd.with_(surrogate=Photometric(SHAPE)).latents(z).deviations is None


def test_latents_are_copied_selected_and_detached():
    latents = Latents(torch.zeros(3, 2), torch.ones(3, 6))
    fresh = latents.fresh()
    assert all(tensor.requires_grad and tensor.is_leaf for tensor in fresh.tensors())
    with torch.no_grad():
        fresh.z.fill_(5)
    assert (latents.z == 0).all()
    assert fresh.rows([1]).deviations.shape == (1, 6)
    assert not any(tensor.requires_grad for tensor in fresh.detached().tensors())


@pytest.mark.parametrize("loss", [lambda a, b: (a - b).abs().sum(), lambda a, b: (a - b).abs(), lambda a, b: None])
def test_a_loss_must_give_one_number_a_row(loss):
    z, observed = rows()
    with pytest.raises(ValueError, match=r"must give one number for each of the 5 rows.*Sum over the pixels"):
        Problem(loaded(), Identity(), loss).objective(observed, Latents(z))
