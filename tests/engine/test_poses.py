"""The search for the pose that rows share, without gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmimic import load_gan
from skmimic.engine import Candidates
from skmimic.engine.identification import Found, Policy, Pose, PoseSearch
from skmimic.surrogates import affine_matrix, describe_affine, warp

POSE = Pose(-25.0, 0.85, 0.95, 0.2, 0.2, -0.15)
FEW = Policy(n_samples=600)


@pytest.fixture(scope="module")
def digits():
    """Samples of the bundled generator to compare with, and others as rows."""
    generator = load_gan("mnist16").on("cpu")
    z = generator.prior.sample(64, generator.latent_dim, torch.Generator().manual_seed(5))
    return Candidates(generator, torch.Generator().manual_seed(0), 1000).images, generator.decode(z).detach()


def pixels(found, true, side=16):
    """Mean displacement between two poses over the middle of a picture."""
    grid = torch.cartesian_prod(*[torch.linspace(-0.6, 0.6, 9)] * 2)
    grid = torch.cat([grid, torch.ones(len(grid), 1)], 1)
    return ((grid @ (found.matrix - true.matrix).T).norm(dim=1).mean() * side / 2).item()


class TestPose:
    def test_no_pose_is_the_identity(self):
        assert torch.equal(Pose().matrix, affine_matrix())

    def test_a_turn_and_a_zoom_are_those_of_affine_matrix(self):
        torch.testing.assert_close(Pose(30.0, 0.8, 0.8).matrix, affine_matrix(30.0, 0.8))

    @settings(deadline=None, max_examples=30)
    @given(st.floats(-80, 80), st.floats(0.5, 2), st.floats(0.5, 2), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
    def test_describe_reads_shift_and_area_back(self, turn, x, y, shear, shift):
        told = describe_affine(Pose(turn, x, y, shear, shift, -shift).matrix, (1, 20, 20))
        assert told["shift_px"] == pytest.approx((10 * shift, -10 * shift), abs=1e-3)
        assert math.prod(told["scale"]) == pytest.approx(x * y, rel=1e-4)


class TestSearch:
    @pytest.mark.parametrize("tone", [(1.0, 0.0), (0.5, 0.3), (-0.7, 0.1)], ids=["plain", "dimmed", "inverted"])
    def test_finds_all_six_numbers_under_any_gain_and_bias(self, digits, tone):
        images, rows = digits
        gain, bias = tone
        search = PoseSearch(images, gain * warp(rows, POSE.matrix) + bias, FEW)
        best = search.run()[0]
        assert pixels(best.pose, POSE) < 0.8
        assert best.is_inverted == (gain < 0)
        assert search.tone(best) == pytest.approx(tone, abs=0.15)

    def test_distances_do_not_depend_on_gain_and_bias(self, digits):
        images, rows = digits
        plain, recoloured = (PoseSearch(images, each, FEW) for each in (rows, 0.4 * rows - 0.5))
        found = Found(0.0, Pose(10.0))
        assert recoloured.look(found) == pytest.approx(plain.look(found), rel=1e-4)

    def test_clean_rows_keep_the_identity_alone(self, digits):
        (found,) = PoseSearch(*digits, FEW).run()
        assert found.pose == Pose()

    def test_a_pose_that_is_a_little_nearer_is_learned_from_beside_the_identity(self, digits):
        images, rows = digits
        observed = warp(rows, Pose(20.0).matrix)
        kept, other = PoseSearch(images, observed, Policy(parsimony=0.0, doubtful=math.inf)).run()
        assert kept.pose == Pose()
        assert other.pose.rotation_deg == pytest.approx(20, abs=4)

    def test_what_was_not_seen_does_not_count(self, digits):
        images, rows = digits
        turned = warp(rows, POSE.matrix)
        holed = turned.clone()
        holed[..., 3:9, 3:9] = torch.nan
        spoiled = turned.clone()
        spoiled[..., 3:9, 3:9] = 1.0
        hidden, shown = (pixels(PoseSearch(images, each, FEW).run()[0].pose, POSE) for each in (holed, spoiled))
        assert hidden < 1.5
        assert hidden < shown

    def test_few_rows_are_followed_from_more_poses(self):
        policy = Policy()
        assert [policy.n_starts(n) for n in (1, 8, 16, 32, 64, 128, 1000)] == [8, 8, 4, 2, 1, 1, 1]

    @pytest.mark.parametrize("shape", [(1, 16, 16), (3, 12, 20)])
    def test_samples_are_warped_as_by_warp(self, shape):
        images = torch.rand(5, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
        pictures = PoseSearch(images, images, Policy()).sharp[0]
        expected = warp(images, POSE.matrix, fill=pictures.fill) - pictures.fill
        warped = pictures.warped(POSE).view(*pictures.shape, 5).permute(3, 2, 0, 1)
        torch.testing.assert_close(warped, expected, rtol=0, atol=1e-5)

    def test_samples_that_show_nothing_where_rows_were_seen_are_like_none(self, digits):
        images, rows = digits
        seen = torch.zeros(16, 16, dtype=torch.bool)
        seen[:5, :5] = True
        pictures = PoseSearch(images, rows.masked_fill(~seen, torch.nan), FEW).sharp[0]
        away = Pose(shift_x=0.9, shift_y=0.9)
        assert pictures.found(away, False).distance > 1
        assert pictures.combined(away, False, count=16, ridge=0.1).distance > 0.7

    def test_large_pictures_are_searched_at_a_small_size(self, digits):
        """So a pose costs the same; it is told in units that do not depend on the size."""
        images, rows = (torch.nn.functional.interpolate(each, scale_factor=4, mode="bilinear") for each in digits)
        search = PoseSearch(images[:300], warp(rows, POSE.matrix), FEW)
        assert search.fine.shape == (32, 32, 1)
        assert pixels(search.run()[0].pose, POSE) < 0.6
