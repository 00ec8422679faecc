"""A gain that a fit has lost is put back, between the bounds that the fit leaves, and nothing else is touched."""

from types import SimpleNamespace

import pytest
import torch

from skmimic.engine import Latents, Problem
from skmimic.engine._contrast import holds_gain, restore_contrast
from skmimic.surrogates import Affine, Composition, Convolution, Mask, MissingPixels, Photometric
from tests.helpers import loaded

SHAPE = (1, 8, 8)
GAIN, BIAS, LOST = 0.5, 0.3, 0.85


def toned(gain, bias, *others):
    tone = Photometric(SHAPE)
    with torch.no_grad():
        tone.gain.fill_(gain)
        tone.bias.fill_(bias)
    return Composition([tone, *others])


def drawn(n, seed):
    generator = loaded()
    z = generator.prior.sample(n, 4, torch.Generator().manual_seed(seed))
    return z, generator.decode(z).detach()


def restored(surrogate, observed, z):
    """Restore the contrast of a surrogate; returns the factor."""
    problem, candidates = Problem(loaded(), surrogate), SimpleNamespace(images=drawn(800, 0)[1])
    bench = SimpleNamespace(problem=problem, observed=observed, candidates=candidates)
    return restore_contrast(bench, SimpleNamespace(surrogate=surrogate, latents=Latents(z), deviation_sd=None))


@pytest.fixture(scope="module")
def rows():
    """Clean images and latents near theirs, as of rows that cannot be drawn exactly."""
    z, images = drawn(60, 1)
    return images, z + 0.25 * torch.randn(z.shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("sign", [1, -1])
def test_lost_contrast_is_found(rows, sign):
    images, z = rows
    surrogate = toned(sign * LOST * GAIN, BIAS + sign * (1 - LOST) * GAIN * images.mean().item())
    factor = restored(surrogate, sign * GAIN * images + BIAS, z)
    assert factor == pytest.approx(1 / LOST, rel=0.05)
    found = surrogate.part(Photometric)
    assert found.gain.item() == pytest.approx(sign * GAIN, rel=0.05)
    assert found.bias.item() == pytest.approx(BIAS, abs=0.02)


def test_means_of_rows_stay_as_mimicked(rows):
    images, z = rows
    observed = GAIN * images + BIAS
    shift = observed.mean().item() - LOST * GAIN * images.mean().item()
    surrogate = toned(LOST * GAIN, shift)
    restored(surrogate, observed, z)
    assert surrogate(images).mean().item() == pytest.approx(observed.mean().item(), abs=1e-4)


def test_rows_that_are_drawn_exactly_keep_their_gain(rows):
    """The reverse regression is the regression: nothing lies between."""
    images, _ = rows
    z, _ = drawn(60, 1)
    surrogate = toned(GAIN, BIAS)
    assert restored(surrogate, GAIN * images + BIAS, z) == pytest.approx(1, abs=1e-4)


def test_contrast_is_not_taken_away(rows):
    images, z = rows
    surrogate = toned(1.3 * GAIN, BIAS)
    assert restored(surrogate, GAIN * images + BIAS, z) == 1.0
    assert surrogate.part(Photometric).gain.item() == pytest.approx(1.3 * GAIN)


def test_a_mask_does_not_count(rows):
    images, z = rows
    observed = GAIN * images + BIAS
    mask = Mask(SHAPE, learn=False)
    dead = torch.zeros(SHAPE, dtype=torch.bool)
    dead[:, 2:4] = True
    mask.set_dead(dead, torch.full(SHAPE, -1.0))
    observed = torch.where(dead, -1.0, observed)
    assert restored(toned(LOST * GAIN, BIAS, mask), observed, z) == pytest.approx(1 / LOST, rel=0.08)


def test_pixels_that_rows_lost_do_not_count(rows):
    images, z = rows
    lost = torch.rand(len(images), 1, 8, 8, generator=torch.Generator().manual_seed(3)) < 0.3
    observed = torch.where(lost, -1.0, GAIN * images + BIAS)
    missing = MissingPixels(SHAPE, -1.0, 0.3)
    assert restored(toned(LOST * GAIN, BIAS, missing), observed, z) == pytest.approx(1 / LOST, rel=0.08)


def test_only_a_gain_without_a_convolution_is_asked(rows):
    images, z = rows
    for surrogate in (Composition([Affine(SHAPE)]), toned(LOST * GAIN, BIAS, Convolution(SHAPE))):
        before = {name: value.clone() for name, value in surrogate.state_dict().items()}
        assert not holds_gain(surrogate)
        assert restored(surrogate, GAIN * images + BIAS, z) == 1.0
        assert all(torch.equal(value, before[name]) for name, value in surrogate.state_dict().items())
    assert holds_gain(Photometric(SHAPE))
