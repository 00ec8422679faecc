"""A gain that a fit has lost is put back, between the bounds that the fit leaves, and nothing else is touched."""

import math
from types import SimpleNamespace

import pytest
import torch

from skmimic.engine import Candidates, Latents, OptimizationTrace, Problem, Settings
from skmimic.engine.identification import _bench, _contrast, _selection
from skmimic.engine.identification._contrast import holds_gain, restore_contrast
from skmimic.surrogates import Affine, Composition, Convolution, Mask, MissingPixels, Photometric, part_of
from tests.helpers import Interrupter, Stop, loaded, smooth_generator

SHAPE = (1, 8, 8)
GAIN, BIAS, LOST = 0.5, 0.3, 0.85


def tone_of(gain, bias, shape=SHAPE):
    tone = Photometric(shape)
    with torch.no_grad():
        tone.gain.fill_(gain)
        tone.bias.copy_(torch.as_tensor(bias))
    return tone


def toned(gain, bias, *others, shape=SHAPE):
    return Composition([tone_of(gain, bias, shape), *others])


def drawn(n, seed, shape=SHAPE):
    generator = loaded(smooth_generator(shape))
    z = generator.prior.sample(n, 4, torch.Generator().manual_seed(seed))
    return z, generator.decode(z).detach()


def restored(surrogate, observed, z):
    """Restore the contrast of a surrogate of rows that were projected to latents."""
    generator = loaded(smooth_generator(tuple(observed.shape[1:])))
    candidates = Candidates(generator, torch.Generator().manual_seed(0), n_candidates=800)
    bench = SimpleNamespace(problem=Problem(generator, surrogate), observed=observed, candidates=candidates)
    return restore_contrast(bench, SimpleNamespace(surrogate=surrogate, latents=Latents(z), deviation_sd=None))


def factor_of(surrogate, observed, z):
    """Tell by what the gain is raised; the surrogate itself is never changed."""
    before = part_of(surrogate, Photometric).gain.clone()
    found = part_of(restored(surrogate, observed, z), Photometric).gain / before
    assert torch.equal(part_of(surrogate, Photometric).gain, before)
    return found.mean().item()


def nearly_drawn(shape=SHAPE):
    """Clean images and latents near theirs, as of rows that cannot be drawn exactly."""
    z, images = drawn(60, 1, shape)
    return images, z + 0.25 * torch.randn(z.shape, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def rows():
    return nearly_drawn()


@pytest.mark.parametrize("sign", [1, -1])
def test_lost_contrast_is_found(rows, sign):
    images, z = rows
    surrogate = toned(sign * LOST * GAIN, BIAS + sign * (1 - LOST) * GAIN * images.mean().item())
    observed = sign * GAIN * images + BIAS
    assert factor_of(surrogate, observed, z) == pytest.approx(1 / LOST, rel=0.05)
    found = restored(surrogate, observed, z).part(Photometric)
    assert found.gain.item() == pytest.approx(sign * GAIN, rel=0.05)
    assert found.bias.item() == pytest.approx(BIAS, abs=0.02)


def test_means_of_rows_stay_as_mimicked(rows):
    images, z = rows
    observed = GAIN * images + BIAS
    shift = observed.mean().item() - LOST * GAIN * images.mean().item()
    surrogate = toned(LOST * GAIN, shift)
    surrogate = restored(surrogate, observed, z)
    assert surrogate(images).mean().item() == pytest.approx(observed.mean().item(), abs=1e-4)


def test_rows_that_are_drawn_exactly_keep_their_gain(rows, monkeypatch):
    """The reverse regression is the regression: nothing lies between, whatever the contrast says."""
    monkeypatch.setattr("skmimic.engine.identification._contrast._lost", lambda *arguments: 1.5)
    images, near = rows
    exact, _ = drawn(60, 1)
    assert factor_of(toned(GAIN, BIAS), GAIN * images + BIAS, exact) == pytest.approx(1, abs=1e-4)
    assert 1.02 < factor_of(toned(GAIN, BIAS), GAIN * images + BIAS, near) < 1.5


def test_rows_are_compared_with_samples_like_them(rows, monkeypatch):
    """Rows that are all rich in contrast by nature are not taken for recoloured; all samples would say 1.57 here."""
    monkeypatch.setattr("skmimic.engine.identification._contrast._explained", lambda *arguments: 0.6)
    images, z = rows
    chosen = images.flatten(1).std(1).argsort()[-15:]
    observed = GAIN * images[chosen] + BIAS
    assert factor_of(toned(LOST * GAIN, BIAS), observed, z[chosen]) == pytest.approx(1 / LOST, rel=0.06)


@pytest.mark.parametrize("sd", [0.05, 0.1])
def test_noise_is_no_contrast(rows, sd):
    images, z = rows
    noise = sd * torch.randn(images.shape, generator=torch.Generator().manual_seed(4))
    observed = GAIN * images + BIAS + noise
    assert factor_of(toned(GAIN, BIAS), observed, z) == pytest.approx(1, abs=0.03)
    assert factor_of(toned(LOST * GAIN, BIAS), observed, z) == pytest.approx(1 / LOST, rel=0.05)


def test_rows_that_are_not_drawn_at_all_tell_nothing(rows):
    _, z = rows
    noise = torch.randn(len(z), *SHAPE, generator=torch.Generator().manual_seed(5))
    for gain in (0.01, 0.2, 1.0):
        assert factor_of(toned(gain, 0.0), noise, z) == 1.0


def test_a_colour_cast_does_not_count():
    """Channels that differ in brightness are no contrast."""
    shape = (3, 8, 8)
    images, z = nearly_drawn(shape)
    factors = []
    for cast in (0.0, 0.6):
        bias = torch.tensor([BIAS - cast, BIAS, BIAS + cast])
        surrogate = toned(LOST * GAIN, bias, shape=shape)
        factors.append(factor_of(surrogate, GAIN * images + bias[:, None, None], z))
    assert factors[0] == pytest.approx(1 / LOST, rel=0.05)
    assert factors[1] == pytest.approx(factors[0], rel=0.01)


def test_contrast_is_not_taken_away(rows):
    images, z = rows
    surrogate = toned(1.3 * GAIN, BIAS)
    assert restored(surrogate, GAIN * images + BIAS, z) is surrogate
    assert surrogate.part(Photometric).gain.item() == pytest.approx(1.3 * GAIN)


def test_a_mask_does_not_count(rows):
    images, z = rows
    observed = GAIN * images + BIAS
    mask = Mask(SHAPE, learn=False)
    dead = torch.zeros(SHAPE, dtype=torch.bool)
    dead[:, 2:4] = True
    mask.set_dead(dead, torch.full(SHAPE, -1.0))
    observed = torch.where(dead, -1.0, observed)
    assert factor_of(toned(LOST * GAIN, BIAS, mask), observed, z) == pytest.approx(1 / LOST, rel=0.08)


def test_pixels_that_rows_lost_do_not_count(rows):
    images, z = rows
    lost = torch.rand(len(images), 1, 8, 8, generator=torch.Generator().manual_seed(3)) < 0.3
    observed = torch.where(lost, -1.0, GAIN * images + BIAS)
    missing = MissingPixels(SHAPE, -1.0, 0.3)
    assert factor_of(toned(LOST * GAIN, BIAS, missing), observed, z) == pytest.approx(1 / LOST, rel=0.08)


def test_only_a_gain_without_a_convolution_is_asked(rows):
    images, z = rows
    for surrogate in (Composition([Affine(SHAPE)]), toned(LOST * GAIN, BIAS, Convolution(SHAPE))):
        before = {name: value.clone() for name, value in surrogate.state_dict().items()}
        assert not holds_gain(surrogate)
        assert restored(surrogate, GAIN * images + BIAS, z) is surrogate
        assert all(torch.equal(value, before[name]) for name, value in surrogate.state_dict().items())
    assert holds_gain(Photometric(SHAPE))


class Fitted(_bench.Bench):
    """A bench on which everything has been fitted and projected already."""

    def __init__(self, observed, z):
        generator = loaded(smooth_generator(SHAPE))
        random = torch.Generator().manual_seed(0)
        candidates = Candidates(generator, random, n_candidates=200)
        super().__init__(Problem(generator, Photometric(SHAPE)), observed, Settings(), candidates, random, print)
        self.z = z

    def learn(self, surrogate, family, *rest):
        return self.project(surrogate, family)

    def project(self, surrogate, family, deviation_sd=None):
        return _bench.Learned(surrogate, family, None, math.nan, OptimizationTrace((0.0,)), Latents(self.z))


@pytest.mark.parametrize("module", [_contrast, _selection])
def test_an_interruption_leaves_the_gain_and_bias_of_the_fit_or_the_restored_ones(rows, module):
    images, z = rows

    def learn(bench):
        return _selection.learn_surrogate(bench, tone_of(LOST * GAIN, BIAS), "photometric").surrogate

    def numbers(surrogate):
        return surrogate.gain.item(), surrogate.bias.item()

    observed = GAIN * images + BIAS
    whole = Fitted(observed, z)
    with Interrupter(module.__file__) as counted:
        states = {numbers(tone_of(LOST * GAIN, BIAS)), numbers(learn(whole))}
    assert len(states) == 2
    for at in range(1, counted.n_lines + 1):
        bench = Fitted(observed, z)
        with pytest.raises(Stop), Interrupter(module.__file__, at):
            learn(bench)
        assert bench.best is None or numbers(bench.best.surrogate) in states
