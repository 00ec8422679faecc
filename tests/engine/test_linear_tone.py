"""Gain and bias under a linear generator: exact where the rows are what its likelihood says they are."""

import pytest
import torch

from skmimic.engine import Settings
from skmimic.engine._initialisation import Candidates
from skmimic.engine._problem import Problem
from skmimic.engine.identification import Bench, Policy
from skmimic.engine.identification._linear_tone import fit_tone, has_linear_tone
from skmimic.surrogates import Affine, Composition, Identity, Mask, MissingPixels, Photometric
from tests.helpers import pca_generator

SHAPE = (1, 8, 8)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(n=400, noise=0.1):
    """Images of the generator's own latents, and noise."""
    generator = pca_generator().on("cpu")
    clean = generator.decode(generator.prior.sample(n, generator.latent_dim, seeded()))
    return clean + noise * torch.randn(clean.shape, generator=seeded(1))


def fitted(rows, *others, gain=1.0):
    generator = pca_generator().on("cpu")
    samples = Candidates(generator, seeded(), n_candidates=50)
    problem, policy = Problem(generator, Identity()), Policy(n_rows=len(rows))
    bench = Bench(problem, rows, Settings(solver="joint"), samples, seeded(), print, policy)
    tone = Photometric(SHAPE)
    tone.gain.data.fill_(gain)
    surrogate = Composition([tone, *others])
    assert has_linear_tone(bench, surrogate)
    fit_tone(bench, surrogate)
    return tone.gain.item(), tone.bias.item()


@pytest.mark.parametrize(("gain", "bias"), [(1.0, 0.0), (0.4, 0.2), (2.5, -0.3), (-0.6, 0.1)])
@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_the_likeliest_are_the_true_ones(gain, bias, noise):
    found = fitted(gain * drawn(noise=noise) + bias, gain=-1.0 if gain < 0 else 1.0)
    assert found == pytest.approx((gain, bias), rel=0.05, abs=0.02)


def test_what_a_mask_hides_has_no_say():
    mask, dead = Mask(SHAPE, learn=False), torch.zeros(SHAPE, dtype=torch.bool)
    dead[:, 2:6, 2:6] = True
    mask.set_dead(dead, torch.full(SHAPE, 0.9))
    rows = 0.5 * drawn() + 0.1
    assert fitted(mask(rows), mask) == pytest.approx(fitted(rows.masked_fill(dead, -7.0), mask), abs=1e-6)
    assert fitted(mask(rows), mask) == pytest.approx((0.5, 0.1), rel=0.05, abs=0.02)


def test_rows_with_unseen_pixels_are_left_out():
    rows = 0.5 * drawn() + 0.1
    holed = rows.clone()
    holed[::2, :, 3, 3] = torch.nan
    assert fitted(holed) == pytest.approx(fitted(rows[1::2]), abs=1e-6)
    before = fitted(holed[:2])
    assert before == (1.0, 0.0), "one whole row tells nothing"


def test_it_is_for_linear_generators_and_gains_that_are_learned():
    generator = pca_generator().on("cpu")
    samples = Candidates(generator, seeded(), n_candidates=50)
    bench = Bench(Problem(generator, Identity()), drawn(8), Settings(solver="joint"), samples, seeded(), print)
    assert not has_linear_tone(bench, Composition([Affine(SHAPE)]))
    assert not has_linear_tone(bench, Composition([Photometric(SHAPE).requires_grad_(False)]))
    assert not has_linear_tone(bench, Composition([Photometric(SHAPE), MissingPixels(SHAPE)]))
