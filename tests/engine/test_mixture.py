"""Several corruptions in one batch, and the simple corruptions that rows are compared with."""

import numpy as np
import pytest
import torch

from skmimic.corruptions import Rotation
from skmimic.datasets import load_mnist_sample
from skmimic.engine import Candidates, Settings, Status, computing, estimate_mixture, is_identifiable
from skmimic.engine._mixture import _kept
from skmimic.engine.identification._hypotheses import distances, hypotheses_for
from skmimic.generators import load_gan
from tests.helpers import loaded, pictures

SETTINGS = Settings(T=4, T1=10, T2=10, lr_surrogate=0.1, solver="joint")


@pytest.fixture(scope="module")
def digits():
    images = load_mnist_sample(size=16).images[::40, None]
    return torch.from_numpy(images / 127.5 - 1).float()  # (50, 1, 16, 16)


@pytest.fixture(scope="module")
def candidates():
    with computing():
        return Candidates(load_gan("mnist16").on("cpu"), torch.Generator().manual_seed(0), 1000)


def clean(n=40):
    return torch.tensor(pictures(n)).view(n, 1, 8, 8)


def half_inverted(n=24):
    images = clean(n)
    return torch.cat([images[: n // 2], -images[n // 2 :]])


def mixture_of(observed, **keywords):
    with computing():
        return estimate_mixture(loaded(), observed, SETTINGS, **{"surrogate": "photometric", **keywords})


class TestHypotheses:
    def test_the_truth_is_nearest(self, digits, candidates):
        for turn, sign in ((0, 1), (45, 1), (-60, 1), (0, -1)):
            observed = sign * Rotation(float(turn))(digits)
            hypotheses = hypotheses_for(candidates.images, observed)
            best = hypotheses[int(distances(candidates.images, observed, hypotheses).mean(1).argmin())]
            assert abs(best.pose.rotation_deg - turn) <= 15
            assert best.gain * sign > 0

    def test_the_distance_of_a_row_does_not_depend_on_its_neighbours(self, digits, candidates):
        hypotheses = hypotheses_for(candidates.images, digits)
        whole = distances(candidates.images, digits, hypotheses)
        part = distances(candidates.images, digits[7:12], hypotheses)
        torch.testing.assert_close(whole[:, 7:12], part, rtol=1e-4, atol=1e-3)

    def test_vectors_are_not_turned(self):
        images = torch.randn(20, 1, 1, 6)
        assert {hypothesis.pose.rotation_deg for hypothesis in hypotheses_for(images, images)} == {0.0}

    def test_ranges_that_few_rows_show_are_left_out(self):
        images = torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)).sign()
        for n_faint, gains in ((2, {1.0, -1.0}), (20, {1.0, -1.0, 0.5, -0.5})):
            faint = torch.cat([0.5 * images[:n_faint], images[n_faint:]])
            assert {hypothesis.gain for hypothesis in hypotheses_for(images, faint)} == gains


class TestIdentifiability:
    def test_of_rotated_digits(self, digits, candidates):
        turned = Rotation(40.0)(digits)
        assert is_identifiable(candidates.images, turned[:24])
        assert not is_identifiable(candidates.images, turned[:1])
        assert not is_identifiable(candidates.images, turned[:2])

    def test_not_where_every_rotation_looks_the_same(self, candidates):
        y, x = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
        radii = torch.linspace(0.3, 0.7, 40).view(-1, 1, 1, 1)
        rings = 2 * torch.exp(-(((x**2 + y**2).sqrt() - radii) ** 2) * 20) - 1
        noise = torch.randn(rings.shape, generator=torch.Generator().manual_seed(0))
        assert not is_identifiable(rings[::2], rings[1::2] + 0.5 * noise[1::2])


class TestKept:
    def test_orders_by_share_and_drops_the_tiny(self):
        costs = torch.tensor([[0.0, 9, 5], [9, 0, 5], [9, 0, 5], [9, 0, 5]])
        assert _kept(costs) == [1]
        assert _kept(torch.cat([costs, costs])) == [1, 0]
        assert _kept(costs[:1]) == [0]


class TestEstimateMixture:
    def test_tells_inverted_rows_from_upright_ones(self):
        observed = half_inverted()
        mixture = mixture_of(observed)
        gains = [component.surrogate.describe()["gain"][0] for component in mixture.components]
        assert sorted(np.sign(gains)) == [-1, 1]
        assert mixture.shares == (0.5, 0.5)
        with computing():
            labels = mixture.row_projector(loaded(), 8)(observed)[-1]
        assert len(set(labels[:12].tolist())) == len(set(labels[12:].tolist())) == 1
        assert labels[0] != labels[-1]

    def test_each_row_gets_the_component_with_the_lower_objective(self):
        observed = half_inverted()
        with computing():
            projector = mixture_of(observed).row_projector(loaded(), 8)
            *found, labels = projector(observed)
            objectives = projector.objectives(observed)
        np.testing.assert_array_equal(labels, objectives.argmin(1))
        for place, part in enumerate(projector.parts):
            for mine, whole in zip(part(observed), found, strict=True):
                assert torch.equal(mine[labels == place], whole[labels == place])

    def test_one_corruption_is_not_split(self):
        assert len(mixture_of(-clean(24), n_surrogates=3).components) == 1

    @pytest.mark.parametrize("surrogate", ["identity"])
    def test_nothing_is_split_where_nothing_is_learned(self, surrogate):
        mixture = mixture_of(half_inverted(), surrogate=surrogate)
        assert mixture.shares == (1.0,)
        assert mixture.surrogate.family == "identity"

    def test_says_whether_it_settled(self):
        mixture = mixture_of(half_inverted())
        assert mixture.trace.status in (Status.CONVERGED, Status.COMPLETED)
        assert len(mixture.trace.objectives) >= 1
        assert np.isfinite(mixture.trace.objectives).all()

    def test_the_alternating_solver_learns_components_too(self):
        with computing():
            settings = Settings(T=2, T1=6, T2=6, solver="alternating", optimiser="rmsprop_tf", latent_weight=0.0)
            mixture = estimate_mixture(loaded(), half_inverted(), settings, "photometric")
        assert len(mixture.components) == 2
        assert mixture.latents is None
        assert mixture.identifiable is None

    def test_the_amortized_solver_trains_an_encoder_for_each(self):
        with computing():
            settings = Settings(T=2, T1=6, T2=6, solver="amortized", encoder_steps=3)
            mixture = estimate_mixture(loaded(), half_inverted(), settings, "photometric")
            assert all(component.encoder is not None for component in mixture.components)
            z = mixture.row_projector(loaded(), 8)(half_inverted())[0]
        assert torch.isfinite(z).all()

    def test_an_interruption_keeps_what_there_is(self):
        def report(sentence):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            mixture_of(half_inverted(), report=report)
        assert caught.value.partial is not None

    def test_an_interruption_of_the_encoders_keeps_the_components(self, monkeypatch):
        def stops(*arguments):
            raise SystemExit

        monkeypatch.setattr("skmimic.engine._mixture.with_encoder", stops)
        settings = Settings(T=2, T1=6, T2=6, solver="amortized", encoder_steps=3)
        with pytest.raises(SystemExit) as caught, computing():
            estimate_mixture(loaded(), half_inverted(), settings, "photometric")
        partial = caught.value.partial
        assert len(partial.components) == 2
        assert {part.trace.status.name for part in (partial, *partial.components)} == {"INTERRUPTED"}
        assert {part.settings.solver for part in partial.components} == {"joint"}

    def test_an_interruption_of_the_second_component_keeps_the_first(self):
        sentences = []

        def report(sentence):
            sentences.append(sentence)
            if len(sentences) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            mixture_of(half_inverted(), report=report)
        assert len(caught.value.partial.components) == 1
