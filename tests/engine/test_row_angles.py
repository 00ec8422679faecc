"""Angles of the rows' own: found where they differ, read from the rows, kept through phase B and files."""

import math

import numpy as np
import pytest
import torch

from skmimic import MimicGANProjector, load_gan
from skmimic.engine import Candidates, Problem, RowProjector, Settings, computing, train_encoder
from skmimic.engine.identification import Bench
from skmimic.engine.identification import _row_angles as row_angles
from skmimic.metrics import d_proj
from skmimic.surrogates import Affine, Composition, Identity, RowAffine, affine_matrix, turn_offsets, warp
from tests.helpers import assert_same, loaded

SHARED, SPREAD, N_ROWS = 20.0, 6.0, 64  # degrees
THETA = affine_matrix(SHARED)


def turned(angles):
    """Samples of the bundled generator, each turned by the shared angle and one of its own (degrees)."""
    generator = load_gan("mnist16").on("cpu")
    z = generator.prior.sample(N_ROWS, generator.latent_dim, torch.Generator().manual_seed(9))
    with torch.no_grad():
        images = generator.decode(z)
    radians = torch.tensor(np.radians(angles), dtype=torch.float32)
    return images, warp(images, THETA.flatten() + turn_offsets(THETA, radians))


def bench_of(observed):
    generator, random = load_gan("mnist16").on("cpu"), torch.Generator().manual_seed(0)
    candidates = Candidates(generator, random)
    return Bench(Problem(generator, Identity()), observed, Settings(T=1, T1=1), candidates, random, lambda text: None)


def shared_map():
    affine = Affine((1, 16, 16))
    with torch.no_grad():
        affine.theta.copy_(THETA)
    return Composition([affine])


@pytest.fixture(scope="module")
def angles():
    return np.random.default_rng(0).normal(0, SPREAD, N_ROWS)


@pytest.fixture(scope="module")
def read(angles):
    """A projector that was fitted on rows of different angles, with its rows and their clean images."""
    clean, observed = turned(angles)
    projector = MimicGANProjector(load_gan("mnist16"), data_range=(-1, 1), random_state=0)
    with pytest.MonkeyPatch.context() as patch:
        for name, steps in {"N_LOOK": 150, "N_FIRST": 200, "N_LAST": 400}.items():
            patch.setattr(row_angles, name, steps)
        projector.fit(observed.numpy())
    return projector, clean.numpy(), observed


def test_rows_that_differ_are_told_from_rows_that_do_not(angles):
    with computing():
        differ, same = (row_angles.glance(bench_of(turned(a)[1]), shared_map()) for a in (angles, 0 * angles))
    assert differ[0] > row_angles.GLANCED > same[0]
    assert differ[1] == pytest.approx(math.radians(SPREAD), rel=0.4)


def test_a_false_alarm_ends_with_the_look(monkeypatch):
    monkeypatch.setattr(row_angles, "glance", lambda bench, surrogate: (2.0, 0.1))
    monkeypatch.setattr(row_angles, "N_LOOK", 150 * row_angles.USUAL_STEPS)
    assert row_angles.read_angles(bench_of(turned(np.zeros(N_ROWS))[1]), shared_map()) is None


def test_angles_are_read_and_the_shared_one_found(read, angles):
    projector, _, observed = read
    found = projector.surrogate_.describe()
    assert found["family"] == "row_affine"
    assert found["rotation_sd_deg"] == pytest.approx(SPREAD, rel=0.4)
    surrogate = projector.surrogate_.to_torch().part(RowAffine)
    told = (surrogate.read_offsets(observed) + surrogate.theta.flatten()).view(-1, 2, 3)
    degrees = torch.rad2deg(torch.atan2(told[:, 1, 0], told[:, 0, 0])).numpy()
    assert np.corrcoef(degrees, angles)[0, 1] > 0.9
    assert degrees.mean() == pytest.approx(SHARED + angles.mean(), abs=1.5)


def test_reading_brings_rows_nearer_than_the_mean_angle(read):
    projector, clean, observed = read
    images = projector.transform(observed.numpy())
    plain = MimicGANProjector(load_gan("mnist16"), surrogate="affine", data_range=(-1, 1), random_state=0)
    shared = plain.fit_transform(observed.numpy())
    assert d_proj(clean, images).mean() < 0.7 * d_proj(clean, shared).mean()


def test_a_row_is_projected_alike_in_any_company(read):
    projector, _, observed = read
    rows = observed.numpy()[:12]
    assert_same(projector.transform(rows)[3:7], projector.transform(rows[3:7]), on_gpu=0.05)


def test_trajectory_samples_and_scores_see_the_angles(read):
    projector, _, observed = read
    rows = RowProjector(projector.generator_.on("cpu"), projector._adaptation, 8)
    z, images, mimicked, losses = rows(observed[:8])
    problem = rows.problem.for_rows(observed[:8])
    residual = (mimicked - observed[:8]).flatten(1).norm(dim=1)
    blind = (rows.problem.surrogate(images) - observed[:8]).flatten(1).norm(dim=1)
    assert residual.mean() < 0.7 * blind.mean()
    _, path = rows.follow(observed[:8])
    np.testing.assert_allclose(path[-1].mimicked, mimicked.numpy(), atol=1e-5)
    assert problem.offsets.shape == (8, 6)
    rtol = 0.05 if torch.cuda.is_available() else 1e-3  # these losses are of the CPU
    np.testing.assert_allclose(-projector.score_samples(observed.numpy()[:8]), losses.numpy(), rtol=rtol)
    spread = rows.sample(observed[:8], z, 2)
    assert np.abs(spread.numpy() - images.numpy()[:, None]).mean() < 0.1


def test_survives_a_file(read, tmp_path):
    projector, _, observed = read
    path = tmp_path / "turned.npz"
    projector.save_adaptation(path)
    other = MimicGANProjector(load_gan("mnist16"), adapt_on=None, data_range=(-1, 1), random_state=0)
    other.fit(observed.numpy()).load_adaptation(path)
    assert_same(*(model.transform(observed.numpy()[:4]) for model in (other, projector)), on_gpu=0.05)


def test_offsets_are_added_to_deviations():
    generator = loaded()
    surrogate = Affine(generator.image_shape)
    z = generator.prior.sample(3, 4, torch.Generator().manual_seed(0))
    images, offsets = generator.decode(z), 0.1 * torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    problem = Problem(generator, surrogate, deviation_sd=0.1, offsets=offsets)
    torch.testing.assert_close(problem.corrupt(images), surrogate(images, offsets))
    torch.testing.assert_close(problem.corrupt(images, -offsets), surrogate(images, 0 * offsets))
    latents = problem.latents(z)
    torch.testing.assert_close(problem.mimic(latents), surrogate(images, offsets))
    assert Problem(generator, surrogate).for_rows(images).offsets is None


def test_an_encoder_is_trained_on_rows_that_differ(read, monkeypatch):
    """It sees samples at angles of the rows' spread, and the rows at their own."""
    projector, _, observed = read
    rows, seen = RowProjector(projector.generator_.on("cpu"), projector._adaptation, 8), []
    corrupt = Problem.corrupt
    monkeypatch.setattr(Problem, "corrupt", lambda self, *given: (seen.append(self.offsets), corrupt(self, *given))[1])
    with computing():
        train_encoder(rows.problem, observed, Settings(encoder_steps=3), torch.Generator().manual_seed(0))
    assert all(offsets is not None for offsets in seen)
    assert torch.cat(seen).std(0).max() > 0.5 * math.radians(SPREAD)
