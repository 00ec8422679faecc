"""Where the latents start."""

from pathlib import Path

import pytest
import torch
from torch import nn

from skmimic import Generator
from skmimic.engine import (
    Adaptation,
    Candidates,
    Latents,
    Problem,
    Settings,
    _initialisation,
    _unseen,
    start_latents,
)
from skmimic.engine._initialisation import draw_candidates, encoded, mimicked_candidates, n_affordable
from skmimic.surrogates import Affine, FittedSurrogate, Identity, Mask, Photometric, affine_matrix
from skmimic.utils import ByteCache
from tests.helpers import SmoothDecoder, loaded, pca_generator, smooth_generator

BIGAN = Path(__file__).parents[2] / "benchmarks" / "models" / "bigan28_0.safetensors"
GENERATORS = {"box": lambda: loaded(), "normal": lambda: loaded(pca_generator())}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def observed(generator, n=6):
    return generator.decode(generator.prior.sample(n, generator.latent_dim, seeded(9)))


@pytest.mark.parametrize("prior", GENERATORS)
@pytest.mark.parametrize("start", ["mean", "zero", "nearest", "random"])
def test_starts_are_allowed_finite_and_follow_the_seed(start, prior):
    generator = GENERATORS[prior]()
    problem = Problem(generator, Identity())
    first, same = (start_latents(start, problem, observed(generator), seeded()) for _ in range(2))
    assert first.z.shape == (6, generator.latent_dim)
    assert torch.equal(first.z, same.z)
    torch.testing.assert_close(generator.prior.project(first.z), first.z)


def test_the_papers_mean_is_an_average_of_draws_shared_by_all_rows():
    problem = Problem(loaded(), Identity())
    z = start_latents("mean", problem, observed(loaded()), seeded()).z
    assert (z == z[0]).all()
    assert (z != 0).all()
    assert z.abs().max() < 0.1


def test_random_rows_differ():
    z = start_latents("random", Problem(loaded(), Identity()), observed(loaded()), seeded()).z
    assert len(torch.unique(z, dim=0)) == 6


@pytest.mark.parametrize("degrees", [0, 40])
def test_nearest_is_the_nearest_under_the_present_surrogate(degrees):
    generator, surrogate = loaded(), Affine((1, 8, 8))
    with torch.no_grad():
        surrogate.theta.copy_(affine_matrix(degrees))
        seen = surrogate(observed(generator))
    candidates = Candidates(generator, seeded(), n_candidates=500)
    z = start_latents("nearest", Problem(generator, surrogate), seen, seeded(), candidates).z
    with torch.no_grad():
        all_distances = (surrogate(candidates.images)[None] - seen[:, None]).flatten(2).norm(dim=2)
        found = (surrogate(generator.decode(z)) - seen).flatten(1).norm(dim=1)
    torch.testing.assert_close(found, all_distances.min(1).values, rtol=1e-4, atol=1e-4)


def test_a_candidate_itself_is_found():
    candidates = Candidates(loaded(), seeded(), n_candidates=200)
    z = candidates.nearest(candidates.images[[3, 77]], candidates.mimicked(Identity()))
    assert torch.equal(z, candidates.z[[3, 77]])


def test_the_nearest_of_each_part_and_the_nearest_of_all_first():
    generator = loaded()
    candidates = Candidates(generator, seeded(), 200)
    rows, mimicked = candidates.images[[3, 177]], candidates.mimicked(Identity())
    first, second = candidates.nearest_of_parts(rows, mimicked, None, n_parts=2)
    assert torch.equal(first, candidates.z[[3, 177]])
    other_half = torch.cdist(rows.flatten(1), mimicked)
    other_half[0, :100], other_half[1, 100:] = torch.inf, torch.inf
    assert torch.equal(second, candidates.z[other_half.argmin(1)])


def test_candidates_of_the_same_seed_are_drawn_once():
    generator, random, again, other, bare = loaded(), seeded(), seeded(), seeded(1), seeded()
    generator.cache.clear()
    first = draw_candidates(generator, random)
    assert draw_candidates(generator, again) is first
    assert torch.equal(first.images, Candidates(generator, bare).images)
    assert all(torch.equal(one.get_state(), bare.get_state()) for one in (random, again))
    assert not torch.equal(draw_candidates(generator, other).z, first.z)
    assert torch.equal(draw_candidates(generator, seeded()).z, first.z)


def test_candidates_too_large_to_keep_are_drawn_again(monkeypatch):
    generator = loaded(pca_generator())
    monkeypatch.setattr(generator, "cache", ByteCache(0))
    first, second = (draw_candidates(generator, seeded()) for _ in range(2))
    assert first is not second
    assert torch.equal(first.images, second.images)


class Sized:
    """A stand-in for a generator of which size and work are known."""

    def __init__(self, image_shape, n_operations=1):
        self.image_shape, self.n_operations = image_shape, n_operations


@pytest.mark.parametrize("image_shape", [(1, 16, 16), (1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_small_images_have_all_candidates(image_shape):
    assert n_affordable(Sized(image_shape, 10**8)) == 4000


def test_larger_images_and_slower_networks_have_fewer_candidates_but_some():
    by_size = [n_affordable(Sized((3, side, side))) for side in (64, 100, 128, 256, 4096)]
    by_work = [n_affordable(Sized((1, 8, 8), 10**power)) for power in (8, 9, 10, 11, 15)]
    for numbers in (by_size, by_work):
        assert numbers == sorted(numbers, reverse=True)
        assert numbers[0] == 4000
        assert all(fewer < more for fewer, more in zip(numbers[1:4], numbers, strict=False))
        assert numbers[-1] >= 4
    assert n_affordable(Sized((3, 4096, 4096), 10**15), 5) == 5


def test_the_images_of_all_candidates_are_held_within_the_budget(monkeypatch):
    """Bytes that are really held, at a budget that small images fill."""
    monkeypatch.setattr(_initialisation, "MOST_BYTES", 2**20)
    held = []
    for side in (8, 24, 40):
        generator = loaded(smooth_generator((3, side, side)))
        candidates = Candidates(generator, seeded())
        held.append((len(candidates.z), candidates.images.numel() * candidates.images.element_size()))
        assert candidates.images.untyped_storage().nbytes() == held[-1][1] == candidates.n_bytes
    assert all(2**19 < n_bytes <= 2**20 for _, n_bytes in held)
    assert [n for n, _ in held] == sorted({n for n, _ in held}, reverse=True)


def test_few_images_at_a_time_are_the_same_images(monkeypatch):
    generator = loaded()
    whole = Candidates(generator, seeded(), 100)
    monkeypatch.setattr(_unseen, "VALUES_TOGETHER", 20 * 64)
    parts = Candidates(generator, seeded(), 100)
    assert torch.equal(parts.images, whole.images)
    assert torch.equal(parts.mimicked(torch.abs), whole.images.abs().flatten(1))


def test_what_an_identity_makes_of_candidates_takes_no_memory():
    candidates = Candidates(loaded(), seeded(), 100)
    assert candidates.mimicked(Identity()).data_ptr() == candidates.images.data_ptr()


def test_mimicked_candidates_are_computed_once_and_never_stale():
    generator, calls = loaded(), []
    generator.cache.clear()
    candidates, surrogate = draw_candidates(generator, seeded()), Photometric((1, 8, 8))
    fitted, other = FittedSurrogate(surrogate), FittedSurrogate(surrogate)

    def mimicked(fitted):
        module = fitted.to_torch()
        module.register_forward_hook(lambda *_: calls.append(1))
        return mimicked_candidates(candidates, generator, fitted, module)

    first = mimicked(fitted)
    n_parts = len(calls)
    assert mimicked(fitted) is first
    assert len(calls) == n_parts
    assert torch.equal(mimicked(other), first)
    assert len(calls) == 2 * n_parts
    next(iter(fitted.arrays.values()))[...] = 0.5
    assert not torch.equal(mimicked(fitted), first)
    torch.testing.assert_close(mimicked(fitted), candidates.mimicked(fitted.to_torch()))


def test_an_unknown_start_is_refused():
    with pytest.raises(ValueError, match="start='best' is unknown"):
        start_latents("best", Problem(loaded(), Identity()), observed(loaded()), seeded())


class Reader(nn.Module):
    """An encoder that gives each image its own mean as the first latent, and NaN for bright ones."""

    def forward(self, images):
        means = images.flatten(1).mean(1, keepdim=True)
        z = torch.cat([means, torch.zeros(len(images), 3)], 1)
        return torch.where(means > 0, torch.nan, z)


def own(surrogate, seen, nearest):
    gan = Generator(SmoothDecoder(), encoder=Reader(), name="reader")
    problem = Problem(gan.on("cpu"), surrogate)
    return problem, encoded(problem, seen, problem.latents(nearest))


def test_the_generators_own_encoder_is_given_the_rows_with_the_corruption_undone():
    clean = observed(loaded())
    surrogate = Photometric((1, 8, 8))
    surrogate.gain.data.fill_(0.5)
    far = torch.full((6, 4), 1.0)
    _, found = own(surrogate, surrogate(clean).detach(), far)
    is_own = (found.z != far).all(1)
    assert is_own.any()
    torch.testing.assert_close(found.z[is_own, 0], clean.flatten(1).mean(1)[is_own])


def test_a_row_starts_at_the_nearest_sample_where_the_encoder_is_much_worse_or_not_finite():
    generator = loaded()
    truth = generator.prior.sample(6, 4, seeded(9))
    _, found = own(Identity(), observed(generator), truth)
    assert torch.equal(found.z, truth)
    bright = torch.full((6, 1, 8, 8), 0.5)
    _, found = own(Identity(), bright, truth)
    assert torch.equal(found.z, truth)


def test_without_an_encoder_or_an_inverse_there_is_no_own_start():
    seen = observed(loaded())
    nearest = loaded().prior.sample(6, 4, seeded())
    assert encoded(Problem(loaded(), Identity()), seen, Latents(nearest)) is None
    assert own(Mask((1, 8, 8)), seen, nearest)[1] is None


def test_rows_walk_from_the_generators_own_encoder_if_the_start_is_left_open():
    gan = Generator.load(BIGAN)
    clean, surrogate = torch.as_tensor(gan.sample(8, random_state=0)), Affine((1, 28, 28))
    surrogate.theta.data.copy_(affine_matrix(30))
    with torch.no_grad():
        seen, own_images = (
            surrogate(clean),
            gan.on("cpu").decode(gan.on("cpu").encode(surrogate.undo(surrogate(clean)))),
        )
    first, objectives = {}, {}
    for start in ("auto", "nearest"):
        adaptation = Adaptation(FittedSurrogate(surrogate, "given"), Settings(solver="joint", start=start, T=1, T2=30))
        projector = adaptation.row_projector(gan.on("cpu"), 8)
        first[start] = torch.as_tensor(projector.follow(seen)[1][0].images)
        objectives[start] = projector.evaluated(seen)[-1].mean()
    is_own = (first["auto"] - own_images).flatten(1).abs().amax(1) < 1e-4
    assert is_own.sum() > 4
    assert not torch.isclose(first["nearest"], own_images).flatten(1).all(1).any()
    assert objectives["auto"] < objectives["nearest"]
