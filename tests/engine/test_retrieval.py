"""The start of the shared corruption, without gradients."""

import math
from types import SimpleNamespace

import pytest
import torch

from skmimic.corruptions import Invert, MissingPixels, Photometric, Rotation, Zoom
from skmimic.engine import Candidates
from skmimic.engine.identification import Policy, Pose, dead_pixels, retrieve
from skmimic.surrogates import MissingPixels as LostInRows
from skmimic.surrogates import affine_matrix
from tests.helpers import SmoothDecoder, loaded, smooth_generator


@pytest.fixture(scope="module")
def candidates():
    return Candidates(loaded(), torch.Generator().manual_seed(0), n_candidates=800)


@pytest.fixture(scope="module")
def clean():
    generator = loaded()
    return generator.decode(generator.prior.sample(60, 4, torch.Generator().manual_seed(1)))


def test_keeps_the_identity_on_clean_rows(candidates, clean):
    found = retrieve(candidates, clean)
    assert found.pose == Pose()
    assert found.tone == (1, 0)
    assert found.poses == (Pose(),)
    assert not found.has_photometric
    assert not found.has_mask
    assert torch.equal(found.pose.matrix, affine_matrix())


@pytest.mark.parametrize(("degrees", "zoom"), [(40.0, 1.0), (-70.0, 1.0), (30.0, 0.75)])
def test_finds_rotation_and_zoom(candidates, clean, degrees, zoom):
    found = retrieve(candidates, Zoom(zoom)(Rotation(degrees)(clean)))
    assert found.pose.rotation_deg == pytest.approx(degrees, abs=12)
    assert (found.pose.zoom_x, found.pose.zoom_y) == pytest.approx((zoom, zoom), rel=0.15)


def test_finds_an_inversion(candidates, clean):
    found = retrieve(candidates, Invert()(clean))
    assert found.tone.gain < -0.7
    assert abs(found.tone.bias) < 0.3


def test_finds_gain_and_bias(candidates, clean):
    found = retrieve(candidates, Photometric(0.5, 0.3)(clean))
    assert found.tone.gain == pytest.approx(0.5, abs=0.15)
    assert found.tone.bias == pytest.approx(0.3, abs=0.15)


def test_finds_lost_pixels_where_the_generator_varies(candidates, clean):
    lost = MissingPixels(0.4)(torch.ones(1, 1, 8, 8))[0] == -1
    found = retrieve(candidates, MissingPixels(0.4)(clean))
    varies = candidates.images.std(0) > 0.2
    assert torch.equal(found.dead & varies, lost & varies)
    assert (found.values[found.dead] == -1).all()


def test_pixels_that_are_always_dark_are_not_dead(clean):
    """A constant that the generator gives itself says nothing."""
    assert not dead_pixels(clean, clean).any()


def test_dead_pixels_need_rows_enough_to_exclude_chance():
    mimicked = torch.tensor([-1.0, 1.0]).repeat(500).view(1000, 1, 1, 1)
    few, many = (torch.full((n, 1, 1, 1), -1.0) for n in (5, 20))
    assert not dead_pixels(mimicked, few).any()
    assert dead_pixels(mimicked, many).all()


def test_where_pixels_are_dead_a_doubtful_one_is_taken_for_dead_too():
    """A pixel that nine of ten samples leave dark is dark in 20 rows with a chance of 0.12."""
    random = torch.Generator().manual_seed(0)
    mimicked = 1 - 2 * (torch.rand(4000, 1, 1, 8, generator=random) < torch.tensor([0.5] * 7 + [0.9])).float()
    observed = mimicked[:20].clone()
    observed[..., 7] = -1.0
    assert not dead_pixels(mimicked, observed).any()
    observed[..., :4] = -1.0
    assert dead_pixels(mimicked, observed)[0, 0].tolist() == [True] * 4 + [False] * 3 + [True]


def test_large_pictures_are_searched_at_a_small_size():
    generator = loaded(smooth_generator((1, 24, 20)))
    rows = generator.decode(generator.prior.sample(30, 4, torch.Generator().manual_seed(1)))
    candidates = Candidates(generator, torch.Generator().manual_seed(0), n_candidates=300)
    found = retrieve(candidates, Zoom(0.7)(rows))
    assert found.pose.zoom_x == pytest.approx(0.7, rel=0.15)
    assert found.dead.shape == (1, 24, 20)


def test_rows_all_alike_do_not_fail(candidates, clean):
    found = retrieve(candidates, clean[:1].expand(5, -1, -1, -1))
    assert torch.isfinite(found.pose.matrix).all()


@pytest.fixture(scope="module")
def scenery():
    """Pictures that vary up to their edges, as faces do."""
    decoder = SmoothDecoder(image_shape=(1, 32, 32))
    decoder.disc.fill_(1.0)
    images = decoder(2 * torch.rand(1060, 4, generator=torch.Generator().manual_seed(1)) - 1).detach()
    return SimpleNamespace(images=images[60:]), images[:60]


def framed(rows, width):
    """Hide the edges."""
    hidden = torch.full_like(rows, -1.0)
    hidden[..., width:-width, width:-width] = rows[..., width:-width, width:-width]
    return hidden


@pytest.mark.parametrize("zoom", [0.7, 0.8, 0.85, 0.9])
def test_a_frame_that_a_zoom_leaves_is_explained_by_it(scenery, zoom):
    candidates, rows = scenery
    found = retrieve(candidates, Zoom(zoom)(rows))
    assert found.pose.zoom_x == pytest.approx(zoom, rel=0.03)
    assert not found.has_mask


@pytest.mark.parametrize("width", [2, 3, 6])
def test_a_frame_that_hides_pixels_is_a_mask(scenery, width):
    candidates, rows = scenery
    hidden = framed(rows, width)
    found = retrieve(candidates, hidden)
    assert found.pose == Pose()
    assert torch.equal(found.dead[0], hidden.std(0)[0] == 0)


def test_a_frame_that_may_be_either_has_a_rival(scenery):
    candidates, rows = scenery
    doubtful = Policy(posed_below=0.0, masked_above=math.inf)
    found = retrieve(candidates, framed(rows, 3), doubtful)
    assert not found.has_mask
    assert found.rivals[0].has_mask


def test_pixels_that_rows_lose_one_by_one_are_not_dead():
    """Where nine in ten pixels are lost, eight rows show the value together often enough."""
    mimicked = torch.ones(1000, 1, 8, 8)
    observed = torch.full((8, 1, 8, 8), -1.0)
    lost = LostInRows((1, 8, 8), value=-1.0, fraction=0.9)
    assert dead_pixels(mimicked, observed).all()
    assert not dead_pixels(mimicked, observed, lost).any()
