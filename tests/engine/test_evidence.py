"""Signs of lost pixels and of blur that are read off the rows."""

import math
import re
from functools import partial

import pytest
import torch

from skmimic import load_gan
from skmimic.corruptions import Compose, GaussianBlur, Invert, MissingPixels, Noise, Photometric, Rotation, Zoom
from skmimic.datasets import load_mnist_sample
from skmimic.engine import Settings, computing, estimate_corruption, fill_in
from skmimic.engine.identification import Policy, blur_width, scattered_pixels
from skmimic.engine.identification._evidence import lowest_power


@pytest.fixture(scope="module")
def images():
    generator = load_gan("mnist16").on("cpu")
    return generator.decode(generator.prior.sample(600, generator.latent_dim, torch.Generator().manual_seed(0)))


@pytest.fixture(scope="module")
def rows():
    return torch.from_numpy(load_mnist_sample(size=16).images[:100, None]).float() / 127.5 - 1


@pytest.mark.parametrize("fraction", [0.2, 0.4])
@pytest.mark.parametrize("fill", [-1.0, 0.0])
def test_finds_value_and_fraction_of_pixels_lost_row_by_row(images, rows, fraction, fill):
    found = scattered_pixels(MissingPixels(fraction, fill=fill, shared=False)(rows), images)
    assert found.value == pytest.approx(fill, abs=1e-3)
    assert found.fraction == pytest.approx(fraction, abs=0.1)


@pytest.mark.parametrize(
    "corrupt",
    [Rotation(0.0), Rotation(35), Zoom(0.6), Invert(), Photometric(0.5, 0.3), Noise(0.2), MissingPixels(0.4)],
    ids=repr,
)
def test_finds_no_scattered_pixels_where_none_are(images, rows, corrupt):
    assert scattered_pixels(corrupt(rows), images) is None


def test_filling_in_brings_rows_nearer_to_what_they_were(images, rows):
    observed = MissingPixels(0.4, shared=False)(rows)
    filled = fill_in(observed, scattered_pixels(observed, images))
    assert (filled - rows).norm() < 0.8 * (observed - rows).norm()
    seen = observed != -1
    assert torch.equal(filled[seen], observed[seen])


@pytest.mark.parametrize("corrupt", [GaussianBlur(1.0), Compose(Rotation(20), GaussianBlur(1.0))], ids=repr)
def test_measures_the_width_of_a_blur(images, rows, corrupt):
    assert blur_width(corrupt(rows), images) == pytest.approx(1.0, rel=0.25)


@pytest.mark.parametrize(
    "corrupt", [Rotation(0.0), Rotation(35), Zoom(0.7), Zoom(1.4), Photometric(0.5, 0.3), Noise(0.2)], ids=repr
)
def test_sees_no_blur_where_none_is(images, rows, corrupt):
    assert blur_width(corrupt(rows), images) is None


def test_small_pictures_say_nothing(images):
    tiny = images[:, :, :2, :2]
    assert scattered_pixels(tiny, tiny) is None
    assert blur_width(tiny, tiny) is None


@pytest.mark.filterwarnings("ignore::skmimic.exceptions.SurrogateFitWarning")
def test_rows_that_lost_pixels_may_try_the_flexible_family(rows, monkeypatch):
    """A convolution is tried between the affine map and the pixels that each row lost, and measured."""
    any_block_is_worth_a_try = partial(Policy, promising_below=math.inf)
    monkeypatch.setattr("skmimic.engine.identification._bench.Policy", any_block_is_worth_a_try)
    observed, sentences = MissingPixels(0.4, shared=False)(rows[:40]), []
    with computing():
        settings = Settings(solver="joint", T=2)
        estimate_corruption(load_gan("mnist16").on("cpu"), observed, settings, report=sentences.append)
    tried = [sentence for sentence in sentences if "convolution" in sentence]
    assert tried
    assert all(re.search(r"affine.*convolution.*missing", sentence) for sentence in tried)


def test_power_is_low_somewhere_under_a_filter_and_nowhere_under_more_contrast():
    digits = torch.from_numpy(load_mnist_sample().images[:, None]).float() / 127.5 - 1
    rows, samples = digits[::2], digits[1::2]
    assert 0.8 < lowest_power(rows, samples) < 1.1
    assert lowest_power(GaussianBlur(1.0)(rows), samples) < 0.2
    assert lowest_power(1.2 * rows, samples) == pytest.approx(1.44 * lowest_power(rows, samples), rel=1e-3)
    assert lowest_power(rows[..., :7, :], samples[..., :7, :]) == 0
