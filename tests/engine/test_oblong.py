"""Oblong images: content turns by the same angle, whatever the shape of the picture around it."""

from functools import cache

import pytest
import torch
from torch import nn

from skmimic import Generator
from skmimic.corruptions import Affine, Normal, PerImage, Rotation
from skmimic.engine import Candidates, Settings, estimate_corruption
from skmimic.engine.identification import Pose, retrieve
from skmimic.engine.identification._hypotheses import Hypothesis, distances
from tests.helpers import SmoothDecoder, loaded

SQUARE = (12, 12)
SETTINGS = Settings(solver="joint", T=8, T1=15, T2=15)


@pytest.fixture(scope="module", autouse=True)
def _fewer_candidates():
    """Pictures of four latents need few samples; whether rows tell their pose is asked elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skmimic.engine._initialisation.n_affordable", lambda generator, n_wanted: min(n_wanted, 500))
        patch.setattr("skmimic.engine._estimation.is_identifiable", lambda *arguments: True)
        yield


class Framed(nn.Module):
    """Smooth pictures of 8x8 pixels, without a symmetry, on a larger dark ground."""

    def __init__(self, height, width, channels):
        super().__init__()
        self.decoder = SmoothDecoder(image_shape=(channels, 8, 8), seed=3)
        self.frame = ((width - 8) // 2,) * 2 + ((height - 8) // 2,) * 2

    def forward(self, z):
        return nn.functional.pad(self.decoder(z), self.frame, value=-1.0)


@cache
def framed(height, width, channels=1):
    return loaded(Generator(Framed(height, width, channels), latent_dim=4))


def rows_of(generator, corruption, n=32):
    return corruption(generator.decode(generator.prior.sample(n, 4, torch.Generator().manual_seed(5))))


@cache
def found(sides, corruption, surrogate="affine", channels=1):
    generator = framed(*sides, channels)
    learned = estimate_corruption(generator, rows_of(generator, corruption), SETTINGS, surrogate).surrogate
    return learned.describe()


@pytest.mark.parametrize(
    ("sides", "surrogate", "channels"),
    [((24, 12), "affine", 1), ((12, 36), "affine", 1), ((24, 12), "auto", 1), ((12, 20), "affine", 3)],
)
def test_the_angle_is_that_of_a_square(sides, surrogate, channels):
    square, oblong = (found(each, Rotation(-28), surrogate, channels) for each in (SQUARE, sides))
    assert square["rotation_deg"] == pytest.approx(-28, abs=2)
    assert oblong["rotation_deg"] == pytest.approx(square["rotation_deg"], abs=2)
    assert oblong["scale"] == pytest.approx(square["scale"], abs=0.06)
    assert oblong["shear_deg"] == pytest.approx(square["shear_deg"], abs=2)


def test_zoom_and_shift_are_those_of_a_square():
    corruption = Affine(zoom=0.8, shift=(1.0, -1.0))
    square, oblong = (found(each, corruption) for each in (SQUARE, (12, 36)))
    assert oblong["scale"] == pytest.approx(square["scale"], abs=0.06)
    assert oblong["shift_px"] == pytest.approx(square["shift_px"], abs=0.3)


def test_retrieval_sees_the_same_content_in_any_frame():
    """Shrunk to small pictures, too, whose sides are rounded and whose pixels are then not square."""
    poses = []
    for sides in ((30, 30), (30, 58), (74, 30)):
        generator = framed(*sides)
        candidates = Candidates(generator, torch.Generator().manual_seed(0), n_candidates=300)
        poses.append(retrieve(candidates, rows_of(generator, Rotation(33))).pose)
    for pose in poses:
        assert pose.rotation_deg == pytest.approx(poses[0].rotation_deg, abs=4)
        assert (pose.zoom_x, pose.zoom_y) == pytest.approx((poses[0].zoom_x, poses[0].zoom_y), rel=0.05)


def test_distances_under_a_hypothesis_are_those_of_a_square():
    hypotheses = [Hypothesis(Pose(degrees, zoom, zoom)) for degrees in (0, 30, -45) for zoom in (1.0, 0.8)]
    values = []
    for sides in ((16, 16), (16, 40), (48, 16)):
        generator = framed(*sides)
        images = rows_of(generator, nn.Identity(), 60)
        values.append(distances(images, rows_of(generator, Rotation(30)), hypotheses))
    for each in values[1:]:
        torch.testing.assert_close(each, values[0], rtol=1e-3, atol=0.03)  # near zero cdist is not exact


def test_angles_of_each_image_are_those_of_a_square():
    turned = PerImage(Rotation, degrees=Normal(20, 15))
    square, oblong = (rows_of(framed(*sides), turned, 6) for sides in (SQUARE, (12, 32)))
    torch.testing.assert_close(oblong[..., 10:22], square, atol=1e-5, rtol=0)
