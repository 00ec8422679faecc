"""What normal images say about the corruption of a stream, half of which may be anomalies."""

import math

import pytest
import torch

from skmimic.detection import NormalImages, StreamJudge, corruption_of_stream
from skmimic.surrogates import Affine, Composition, Identity, Photometric, affine_matrix
from tests.detection.helpers import strokes

SHAPE = (1, 16, 16)
NORMAL, HELD_OUT, NEW = (strokes(n, 16, seed) for n, seed in ((300, 0), (60, 1), (60, 2)))
NOISE = torch.rand(60, *SHAPE, generator=torch.Generator().manual_seed(0))


def turned(degrees):
    part = Affine(SHAPE).requires_grad_(False)
    part.theta.copy_(affine_matrix(degrees))
    return part


def toned(gain, bias):
    part = Photometric(SHAPE).requires_grad_(False)
    part.gain.fill_(gain)
    part.bias.fill_(bias)
    return part


def through(*parts):
    images = 2 * NEW - 1
    for part in parts:
        images = part(images)
    return (images + 1) / 2


@pytest.fixture(scope="module")
def normals():
    return NormalImages.fit(NORMAL, HELD_OUT)


def settled(normals, images, found=None):
    return corruption_of_stream(normals, images, found or Identity(), SHAPE)


def with_anomalies(images):
    return torch.cat([images, NOISE])


def turn_of(surrogate):
    return surrogate.describe()["rotation_deg"]


@pytest.mark.parametrize("images", [NEW, with_anomalies(NEW)])
@pytest.mark.parametrize("found", [Identity(), turned(30), toned(0.5, 0.3), Composition([turned(-20), toned(2, 0)])])
def test_a_clean_stream_is_left_as_it_is(normals, images, found):
    assert isinstance(settled(normals, images, found), Identity)


@pytest.mark.parametrize("degrees", [20, -30])
def test_a_turn_that_was_not_found_is(normals, degrees):
    stream = with_anomalies(through(turned(degrees)))
    assert turn_of(settled(normals, stream)) == pytest.approx(degrees, abs=6)


def test_a_turn_that_was_roughly_found_goes_on(normals):
    stream = with_anomalies(through(turned(60)))
    judge = StreamJudge(normals, stream)
    rough, after = turned(48), settled(normals, stream, turned(48))
    assert abs(turn_of(after) - 60) < abs(turn_of(rough) - 60)
    assert _judged(judge, after) < _judged(judge, rough)


def _judged(judge, part):
    return judge(lambda images: (part(2 * images - 1) + 1) / 2)


def test_gain_and_bias_are_read_off_the_images(normals):
    stream = with_anomalies(through(toned(0.5, -0.3)))
    told = settled(normals, stream).describe()
    assert told["gain"][0] == pytest.approx(0.5, abs=0.08)
    assert told["bias"][0] == pytest.approx(-0.3, abs=0.08)


def test_gain_and_bias_that_were_found_go_on_as_one_part(normals):
    stream = with_anomalies(through(toned(-0.6, 0.1)))
    after = settled(normals, stream, toned(-0.9, 0.0))
    assert isinstance(after, Photometric)
    assert after.gain.item() == pytest.approx(-0.6, abs=0.1)


def test_of_several_parts_those_that_help_are_kept(normals):
    stream = with_anomalies(through(turned(40)))
    after = settled(normals, stream, Composition([turned(40), turned(90)]))
    assert turn_of(after) == pytest.approx(40, abs=8)


def test_no_gain_changes_the_judgement(normals):
    judge = StreamJudge(normals, with_anomalies(NEW))
    assert judge(lambda images: 0.5 * images) == pytest.approx(judge(lambda images: images), abs=1e-4)


def test_the_true_map_is_judged_best(normals):
    judge = StreamJudge(normals, with_anomalies(through(turned(30))))
    values = {degrees: _judged(judge, turned(degrees)) for degrees in (-30, 0, 15, 30, 45, 60)}
    assert min(values, key=values.get) == 30


def test_blank_rows_tell_nothing(normals):
    blank = torch.linspace(0, 1, 40).view(-1, 1, 1, 1).expand(-1, *SHAPE)
    assert isinstance(settled(normals, blank, toned(0.1, 0.3)), Identity)
    assert isinstance(settled(normals, torch.cat([NEW, blank])), Identity)


def test_few_rows_refine_no_map(normals):
    after = settled(normals, through(turned(12))[:8])
    assert not isinstance(after, Affine)


def test_nothing_of_the_normal_images_changes(normals):
    before = normals.scores(NEW)
    settled(normals, through(turned(20), toned(0.5, 0.0)))
    assert (normals.scores(NEW) == before).all()
    assert math.isfinite(before.sum())
