"""The two phases: A on a batch, B row by row; restarts, lack of memory, interruption."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from skmimic.engine import RowProjector, Settings, Status, computing, estimate_corruption, no_corruption, resolve_solver
from skmimic.exceptions import GeneratorMismatchError, NotFiniteError
from skmimic.surrogates import Identity, KnownCorruption, Photometric
from tests.helpers import Bend, GainModule, MatrixCorruption, loaded, pca_generator

SHAPE = (1, 8, 8)
SETTINGS = Settings(solver="joint", T=3, T1=4, T2=4, encoder_steps=4)


def clean(n=20, seed=1):
    return loaded().decode(loaded().prior.sample(n, 4, torch.Generator().manual_seed(seed)))


def estimate(observed=None, settings=SETTINGS, surrogate="photometric", **keywords):
    observed = clean() * 0.6 if observed is None else observed
    return estimate_corruption(loaded(), observed, settings, surrogate, **keywords)


def project(adaptation, observed=None, batch_size=8):
    return RowProjector(loaded(), adaptation, batch_size)(clean() * 0.6 if observed is None else observed)


class Halves(Bend):
    """A surrogate of the user that forgets to keep the size."""

    def forward(self, images, deviations=None):
        return images[..., ::2]

    def recipe(self):
        return Halves, {"image_shape": self.image_shape}


class TestPhaseA:
    @pytest.mark.parametrize("solver", ["joint", "alternating", "amortized"])
    def test_learns_with_every_solver_and_is_plain_numpy(self, solver):
        adaptation = estimate(settings=replace(SETTINGS, solver=solver))
        assert adaptation.settings.solver == solver
        assert adaptation.surrogate.family == "photometric"
        assert adaptation.surrogate.describe()["gain"][0] < 1
        assert (adaptation.encoder is not None) == (solver == "amortized")
        assert (adaptation.latents is not None) == (solver == "alternating")
        assert not any(isinstance(value, torch.Tensor) for value in vars(adaptation).values())
        pickle.loads(pickle.dumps(adaptation))

    def test_auto_is_amortized_from_some_hundreds_of_rows_on(self):
        settings = replace(SETTINGS, solver="auto")
        rows = clean().repeat(30, 1, 1, 1)
        assert estimate(rows[:100], settings).settings.solver == "joint"
        assert estimate(rows, settings).settings.solver == "amortized"

    @pytest.mark.parametrize(
        ("n_rows", "side", "solver"), [(500, 32, "amortized"), (500, 33, "joint"), (5000, 33, "amortized")]
    )
    def test_large_images_need_more_rows_for_an_encoder_to_pay(self, n_rows, side, solver):
        assert resolve_solver("auto", (n_rows, 3, side, side)) == solver
        assert resolve_solver("joint", (n_rows, 3, side, side)) == "joint"

    @pytest.mark.parametrize(
        "surrogate",
        [Identity(), KnownCorruption(torch.neg), KnownCorruption(GainModule()), MatrixCorruption(np.eye(64))],
    )
    def test_nothing_is_learned_where_nothing_can_be(self, surrogate):
        adaptation = estimate(surrogate=surrogate)
        assert adaptation.trace.objectives == ()
        images = clean().numpy()
        np.testing.assert_allclose(
            adaptation.surrogate.apply(images), surrogate(clean()).detach().numpy(), rtol=0, atol=1e-6
        )

    @pytest.mark.parametrize("factory", [Bend, lambda shape: GainModule()], ids=["subclass", "module"])
    def test_learns_what_users_bring(self, factory):
        adaptation = estimate(surrogate=factory)
        (value,) = adaptation.surrogate.describe().keys() - {"family"}
        assert adaptation.surrogate.describe()[value] != factory(SHAPE).describe()[value]

    @pytest.mark.parametrize("factory", [lambda shape: nn.Flatten(), lambda shape: nn.AvgPool2d(2), Halves])
    def test_a_surrogate_that_changes_the_shape_is_refused_before_any_work(self, factory):
        with pytest.raises(GeneratorMismatchError, match="must keep the shape"):
            estimate(surrogate=factory)

    def test_the_lowest_of_several_restarts_wins(self):
        single = [estimate(settings=replace(SETTINGS, n_init=1), seed=seed) for seed in (5, 6, 7)]
        best = min(single, key=lambda adaptation: adaptation.trace.objectives[-1])
        assert estimate(settings=replace(SETTINGS, n_init=3), seed=5).trace == best.trace

    def test_a_restart_that_diverges_is_forgiven_but_not_all(self):
        class FailsAtFirst(GainModule):
            n_calls = 0

            def forward(self, images):
                FailsAtFirst.n_calls += 1
                return super().forward(images) * (float("nan") if FailsAtFirst.n_calls < 10 else 1.0)

        settings = replace(SETTINGS, solver="alternating")
        with pytest.raises(NotFiniteError):
            estimate(settings=settings, surrogate=lambda shape: FailsAtFirst())
        FailsAtFirst.n_calls = 0
        estimate(settings=replace(settings, n_init=5), surrogate=lambda shape: FailsAtFirst())

    def test_goes_on_with_fewer_rows_when_memory_runs_out(self):
        class Greedy(GainModule):
            def forward(self, images):
                if len(images) > 12 and images.requires_grad:
                    raise torch.OutOfMemoryError("out of memory")
                return super().forward(images)

        adaptation = estimate(clean(40), surrogate=lambda shape: Greedy())
        assert np.isfinite(adaptation.trace.objectives).all()

    def test_other_errors_are_passed_on(self):
        def broken(mimicked, observed):
            raise RuntimeError("something else")

        with pytest.raises(RuntimeError, match="something else"):
            estimate(settings=replace(SETTINGS, loss=broken))

    def test_too_few_rows_for_half_of_them_gives_up(self):
        def greedy(mimicked, observed):
            raise torch.OutOfMemoryError("out of memory")

        with pytest.raises(torch.OutOfMemoryError):
            estimate(settings=replace(SETTINGS, loss=greedy))


class TestInterruption:
    """Ctrl-C keeps the best so far: the exception carries it."""

    def interrupt_after(self, n_calls):
        def report(sentence):
            report.sentences.append(sentence)
            if len(report.sentences) == n_calls:
                raise KeyboardInterrupt

        report.sentences = []
        return report

    def partial_of(self, **keywords):
        with pytest.raises(KeyboardInterrupt) as caught:
            estimate(**keywords)
        return caught.value.partial

    def test_keeps_what_algorithm_1_has_learned(self):
        settings = replace(SETTINGS, solver="alternating", T=50)
        partial = self.partial_of(settings=settings, report=self.interrupt_after(3))
        whole = estimate(settings=replace(settings, T=3))
        assert partial.trace.status is Status.INTERRUPTED
        np.testing.assert_array_equal(partial.surrogate.arrays["parts.0.gain"], whole.surrogate.arrays["parts.0.gain"])

    def test_keeps_the_best_of_the_restarts(self):
        settings = replace(SETTINGS, n_init=3)
        partial = self.partial_of(settings=settings, report=self.interrupt_after(2))
        first = estimate(settings=replace(settings, n_init=1)).trace
        assert (partial.trace.objectives, partial.trace.status) == (first.objectives, Status.INTERRUPTED)

    def test_keeps_the_surrogate_when_the_encoder_is_interrupted(self):
        settings = replace(SETTINGS, solver="amortized", encoder_steps=250)
        report = self.interrupt_after(2)
        partial = self.partial_of(settings=settings, report=report)
        assert report.sentences[-1].startswith("encoder")
        assert partial.encoder is None
        assert partial.surrogate.describe()["gain"][0] < 1
        assert all(torch.isfinite(part).all() for part in project(partial))

    @pytest.mark.parametrize("surrogate", ["auto", "mask"])
    def test_has_nothing_to_keep_before_anything_was_learned(self, surrogate):
        def stops(mimicked, observed):
            raise KeyboardInterrupt

        partial = self.partial_of(settings=replace(SETTINGS, loss=stops), surrogate=surrogate)
        assert partial is None or partial.surrogate.describe()["fraction_masked"] == 0

    def test_keeps_what_the_joint_solver_was_learning(self):
        class Stops(GainModule):
            n_calls = 0

            def forward(self, images):
                Stops.n_calls += 1
                if Stops.n_calls == 20:
                    raise KeyboardInterrupt
                return super().forward(images)

        partial = self.partial_of(surrogate=lambda shape: Stops())
        assert partial.surrogate.describe()["gain"] < 1


class TestPhaseB:
    @pytest.mark.parametrize("solver", ["joint", "alternating", "amortized"])
    def test_values_belong_together(self, solver):
        adaptation = estimate(settings=replace(SETTINGS, solver=solver))
        z, images, mimicked, losses = project(adaptation)
        torch.testing.assert_close(images, loaded().decode(z), rtol=0, atol=1e-6)
        torch.testing.assert_close(mimicked, adaptation.surrogate.to_torch()(images), rtol=0, atol=1e-6)
        difference = mimicked - clean() * 0.6
        expected = ((difference.square() + 0.01).sqrt() - 0.1).flatten(1).sum(1)
        torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("start", ["mean", "zero", "nearest", "random", "encoder"])
    def test_rows_do_not_know_their_neighbours_whatever_the_start(self, start):
        adaptation = estimate(settings=replace(SETTINGS, start=start))
        whole = project(adaptation)[0]
        assert torch.equal(project(adaptation, clean()[[7, 3]] * 0.6)[0], whole[[7, 3]])
        assert torch.equal(project(adaptation, clean()[[3]] * 0.6)[0], whole[[3]])

    def test_two_equal_projectors_give_equal_bits(self):
        adaptation = estimate()
        assert all(torch.equal(a, b) for a, b in zip(project(adaptation), project(adaptation), strict=True))

    def test_read_decodes_latents_that_are_known(self):
        adaptation = estimate()
        projector = RowProjector(loaded(), adaptation, 8)
        z, images, mimicked, losses = projector(clean())
        again = projector.read(clean(), z)
        for found, expected in zip(again, (z, images, mimicked, losses), strict=True):
            torch.testing.assert_close(found, expected)

    def test_a_linear_generator_is_solved_exactly_but_not_by_algorithm_1(self):
        generator = pca_generator()
        for solver, is_exact in (("joint", True), ("alternating", False)):
            adaptation = no_corruption(replace(SETTINGS, solver=solver))
            projector = RowProjector(generator.on("cpu"), adaptation, 8, generator.linear_map())
            assert (projector.closed_form is not None) == is_exact

    def test_a_surrogate_that_is_not_affine_is_not_solved_in_closed_form(self):
        generator = pca_generator()
        adaptation = estimate_corruption(generator.on("cpu"), clean(), SETTINGS, KnownCorruption(torch.tanh))
        projector = RowProjector(generator.on("cpu"), adaptation, 8, generator.linear_map())
        assert projector.closed_form is None

    def test_leaving_the_finite_numbers_says_so(self):
        adaptation = no_corruption(replace(SETTINGS, loss=lambda a, b: (a - b).flatten(1).sum(1) / 0))
        with pytest.raises(NotFiniteError, match="projection of rows"):
            project(adaptation)


def test_no_corruption_is_the_identity():
    adaptation = no_corruption(replace(SETTINGS, solver="amortized"), seed=3, status=Status.NOT_IDENTIFIABLE)
    assert adaptation.surrogate.describe() == {"family": "identity", "corruption": "none"}
    assert adaptation.settings.solver == "joint"
    assert adaptation.trace.status is Status.NOT_IDENTIFIABLE


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_computing_allows_gradients_inside_and_restores_the_mode(mode):
    with mode():
        before = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        with computing():
            assert torch.is_grad_enabled()
            assert not torch.is_inference_mode_enabled()
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before


def test_every_status_is_a_sentence():
    assert all(status.value[0].isupper() and status.value.endswith(".") for status in Status)


def test_a_given_photometric_starts_from_its_own_values():
    mine = Photometric(SHAPE)
    with torch.no_grad():
        mine.gain.fill_(0.6)
    learned = estimate(settings=replace(SETTINGS, T=1, T1=3), surrogate=mine)
    assert learned.surrogate.describe()["gain"][0] == pytest.approx(0.6, abs=0.05)
    assert mine.gain.item() == pytest.approx(0.6)
