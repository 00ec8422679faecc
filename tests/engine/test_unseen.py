"""Pixels that were not seen: no loss, no start and no evidence depends on them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skmimic import load_gan
from skmimic.corruptions import GaussianBlur, Invert, Rotation
from skmimic.datasets import load_mnist_sample
from skmimic.engine import (
    Candidates,
    Latents,
    Problem,
    Settings,
    completed,
    is_identifiable,
    learn_image_encoder,
    no_corruption,
    train_encoder,
)
from skmimic.engine._closed_form import ClosedForm
from skmimic.engine._unseen import distances_to, first_seen, mean_seen, partial_rows, seen_pixels, spread, with_holes
from skmimic.engine.identification import blur_width, dead_pixels, retrieve, scattered_pixels
from skmimic.engine.identification._row_angles import _shown, _turned
from skmimic.losses import Perceptual
from skmimic.surrogates import Affine, Composition, Identity
from skmimic.surrogates import MissingPixels as LostInRows
from tests.helpers import loaded

SHAPE = (1, 8, 8)


def nonlocal_loss(mimicked, observed):
    """Compares neighbourhoods, so that every pixel has a part in the charge of others."""
    return (F.avg_pool2d(mimicked - observed, 3, 1)).square().flatten(1).sum(1)


def features(images):
    return torch.tanh(F.conv2d(images, torch.linspace(-1, 1, 18).view(2, 1, 3, 3)))


LOSSES = {
    "l1": "l1",
    "l2": "l2",
    "charbonnier": "charbonnier",
    "perceptual": Perceptual(features, 0.5),
    "nonlocal": nonlocal_loss,
}


def drawn(n, seed=0, shape=SHAPE):
    return 2 * torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) - 1


def with_blocks(images, size=3, seed=3):
    """Lose one square block of each image, each its own."""
    random, observed = np.random.default_rng(seed), images.clone()
    for row in observed:
        top, left = random.integers(0, images.shape[-1] - size, 2)
        row[:, top : top + size, left : left + size] = torch.nan
    return observed


@pytest.fixture(scope="module")
def candidates():
    return Candidates(loaded(), torch.Generator().manual_seed(0), n_candidates=800)


@pytest.fixture(scope="module")
def clean():
    generator = loaded()
    return generator.decode(generator.prior.sample(60, 4, torch.Generator().manual_seed(1)))


class TestCompleted:
    def test_rows_that_saw_everything_are_themselves(self):
        rows = drawn(3)
        assert completed(rows) is rows
        assert seen_pixels(rows) is None
        assert partial_rows(rows) == []

    def test_what_was_seen_stays_and_the_rest_lies_between(self):
        rows = with_blocks(drawn(5))
        filled, seen = completed(rows), ~rows.isnan()
        assert torch.equal(filled[seen], rows[seen])
        low, high = (
            ends(rows.nan_to_num(fill).flatten(1), 1) for ends, fill in ((torch.amin, 9.0), (torch.amax, -9.0))
        )
        assert (filled.flatten(1) >= low[:, None]).all()
        assert (filled.flatten(1) <= high[:, None]).all()

    def test_smooth_pictures_are_filled_in_nearly_right(self, clean):
        rows = with_blocks(clean)
        hole = rows.isnan()
        error = (completed(rows) - clean)[hole].abs().mean()
        assert error < 0.5 * (clean - clean.mean())[hole].abs().mean()

    def test_every_row_alone(self):
        rows = torch.cat([with_blocks(drawn(4)), with_blocks(drawn(2), size=7), drawn(2, seed=5)])
        whole = completed(rows)
        for index in range(len(rows)):
            assert torch.equal(whole[index], completed(rows[index : index + 1].clone())[0])

    @pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 9), (1, 1, 200)])
    def test_one_seen_pixel_is_enough(self, shape):
        rows = torch.full((2, *shape), torch.nan)
        rows[0, 0, 0, 3], rows[1, -1, -1, 0] = 0.25, -0.5
        assert torch.allclose(completed(rows)[0], torch.tensor(0.25))
        assert torch.allclose(completed(rows)[1], torch.tensor(-0.5))


class TestLoss:
    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("surrogate", [Identity(), LostInRows(SHAPE)], ids=["plain", "pixels that may be lost"])
    def test_does_not_know_what_was_mimicked_out_of_sight(self, loss, surrogate):
        problem, observed = Problem(loaded(), surrogate, LOSSES[loss]), with_blocks(drawn(6))
        mimicked, hole = drawn(6, seed=1), observed.isnan()
        other = torch.where(hole, 7.0, mimicked)
        assert torch.equal(problem.distance(observed, mimicked), problem.distance(observed, other))

    @pytest.mark.parametrize("loss", LOSSES)
    def test_has_no_gradient_out_of_sight(self, loss):
        problem, observed = Problem(loaded(), Identity(), LOSSES[loss]), with_blocks(drawn(6))
        mimicked = drawn(6, seed=1).requires_grad_()
        (gradient,) = torch.autograd.grad(problem.distance(observed, mimicked).sum(), mimicked)
        hole = observed.isnan()
        assert (gradient[hole] == 0).all()
        assert (gradient[~hole] != 0).float().mean() > 0.9

    @pytest.mark.parametrize("loss", ["l1", "charbonnier"])
    def test_is_the_sum_over_what_was_seen(self, loss):
        problem, observed, mimicked = Problem(loaded(), Identity(), loss), with_blocks(drawn(6)), drawn(6, seed=1)
        for row, image, value in zip(observed, mimicked, problem.distance(observed, mimicked), strict=True):
            seen = ~row.isnan()
            alone = problem.distance(row[seen].view(1, 1, 1, -1), image[seen].view(1, 1, 1, -1))
            torch.testing.assert_close(value, alone[0])

    @pytest.mark.parametrize("loss", LOSSES)
    def test_whole_rows_have_the_bits_that_they_have_among_whole_rows(self, loss):
        problem, rows, mimicked = Problem(loaded(), Identity(), LOSSES[loss]), drawn(6), drawn(6, seed=1)
        mixed = rows.clone()
        mixed[::2] = with_blocks(rows[::2])
        assert torch.equal(problem.distance(mixed, mimicked)[1::2], problem.distance(rows, mimicked)[1::2])

    def test_features_of_the_rows_are_still_computed_once(self):
        calls = []

        def counted(images):
            calls.append(len(images))
            return features(images)

        problem = Problem(loaded(), Identity(), Perceptual(counted, 0.5))
        observed = with_blocks(drawn(3))
        for seed in range(4):
            problem.distance(observed, drawn(3, seed))
        assert len(calls) == 5  # once for the rows, and for each of the mimicked


class TestStatistics:
    def test_are_those_of_the_rows_that_saw_a_pixel(self):
        rows = with_blocks(drawn(20))
        values = rows.numpy()
        np.testing.assert_allclose(mean_seen(rows), np.nanmean(values, 0), atol=1e-6)
        np.testing.assert_allclose(spread(completed(rows), seen_pixels(rows)), np.nanstd(values, 0), atol=1e-6)
        first = np.take_along_axis(values, (~np.isnan(values)).argmax(0)[None], 0)[0]
        np.testing.assert_array_equal(first_seen(rows), first)

    def test_are_the_usual_ones_where_all_was_seen(self):
        rows = drawn(20)
        assert torch.equal(mean_seen(rows), rows.mean(0))
        assert torch.equal(spread(rows), rows.std(0, correction=0))
        assert torch.equal(first_seen(rows), rows[0])

    def test_distances_are_over_the_seen_pixels(self):
        rows, images = with_blocks(drawn(30)), drawn(50, seed=2).flatten(1)
        found = distances_to(completed(rows).flatten(1), images, seen_pixels(rows).flatten(1))
        gaps = rows.flatten(1)[:, None].double().numpy() - images.double().numpy()
        np.testing.assert_allclose(found, np.sqrt(np.nansum(gaps**2, 2)), atol=1e-4)

    def test_distances_of_whole_rows_keep_their_bits(self):
        rows, images = drawn(30).flatten(1), drawn(50, seed=2).flatten(1)
        weights = torch.ones_like(rows)
        weights[::2, 5:20] = 0.5
        assert torch.equal(distances_to(rows, images, weights)[1::2], distances_to(rows, images)[1::2])
        torch.testing.assert_close(distances_to(rows, images), torch.cdist(rows, images))

    def test_samples_get_the_holes_of_rows(self):
        images, rows = drawn(9), with_blocks(drawn(4, seed=2))
        lost = with_holes(images, seen_pixels(rows)).isnan()
        assert torch.equal(lost, rows.isnan()[[0, 1, 2, 3, 0, 1, 2, 3, 0]])
        random = torch.Generator().manual_seed(0)
        before = random.get_state()
        assert with_holes(images, None, random) is images
        assert torch.equal(random.get_state(), before)


class TestEvidence:
    def test_the_nearest_sample_is_nearest_where_something_was_seen(self, candidates):
        chosen = torch.arange(7, 700, 70)
        observed = with_blocks(candidates.images[chosen], size=5)
        found = candidates.nearest(observed, candidates.mimicked(Identity()))
        assert torch.equal(found, candidates.z[chosen])

    @pytest.mark.parametrize("degrees", [40.0, -70.0])
    def test_a_pose_is_found_as_without_holes(self, candidates, clean, degrees):
        turned = Rotation(degrees)(clean)
        whole, holed = retrieve(candidates, turned).pose, retrieve(candidates, with_blocks(turned)).pose
        assert holed.rotation_deg == pytest.approx(whole.rotation_deg, abs=3)
        assert holed.zoom_x == pytest.approx(whole.zoom_x, rel=0.05)

    def test_an_inversion_is_found_too(self, candidates, clean):
        found = retrieve(candidates, with_blocks(Invert()(clean)))
        assert found.tone.gain < -0.7
        assert is_identifiable(candidates.images, with_blocks(clean)) == is_identifiable(candidates.images, clean)

    def test_clean_rows_with_holes_show_nothing(self, candidates, clean):
        found = retrieve(candidates, with_blocks(clean))
        assert (found.pose, found.has_photometric, found.has_mask, found.missing) == (
            type(found.pose)(),
            False,
            False,
            None,
        )

    def test_a_pixel_that_no_row_or_one_row_saw_is_not_dead(self, clean):
        rows = clean.clone()
        rows[:, :, 3:6, 3:6] = torch.nan
        rows[4, :, 4, 4] = 0.9
        assert not dead_pixels(clean, rows).any()

    def test_dead_pixels_show_what_the_rows_that_saw_them_show(self, candidates, clean):
        rows = clean.clone()
        rows[:, :, 3:5, 2:6] = 0.7
        dead = dead_pixels(clean, rows)
        rows[:30, :, 3, 3] = torch.nan  # the first rows have not seen it
        assert dead[0, 3, 3]
        assert torch.equal(dead_pixels(clean, rows), dead)
        found = retrieve(candidates, rows)
        assert found.dead[0, 3, 3]
        assert found.values[0, 3, 3] == torch.tensor(0.7)

    def test_holes_are_no_scattered_lost_pixels(self, candidates, clean):
        rows = clean.clone()
        rows[torch.rand(rows.shape, generator=torch.Generator().manual_seed(0)) < 0.3] = torch.nan
        assert scattered_pixels(rows, candidates.images) is None

    @pytest.mark.parametrize(("sigma", "tolerance"), [(None, 0.0), (1.5, 0.1)])
    def test_holes_do_not_look_like_blur_nor_hide_it(self, sigma, tolerance):
        generator = load_gan("mnist16").on("cpu")
        images = generator.decode(generator.prior.sample(400, generator.latent_dim, torch.Generator().manual_seed(0)))
        rows = torch.from_numpy(load_mnist_sample(size=16).images[:100, None]).float() / 127.5 - 1
        rows = rows if sigma is None else GaussianBlur(sigma)(rows)
        usual, holed = blur_width(rows, images), blur_width(with_blocks(rows), images)
        assert holed == (None if sigma is None else pytest.approx(usual, abs=tolerance))

    def test_samples_that_a_glance_learns_from_are_seen_as_the_rows(self, clean):
        seen = seen_pixels(with_blocks(clean))
        surrogate = Composition([Affine(SHAPE)])
        looked = _turned(surrogate, clean, torch.zeros(60), seen)
        assert torch.equal(looked, completed(with_blocks(clean)))
        assert _shown(looked).isfinite().all()


@pytest.mark.parametrize(("shape", "n"), [((1, 8, 8), 2500), ((3, 64, 64), 300)])
def test_distances_to_many_images_square_few_at_a_time(shape, n, monkeypatch):
    rows, images = with_blocks(drawn(2, shape=shape)), drawn(n, seed=7, shape=shape).flatten(1)
    sizes, square = [], torch.Tensor.square
    monkeypatch.setattr(torch.Tensor, "square", lambda x: (sizes.append(x.numel()), square(x))[1])
    seen = seen_pixels(rows).flatten(1)
    found = distances_to(completed(rows).flatten(1), images, seen)
    assert max(sizes) <= 2**20
    monkeypatch.undo()
    expected = [(images[:, there] - row[there]).norm(dim=1) for row, there in zip(rows.flatten(1), seen, strict=True)]
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-4, atol=1e-3)


class TestLatents:
    def form_and_rows(self, variance=math.inf):
        random = torch.Generator().manual_seed(0)
        components, mean = torch.randn(5, 64, generator=random).double(), torch.randn(64, generator=random).double()
        rows = torch.cat([with_blocks(drawn(6).double(), size=5), drawn(2, seed=4).double()])
        rows[0] = torch.nan
        rows[0, 0, 2, 2] = 0.5
        centre = torch.linspace(-1, 1, 5) if math.isfinite(variance) else None
        return ClosedForm(components, mean, Identity(), SHAPE, centre, variance), rows

    def test_without_a_prior_a_linear_generator_takes_the_shortest_least_squares(self):
        form, rows = self.form_and_rows()
        z, images, _ = form(rows)
        for row, found in zip(rows.flatten(1), z, strict=True):
            seen = ~row.isnan()
            expected = np.linalg.lstsq(form.mixing[:, seen].T, (row - form.offset)[seen], rcond=None)[0]
            np.testing.assert_allclose(found, expected, atol=1e-9)
        assert images.isfinite().all()

    def test_with_a_prior_no_noise_and_no_latents_make_what_was_seen_likelier(self):
        """The noise by a density in all pixels, the latents by their objective."""
        form, rows = self.form_and_rows(variance=2.0)
        z = form(rows)[0]
        for row, found in zip(rows[:6].flatten(1), z, strict=False):
            seen = ~row.isnan()
            mixing, left = form.mixing[:, seen], (row - form.offset - form.centre @ form.mixing)[seen]
            likely, best = -math.inf, None
            for sd in 10.0 ** np.linspace(-3, 1, 61):
                spread = sd**2 * torch.eye(len(left)).double() + 2.0 * mixing.T @ mixing
                value = torch.distributions.MultivariateNormal(torch.zeros_like(left), spread).log_prob(left)
                if value > likely:
                    likely, best = value, form.centre + 2.0 * mixing @ torch.linalg.solve(spread, left)
            torch.testing.assert_close(found, best, atol=1e-6, rtol=1e-6)

    @pytest.mark.parametrize("variance", [2.0, math.inf])
    def test_latents_in_closed_form_do_not_depend_on_the_neighbours(self, variance):
        form, rows = self.form_and_rows(variance)
        z, whole = form(rows)[0], drawn(8, seed=5).double()
        whole[6:] = rows[6:]
        assert torch.equal(form(whole)[0][6:], z[6:])  # whatever their neighbours have seen
        for same in ([1] * 8, [7, 1, 3, 1]):
            assert torch.equal(form(rows[same])[0], z[same])

    @pytest.mark.parametrize("shape", [SHAPE, (3, 32, 32)])
    def test_a_hole_of_each_row_takes_no_memory_of_many_images(self, shape, monkeypatch):
        """No inverse as large as all components, and none is kept."""
        random = torch.Generator().manual_seed(0)
        components, sizes = torch.randn(8, math.prod(shape), generator=random), []
        form = ClosedForm(components, torch.zeros(math.prod(shape)), Identity(), shape, None, 1.0)
        for name in ("pinv", "eigh"):
            real = getattr(torch.linalg, name)
            monkeypatch.setattr(torch.linalg, name, lambda a, real=real: (sizes.append(a.numel()), real(a))[1])
        form(with_blocks(drawn(12, shape=shape).double()))
        assert set(sizes) == {8 * 8}
        assert len(sizes) <= 12

    def test_encoders_learn_from_rows_with_holes(self, clean):
        rows, settings = with_blocks(clean), Settings(T=2, T2=4, solver="joint", encoder_steps=12)
        problem = Problem(loaded(), Identity())
        encoder = train_encoder(problem, rows, settings, torch.Generator().manual_seed(0))
        adaptation = replace(no_corruption(settings), encoder=encoder)
        z, images, _, losses = adaptation.row_projector(loaded(), 16)(rows)
        assert all(part.isfinite().all() for part in (z, images, losses))
        trained = learn_image_encoder(loaded(), rows, settings, n_steps=8, rate=1e-3)
        assert all(math.isfinite(value) for value in trained.trace.objectives)

    def test_the_objective_is_smallest_where_the_seen_pixels_fit(self, clean):
        generator = loaded()
        z = generator.prior.sample(60, 4, torch.Generator().manual_seed(1))
        problem = Problem(generator, Identity(), latent_weight=0.0)
        values = problem.objective(with_blocks(clean, size=5), Latents(z))
        torch.testing.assert_close(values, torch.zeros(60), atol=1e-4, rtol=0)
