"""The joint solver, the choice of the family, and the encoder of the amortized solver."""

import math
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, pad

from skmimic import MimicGANProjector, as_generator, load_gan
from skmimic.corruptions import Rotation, Zoom
from skmimic.datasets import load_mnist_sample
from skmimic.engine import (
    Candidates,
    FittedEncoder,
    Latents,
    Problem,
    Settings,
    estimate_corruption,
    solve_jointly,
    train_encoder,
)
from skmimic.engine._results import OptimizationTrace
from skmimic.engine.identification import Bench, Learned, Policy, blur_width
from skmimic.engine.identification._retrieval import Pose, Retrieval, Tone
from skmimic.engine.identification._selection import (
    _doubtful,
    _flexible,
    _freed,
    _leaves_less,
    _left_blur,
    _loosened,
    _with_affine,
)
from skmimic.engine.identification._starts import _aslant, learn_from
from skmimic.exceptions import NotFiniteError, SurrogateFitWarning
from skmimic.surrogates import (
    Affine,
    Blur,
    Composition,
    Convolution,
    Identity,
    Mask,
    Photometric,
    affine_matrix,
    warp,
)
from skmimic.utils import gaussian_blur
from tests.helpers import SmoothDecoder, loaded, smooth_generator

SHAPE = (1, 8, 8)
SETTINGS = Settings(solver="joint", T=4, T1=15, T2=15, encoder_steps=60)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clean(n=40, seed=1):
    return loaded().decode(loaded().prior.sample(n, 4, seeded(seed)))


@pytest.fixture(scope="module")
def candidates():
    return Candidates(loaded(), seeded(), n_candidates=800)


def start_at(surrogate, matrix):
    with torch.no_grad():
        surrogate.theta.copy_(matrix)
    return surrogate


class TestJointSolver:
    def problem(self, surrogate=None, **keywords):
        return Problem(loaded(), Affine(SHAPE) if surrogate is None else surrogate, **keywords)

    def test_improves_a_start_that_is_nearly_right(self, candidates):
        problem = self.problem(start_at(Affine(SHAPE), affine_matrix(20)))
        trace = solve_jointly(problem, Rotation(25.0)(clean()), SETTINGS, candidates, seeded()).trace
        assert problem.surrogate.describe()["rotation_deg"] == pytest.approx(25, abs=2)
        assert trace.objectives[-1] < trace.objectives[0]

    def test_records_before_and_after_each_round(self, candidates):
        trace = solve_jointly(self.problem(), clean(), SETTINGS, candidates, seeded(), schedule=(0.1, 0.1)).trace
        assert len(trace.objectives) == 4

    def test_a_narrow_prior_keeps_the_rows_together(self, candidates):
        spreads = []
        for deviation_sd in (0.2, 0.005):
            latents = solve_jointly(self.problem(), clean(), SETTINGS, candidates, seeded(), (deviation_sd,)).latents
            spreads.append(latents.deviations.std().item())
        assert spreads[1] < spreads[0]

    def test_takes_the_start_it_is_told(self, candidates):
        first, second = (
            solve_jointly(self.problem(), clean(), replace(SETTINGS, start=start), candidates, seeded()).trace
            for start in ("nearest", "zero")
        )
        assert first.objectives[0] < second.objectives[0]

    def test_leaving_the_finite_numbers_names_the_round(self, candidates):
        problem = self.problem(loss=lambda a, b: (a - b).flatten(1).sum(1) / 0)
        with pytest.raises(NotFiniteError, match=r"joint solver, round 1 of 3.*lr_latent.*lr_surrogate"):
            solve_jointly(problem, clean(), SETTINGS, candidates, seeded())


class TestFamily:
    """surrogate="auto" takes the smallest family that explains the rows."""

    @pytest.mark.parametrize(
        ("corruption", "family"),
        [(lambda x: x, "identity"), (Rotation(30.0), "affine"), (lambda x: -x, "photometric")],
        ids=["clean", "rotated", "inverted"],
    )
    def test_is_the_smallest_that_explains(self, corruption, family):
        adaptation = estimate_corruption(loaded(), corruption(clean()), replace(SETTINGS, T=10), "auto")
        assert adaptation.surrogate.family == family

    def test_lost_pixels_become_a_mask_that_is_not_learned(self):
        lost = torch.zeros(SHAPE, dtype=torch.bool)
        lost[:, 2:6, 3:5] = True
        adaptation = estimate_corruption(loaded(), clean().masked_fill(lost, -1.0), replace(SETTINGS, T=10), "auto")
        assert "mask" in adaptation.surrogate.family
        told = adaptation.surrogate.describe()["fraction_masked"]
        assert told == pytest.approx(lost.float().mean().item(), abs=1e-6)

    def test_rows_that_differ_each_in_its_own_way_keep_deviations_and_need_no_convolution(self):
        observed = self.moved(spread=0.25)
        adaptation = estimate_corruption(loaded(), observed, replace(SETTINGS, T=12), "auto")
        assert "convolution" not in adaptation.surrogate.family
        assert adaptation.deviation_sd >= 0.1

    def test_few_rows_keep_no_deviations(self, monkeypatch):
        eager = partial(Policy, explained=0.0, loose_below=math.inf, surely_loose_below=math.inf, deviating_above=0.0)
        monkeypatch.setattr("skmimic.engine.identification._bench.Policy", eager)
        monkeypatch.setattr("skmimic.engine.identification._selection._flexible", lambda *trials: None)
        few, many = (estimate_corruption(loaded(), clean(n), SETTINGS, "auto") for n in (8, 40))
        assert few.deviation_sd is None
        assert many.deviation_sd > 0

    def test_a_filter_of_the_neighbourhood_takes_the_flexible_family(self):
        rows = self.moved(spread=0.1)
        around = avg_pool2d(pad(rows, [1] * 4, mode="replicate"), 3, 1)
        observed = (4 * (rows - around)).clamp(-1, 1)  # edges in relief
        adaptation = estimate_corruption(loaded(), observed, replace(SETTINGS, T=12), "auto")
        assert "convolution" in adaptation.surrogate.family
        assert adaptation.deviation_sd > 0.1

    def moved(self, spread):
        deviations = spread * torch.randn(60, 6, generator=seeded())
        return Affine(SHAPE)(clean(60), deviations).detach()

    def test_rows_of_another_world_warn(self):
        noise = 2 * torch.rand(40, *SHAPE, generator=seeded()) - 1
        with pytest.warns(
            SurrogateFitWarning, match=r"do not look like corrupted images.*pass a surrogate of your own"
        ):
            estimate_corruption(loaded(), noise, SETTINGS, "auto")

    def test_so_does_a_family_of_the_users_choice_but_not_one_that_fits(self):
        settings, noise = replace(SETTINGS, T=6), 2 * torch.rand(40, *SHAPE, generator=seeded()) - 1
        with pytest.warns(SurrogateFitWarning, match=r"surrogate='photometric'.*try surrogate='auto'"):
            estimate_corruption(loaded(), noise, settings, "photometric")
        with warnings.catch_warnings():
            warnings.simplefilter("error", SurrogateFitWarning)
            for n_rows in (1, 2, 40):
                estimate_corruption(loaded(), 0.6 * clean()[:n_rows] + 0.2, settings, "photometric")

    def test_clean_rows_do_not_warn(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            adaptation = estimate_corruption(loaded(), clean(), SETTINGS, "auto")
        assert adaptation.surrogate.family == "identity"

    def test_a_flexible_family_of_the_users_choice_is_learned_too(self):
        surrogate = Composition([Affine(SHAPE), Convolution(SHAPE)])
        adaptation = estimate_corruption(loaded(), 0.5 * clean(), replace(SETTINGS, T=10), surrogate)
        assert adaptation.surrogate.family == "Composition"
        assert adaptation.trace.objectives[-1] < adaptation.trace.objectives[0]
        assert torch.equal(surrogate.part(Affine).theta, affine_matrix())  # the user's own is left alone


class TestPose:
    """Four numbers are learned before six, unless the search found a shear."""

    @pytest.mark.parametrize(("shear", "held"), [(0.0, [True, False]), (0.25, [False])])
    def test_a_shear_is_learned_where_there_is_one(self, shear, held, monkeypatch):
        gan, learn, seen = load_gan("mnist16"), Bench.learn, []

        def recorded(bench, surrogate, *arguments, **keywords):
            seen.append(surrogate.part(Affine)._is_held)
            return learn(bench, surrogate, *arguments, **keywords)

        monkeypatch.setattr(Bench, "learn", recorded)
        rows = gan.on("cpu").decode(gan.on("cpu").prior.sample(64, gan.latent_dim, seeded(3))).detach()
        theta = affine_matrix(20, 0.85)
        theta[0] += shear * theta[1]
        model = MimicGANProjector(gan, surrogate="affine", data_range=(-1, 1), random_state=0)
        found = model.fit(warp(rows, theta).numpy()).surrogate_.to_torch().part(Affine)
        assert seen == held
        assert torch.allclose(found.theta, theta, atol=0.02)

    @pytest.mark.parametrize(
        ("similar", "free", "n_rows", "is_blurred", "is_freed"),
        [
            (10.0, 9.9, 40, False, True),
            (10.0, 10.1, 40, False, False),
            (10.0, 9.9, 40, True, False),
            (10.0, 9.7, 40, True, True),
            (10.0, 9.7, 8, False, False),
            (10.0, 8.9, 8, False, True),
        ],
    )
    def test_the_lower_objective_decides_more_clearly_where_rows_tell_less(
        self, similar, free, n_rows, is_blurred, is_freed, monkeypatch
    ):
        bench = Bench(Problem(loaded(), Identity()), torch.zeros(n_rows, *SHAPE), SETTINGS, None, seeded(), print)
        theta = {"held": affine_matrix(20, 0.9), "free": affine_matrix(20, 0.9) + 0.01}

        def learn(surrogate, family, schedule, n_rows, rivals=()):
            name = "held" if surrogate.part(Affine)._is_held else "free"
            start_at(surrogate.part(Affine), theta[name])
            trace = OptimizationTrace((similar if name == "held" else free,))
            latents = Latents(torch.zeros(n_rows, 4))
            return Learned(surrogate, family, None, math.nan, trace, latents)

        monkeypatch.setattr(bench, "learn", learn)
        parts = [Affine(SHAPE), Blur(SHAPE, 1.0)] if is_blurred else [Affine(SHAPE)]
        found = learn_from(bench, Composition(parts), "affine", (Pose(20, 0.9, 0.9),), (), n_rows)
        expected = theta["free" if is_freed else "held"]
        assert torch.allclose(found.surrogate.part(Affine).theta, expected, atol=1e-6)
        assert not found.surrogate.part(Affine)._is_held

    def test_a_slant_of_the_clean_images_is_undone(self):
        theta = affine_matrix(20, 0.85)
        slanted = _aslant(Composition([start_at(Affine(SHAPE), theta)]), 0.1).part(Affine).theta
        x, y = theta @ torch.tensor([0.3, 0.2, 1.0])
        assert torch.allclose(slanted @ torch.tensor([0.3, 0.2, 1.0]), torch.stack([x + 0.1 * y, y]))


class TestDeviations:
    """Real digits under one map are told from digits that are each moved a little on their own."""

    @pytest.mark.parametrize("turn", [0.0, 30.0])
    @pytest.mark.parametrize(("own_sd", "differ"), [(0.0, False), (0.1, True)])
    def test_rows_of_their_own_poses_are_known_by_how_far_they_go(self, turn, own_sd, differ):
        generator = load_gan("mnist16").on("cpu")
        digits = torch.from_numpy(load_mnist_sample(size=16).images[:40, None]).float() / 127.5 - 1
        affine = start_at(Affine((1, 16, 16)), affine_matrix(turn))
        with torch.no_grad():
            observed = affine(digits, own_sd * torch.randn(40, 6, generator=seeded()))
        samples = Candidates(generator, seeded(), n_candidates=1000)
        bench = Bench(Problem(generator, Identity()), observed, Settings(solver="joint"), samples, seeded(), print)
        _, rows_differ = _loosened(bench, bench.project(affine, "affine"))
        assert rows_differ == differ


class TestBlur:
    """Of what fine detail is missing, a pose explains what its own interpolation has blurred."""

    @pytest.mark.parametrize(("width", "is_blurred"), [(None, False), (1.0, True)])
    def test_zooming_in_is_none(self, width, is_blurred):
        generator = load_gan("mnist").on("cpu")
        digits = torch.from_numpy(load_mnist_sample().images[:100, None]).float() / 127.5 - 1
        affine = start_at(Affine((1, 28, 28)), affine_matrix(-35.0, 1.08))
        with torch.no_grad():
            observed = affine(digits) if width is None else gaussian_blur(affine(digits), width)
        samples = Candidates(generator, seeded(), n_candidates=600)
        bench = Bench(Problem(generator, Identity()), observed, SETTINGS, samples, seeded(), print)
        assert blur_width(observed, samples.images) is not None
        learned = Learned(Composition([affine]), "affine", None, 0.0, OptimizationTrace(()))
        assert (_left_blur(bench, learned) is not None) == is_blurred

    def test_rows_that_were_warped_twice_and_zoomed_out_are(self):
        digits = torch.from_numpy(load_mnist_sample().images[:100, None]).float() / 127.5 - 1
        samples = Candidates(load_gan("mnist").on("cpu"), seeded(), n_candidates=600)
        observed = Zoom(0.75)(Rotation(15.0)(digits))
        bench = Bench(Problem(samples.generator, Identity()), observed, SETTINGS, samples, seeded(), print)
        affine = start_at(Affine((1, 28, 28)), affine_matrix(15.0, 0.75))
        learned = Learned(Composition([affine]), "affine", None, 0.0, OptimizationTrace(()))
        assert 0.2 < _left_blur(bench, learned) < 0.6

    def test_it_is_judged_by_the_same_rows_not_by_how_far_learning_went(self):
        observed = Rotation(30.0)(clean())
        samples = Candidates(loaded(), seeded(), n_candidates=600)
        bench = Bench(Problem(loaded(), Identity()), observed, SETTINGS, samples, seeded(), print)
        turned = (Composition([start_at(Affine(SHAPE), affine_matrix(degrees))]) for degrees in (30.0, 0.0))
        right, wrong = (
            Learned(surrogate, "affine", None, left, OptimizationTrace(()))
            for surrogate, left in zip(turned, (9.0, 1.0), strict=True)
        )
        assert _leaves_less(bench, right, wrong)
        assert not _leaves_less(bench, wrong, right)


class TestWashedOut:
    """What a generator fails to draw is no corruption of the rows."""

    @pytest.mark.parametrize(("contrast", "is_tried"), [(1.0, True), (1.25, False)])
    def test_a_block_is_tried_only_where_some_detail_is_missing(self, monkeypatch, contrast, is_tried):
        tried = []
        monkeypatch.setattr("skmimic.engine.identification._selection._flexible", lambda *trials: tried.append(1))
        digits = torch.from_numpy(load_mnist_sample(size=16).images[:40, None]).float() / 127.5 - 1
        generator, settings = load_gan("mnist16").on("cpu"), Settings(solver="joint", T=4)
        samples = Candidates(generator, seeded(), n_candidates=600)
        bench = Bench(
            Problem(generator, Identity()), contrast * digits, settings, samples, seeded(), print, Policy(explained=0.0)
        )
        plain = bench.project(Composition([]), "identity")
        _freed(bench, plain, plain, 10 * plain.residual, 1.0)
        assert bool(tried) == is_tried


class TestHeldNumbers:
    """What the user froze keeps its values, whatever the rows show; the other numbers are learned around it."""

    def test_a_frozen_part_is_held_and_the_others_are_learned(self):
        turned = start_at(Affine(SHAPE), affine_matrix(20.0)).requires_grad_(False)
        mask, dead = Mask(SHAPE, learn=False), torch.zeros(SHAPE, dtype=torch.bool)
        dead[:, 2:4, 2:4] = True
        mask.set_dead(dead, torch.full(SHAPE, 0.5))
        with torch.no_grad():
            observed = 0.6 * clean() + 0.2
        given = Composition([turned, Photometric(SHAPE), mask])
        found = estimate_corruption(loaded(), observed, replace(SETTINGS, T=6), given).surrogate.to_torch()
        torch.testing.assert_close(found.part(Affine).theta, turned.theta)
        torch.testing.assert_close(found.part(Mask).weight, mask.weight)
        assert abs(float(found.part(Photometric).gain) - 1) > 0.05

    @pytest.mark.filterwarnings("ignore::skmimic.exceptions.SurrogateFitWarning")  # held at what is wrong
    @pytest.mark.parametrize("names", [("gain",), ("bias",), ("gain", "bias")])
    @pytest.mark.parametrize("solver", ["joint", "alternating"])
    def test_a_frozen_gain_or_bias_is_held(self, names, solver):
        tone = Photometric(SHAPE)
        for name, value in (("gain", 0.5), ("bias", 0.1)):
            getattr(tone, name).data.fill_(value)
            getattr(tone, name).requires_grad_(name not in names)
        given, settings = Composition([Affine(SHAPE), tone]), replace(SETTINGS, T=6, solver=solver)
        found = estimate_corruption(loaded(), 0.7 * clean() - 0.2, settings, given).surrogate.to_torch()
        for name in ("gain", "bias"):
            assert torch.equal(getattr(found.part(Photometric), name), getattr(tone, name)) == (name in names)

    def test_one_part_may_stand_in_two_places(self):
        blur = Blur(SHAPE, 1.0)
        adaptation = estimate_corruption(loaded(), clean(), replace(SETTINGS, T=1, T1=2), Composition([blur, blur]))
        assert adaptation.surrogate.family == "Composition"

    def test_all_frozen_is_a_known_corruption(self):
        turned = start_at(Affine(SHAPE), affine_matrix(20.0)).requires_grad_(False)
        adaptation = estimate_corruption(loaded(), clean(), SETTINGS, turned)
        torch.testing.assert_close(adaptation.surrogate.to_torch().theta, turned.theta)
        assert adaptation.trace.objectives == ()


class TestEffort:
    """Of phase A: large images tell a pose from fewer rows and samples, few rows take no convolution block."""

    @pytest.mark.parametrize(("side", "n_rows", "is_thrifty"), [(32, 40, False), (33, 40, True), (33, 20, False)])
    def test_large_images_take_fewer_rows_and_samples(self, side, n_rows, is_thrifty):
        rows, samples = torch.zeros(n_rows, 1, side, side), Candidates(loaded(), seeded(), n_candidates=1200)
        bench = Bench(Problem(loaded(), Identity()), rows, SETTINGS, samples, seeded(), print)
        assert len(bench.candidates.images) == (Policy().n_candidates_large if is_thrifty else 1200)
        assert bench.n_structured == (48 if is_thrifty else 64)

    def test_few_rows_take_no_convolution(self, candidates):
        observed = Rotation(30)(clean(Policy().fewest_flexible - 1))
        bench = Bench(Problem(loaded(), Identity()), observed, SETTINGS, candidates, seeded(), print)
        assert _flexible(bench, None, None, False) is None


class TestEncoder:
    def problem(self, surrogate=None, deviation_sd=None):
        return Problem(loaded(), surrogate or Identity(), deviation_sd=deviation_sd)

    def guess(self, problem, settings, observed):
        fitted = train_encoder(problem, observed, settings, seeded())
        with torch.no_grad():
            return fitted, fitted.to_torch(loaded().prior)(observed)

    def test_learns_to_invert_generator_and_surrogate(self):
        problem = self.problem(Photometric(SHAPE))
        with torch.no_grad():
            problem.surrogate.gain.fill_(-1.0)
            observed = problem.surrogate(clean())
        _, little = self.guess(problem, replace(SETTINGS, encoder_steps=1), observed)
        _, more = self.guess(problem, replace(SETTINGS, encoder_steps=150), observed)
        with torch.no_grad():
            errors = [problem.objective(observed, latents).mean() for latents in (little, more)]
        assert errors[1] < 0.6 * errors[0]

    @pytest.mark.parametrize("deviation_sd", [None, 0.1])
    def test_predicts_allowed_latents_and_deviations_where_there_are_some(self, deviation_sd):
        problem = self.problem(Affine(SHAPE), deviation_sd)
        fitted, latents = self.guess(problem, replace(SETTINGS, encoder_steps=3), clean())
        assert latents.z.abs().max() <= 1
        assert (latents.deviations is None) == (deviation_sd is None)
        assert fitted.with_deviations == (deviation_sd is not None)

    def test_is_plain_numpy_and_the_same_for_the_same_seed(self):
        first, same = (
            train_encoder(self.problem(), clean(), replace(SETTINGS, encoder_steps=5), seeded(3)) for _ in range(2)
        )
        assert isinstance(first, FittedEncoder)
        assert all(type(array) is np.ndarray for array in first.arrays.values())
        assert all(np.array_equal(first.arrays[name], same.arrays[name]) for name in first.arrays)

    def test_leaves_surrogate_and_global_state_alone(self):
        problem, before = self.problem(Affine(SHAPE).requires_grad_(False)), torch.get_rng_state()
        train_encoder(problem, clean(), replace(SETTINGS, encoder_steps=3), seeded())
        assert torch.equal(problem.surrogate.theta, affine_matrix())
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 12)])
    def test_fits_every_image_shape(self, shape):
        generator = smooth_generator(shape).on("cpu")
        problem = Problem(generator, Identity())
        observed = generator.decode(torch.zeros(4, 4))
        fitted = train_encoder(problem, observed, replace(SETTINGS, encoder_steps=1), seeded())
        assert isinstance(fitted.to_torch(generator.prior)(observed), Latents)

    def test_reports_every_250_steps(self):
        sentences = []
        train_encoder(self.problem(), clean(), replace(SETTINGS, encoder_steps=250), seeded(), sentences.append)
        assert sentences == ["encoder: step 250 of 250"]

    @pytest.mark.parametrize("n_rows", [40, 1200])
    def test_takes_the_same_number_of_steps_for_any_number_of_rows(self, n_rows, monkeypatch):
        monkeypatch.setattr("skmimic.engine._encoder.N_STEPS", 250)
        sentences, settings = [], replace(SETTINGS, encoder_steps=None)
        train_encoder(self.problem(), clean(n_rows), settings, seeded(), sentences.append)
        assert sentences[-1].endswith("of 250")

    @pytest.mark.parametrize("is_fast", [False, True])
    def test_gives_float32_in_either_precision(self, is_fast, monkeypatch):
        monkeypatch.setattr("skmimic.engine._encoder.has_fast_bfloat16", lambda device: is_fast)
        surrogate = Composition([Affine(SHAPE), Convolution(SHAPE)])
        fitted, latents = self.guess(self.problem(surrogate, 0.1), replace(SETTINGS, encoder_steps=4), clean())
        assert {array.dtype for array in fitted.arrays.values()} == {np.dtype("float32")}
        assert latents.z.dtype == latents.deviations.dtype == torch.float32


class TestPartsThatDoNotPay:
    """Parts that retrieval hardly saw stay only if the objective falls clearly with them."""

    @pytest.mark.parametrize(
        ("pose", "gain", "bias", "names"),
        [
            (Pose(), 1.0, 0.0, ["affine"]),
            (Pose(), 1.1, 0.1, ["photometric", "affine"]),
            (Pose(), 1.1, 0.5, ["affine"]),
            (Pose(), -1.0, 0.0, ["affine"]),
            (Pose(8.0, 1.08, 0.95, 0.05, 0.05), 1.0, 0.0, ["affine"]),
            (Pose(12.0), 1.0, 0.0, []),
            (Pose(shear=0.15), 1.0, 0.0, []),
            (Pose(shift_y=-0.2), 1.0, 0.0, []),
            (Pose(20.0), 0.5, 0.0, []),
            (Pose(0.0, 0.9, 0.85), 0.9, 0.0, ["photometric"]),
        ],
    )
    def test_are_those_near_the_identity(self, pose, gain, bias, names):
        nothing = torch.zeros(SHAPE)
        assert _doubtful(Retrieval((pose,), Tone(gain, bias), nothing > 0, nothing), Policy()) == names

    def test_a_shift_under_an_inversion_pays(self):
        shifted = warp(clean(), torch.tensor([[1.0, 0.0, 0.15], [0.0, 1.0, 0.0]]))
        adaptation = estimate_corruption(loaded(), -shifted, replace(SETTINGS, T=10), "auto")
        assert adaptation.surrogate.family == "affine+photometric"

    def test_rows_may_still_deviate_from_a_map_that_was_left_out(self):
        bench = Bench(Problem(loaded(), Identity()), clean(), SETTINGS, None, seeded(), print)
        plain = Learned(Composition([Photometric(SHAPE)]), "photometric", None, 1.0, OptimizationTrace((1.0,)))
        posed = _with_affine(bench, plain)
        assert posed.family == "affine+photometric"
        assert posed.surrogate.takes_deviations
        torch.testing.assert_close(posed.surrogate(clean()), clean(), atol=1e-5, rtol=0)
        assert _with_affine(bench, posed) is posed


class TestFrames:
    """Black edges are the frame of a zoom, or hidden pixels, whichever explains the rows better once learned."""

    def learned(self, corrupt):
        decoder = SmoothDecoder(image_shape=(1, 32, 32))
        decoder.disc.fill_(1.0)  # pictures that vary up to their edges
        generator = as_generator(decoder, latent_dim=4).on("cpu")
        rows = generator.decode(generator.prior.sample(40, 4, seeded(1)))
        return estimate_corruption(generator, corrupt(rows), replace(SETTINGS, T=6), "auto").surrogate

    def test_of_hidden_pixels_become_a_mask(self):
        found = self.learned(lambda rows: pad(rows[..., 2:-2, 2:-2], (2, 2, 2, 2), value=-1.0)).describe()
        assert found["fraction_masked"] == pytest.approx(240 / 1024, abs=0.01)
        assert found.get("scale", (1, 1)) == pytest.approx((1, 1), abs=0.06)

    def test_of_a_zoom_become_a_zoom(self):
        found = self.learned(Zoom(0.9)).describe()
        assert found["scale"] == pytest.approx((0.9, 0.9), abs=0.02)
        assert "fraction_masked" not in found
