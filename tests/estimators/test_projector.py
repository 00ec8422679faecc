"""MimicGANProjector: what the two phases keep, project() in one shot, round trips, and surrogates that users bring."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skmimic import MimicDomainAligner, MimicGANProjector, PGDProjector, ProjectionResult
from skmimic.corruptions import Rotation
from skmimic.engine import Settings
from skmimic.losses import LOSSES
from tests.helpers import Bend, assert_near, corrupt, gain_module, pca_generator, pictures, small, smooth_generator

ROTATED = corrupt(pictures(), Rotation(30.0))
SHAPE = (1, 8, 8)


def as_images(rows):
    return torch.tensor(rows).reshape(-1, *SHAPE)


class TestWhenTheCorruptionIsEstimated:
    def test_at_fit(self):
        model = small(MimicGANProjector, adapt_on="fit").fit(0.6 * pictures())
        gain = model.surrogate_.describe()["gain"]
        model.transform(pictures())
        assert model.surrogate_.describe()["gain"] == gain
        assert gain[0] < 1

    def test_at_transform_from_the_batch_that_is_given(self):
        model = small(MimicGANProjector, adapt_on="transform", surrogate="affine", T=4).fit(pictures())
        assert model.surrogate_.family == "identity"
        before = vars(model).copy()
        found = model.transform(ROTATED)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is before[name] for name in before)  # nothing is stored
        learned = small(MimicGANProjector, surrogate="affine", T=4).fit(ROTATED).transform(ROTATED)
        np.testing.assert_array_equal(found, learned)

    def test_never_but_by_adapt(self):
        model = small(MimicGANProjector, adapt_on=None).fit(0.6 * pictures())
        pgd = small(PGDProjector).fit(pictures()).transform(pictures())
        np.testing.assert_array_equal(model.transform(pictures()), pgd)
        assert model.adapt(0.6 * pictures()) is model
        assert model.surrogate_.describe()["gain"][0] < 1

    @pytest.mark.parametrize("adapt_on", ["fit", "transform", None])
    def test_adapt_overrules_until_the_next_fit(self, adapt_on):
        model = small(MimicGANProjector, adapt_on=adapt_on).fit(pictures())
        model.adapt(0.6 * pictures())
        adapted = model.transform(pictures())
        np.testing.assert_array_equal(model.transform(pictures()[:1]), adapted[:1])
        fresh = small(MimicGANProjector, adapt_on=adapt_on).fit(pictures())
        np.testing.assert_array_equal(model.fit(pictures()).transform(ROTATED), fresh.transform(ROTATED))

    def test_nothing_is_learned_from_the_rows_that_made_the_generator(self):
        for gan in (None, PCA(4)):
            model = MimicGANProjector(gan, random_state=0).fit(ROTATED)
            assert model.surrogate_.family == "identity"
        model.adapt(pictures())
        assert model.trace_.n_rounds > 0

    def test_from_at_most_n_adapt_rows_chosen_by_content(self):
        few = small(MimicGANProjector, n_adapt=12).fit(pictures())
        shuffled = small(MimicGANProjector, n_adapt=12).fit(pictures()[::-1])
        every = small(MimicGANProjector, n_adapt=40).fit(pictures())
        assert few.surrogate_.describe() == shuffled.surrogate_.describe()
        assert few.surrogate_.describe() != every.surrogate_.describe()


class TestProject:
    @pytest.mark.parametrize("solver", ["joint", "alternating"])
    @pytest.mark.parametrize("loss", ["l1", "charbonnier"])
    def test_is_frozen_and_its_values_belong_together(self, solver, loss):
        model = small(MimicGANProjector, solver=solver, loss=loss)
        result = model.project(ROTATED)
        assert isinstance(result, ProjectionResult)
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.losses = None
        decoded = smooth_generator().decode(result.latents)
        np.testing.assert_allclose(result.images, decoded, atol=1e-6)
        np.testing.assert_allclose(result.mimicked, result.surrogate.apply(result.images), atol=1e-6)
        expected = LOSSES[loss](torch.tensor(result.mimicked), as_images(ROTATED)).numpy()
        np.testing.assert_allclose(result.losses, expected, rtol=1e-5, atol=1e-5)

    def test_losses_are_in_the_canonical_range_whatever_the_range_of_x(self):
        inside = small(MimicGANProjector, surrogate="identity").project(pictures())
        wide = small(MimicGANProjector, surrogate="identity", data_range=(0.0, 255.0)).project((pictures() + 1) * 127.5)
        np.testing.assert_allclose(wide.losses, inside.losses, rtol=1e-2, atol=1e-3)
        np.testing.assert_allclose(wide.images / 127.5 - 1, inside.images, atol=1e-2)

    def test_of_algorithm_1_returns_the_latents_of_its_last_round(self):
        """Phase B would start again; Algorithm 1 returns what it holds."""
        model = small(MimicGANProjector, solver="alternating", lambda_adv=0.0, loss="l1")
        result = model.project(ROTATED)
        assert result.losses.mean() == pytest.approx(result.trace.objectives[-1], rel=1e-4)

    def test_keeps_nothing(self):
        model = small(MimicGANProjector).fit(pictures())
        before = vars(model).copy()
        model.project(ROTATED)
        assert all(vars(model)[name] is before[name] for name in before)
        assert vars(model).keys() == before.keys()
        unfitted = small(MimicGANProjector)
        unfitted.project(ROTATED)
        assert not hasattr(unfitted, "generator_")

    @pytest.mark.parametrize("solver", ["joint", "alternating"])
    def test_is_the_same_fitted_or_not(self, solver):
        model = small(MimicGANProjector, solver=solver)
        first, second = model.project(ROTATED), model.fit(ROTATED).project(ROTATED)
        np.testing.assert_array_equal(first.latents, second.latents)

    def test_keeps_the_order_and_the_repetition_of_the_rows(self):
        X = np.r_[ROTATED[:10], ROTATED[:10]]
        for solver in ("joint", "alternating"):
            result = small(MimicGANProjector, solver=solver).project(X)
            assert result.latents.shape == (20, 4)
            np.testing.assert_allclose(result.latents[:10], result.latents[10:], atol=1e-5)

    def test_without_a_generator_the_rows_themselves_make_one(self):
        result = MimicGANProjector(random_state=0).project(ROTATED)
        assert result.surrogate.family == "identity"
        expected = PGDProjector().fit_transform(ROTATED)
        np.testing.assert_array_equal(result.images.reshape(40, -1), expected)


class TestRoundTrips:
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return small(MimicGANProjector, surrogate="affine", T=20).fit(ROTATED)

    def test_encode_then_decode_is_transform(self, model):
        assert_near(model.decode(model.encode(ROTATED)), model.transform(ROTATED))

    def test_latents_as_output_are_the_same_latents(self, model):
        latents = small(MimicGANProjector, surrogate="affine", T=20, output="latents").fit(ROTATED)
        np.testing.assert_array_equal(latents.transform(ROTATED), model.encode(ROTATED))
        found = latents.inverse_transform(latents.transform(ROTATED))
        assert_near(found, model.inverse_transform(model.transform(ROTATED)))

    def test_inverse_transform_puts_the_corruption_back(self, model):
        again = model.inverse_transform(pictures())
        assert np.abs(again - ROTATED).mean() < 0.05
        assert np.abs(again - ROTATED).mean() < 0.3 * np.abs(pictures() - ROTATED).mean()

    def test_transform_then_inverse_transform_gives_the_observations(self, model):
        assert np.abs(model.inverse_transform(model.transform(ROTATED)) - ROTATED).mean() < 0.05

    def test_restores_what_was_corrupted(self, model):
        found, plain = (m.transform(ROTATED) for m in (model, small(PGDProjector, T=20).fit(ROTATED)))
        errors = [np.linalg.norm(images - pictures(), axis=1).mean() for images in (found, plain)]
        assert errors[0] < 0.5 * errors[1]

    def test_a_decoded_point_of_the_manifold_is_found_again(self):
        model = PGDProjector(pca_generator()).fit(pictures())
        Z = np.random.default_rng(0).normal(size=(7, 10))
        np.testing.assert_allclose(model.encode(model.decode(Z)), Z, atol=1e-4)


class TestSurrogatesOfUsers:
    """A subclass of Surrogate, or a factory of modules: twenty lines, learned and described like the others."""

    @pytest.mark.parametrize(("surrogate", "name"), [(Bend, "bend"), (gain_module, "gain")])
    def test_are_learned_and_describe_themselves(self, surrogate, name):
        truth = {"bend": lambda x: x + 0.4 * (1 - x**2), "gain": lambda x: 0.6 * x}[name]
        model = small(MimicGANProjector, surrogate=surrogate, T=20, T1=15).fit(truth(pictures()))
        told = model.surrogate_.describe()
        assert told[name] == pytest.approx({"bend": 0.4, "gain": 0.5}[name], abs=0.1)
        assert told["family"] == {"bend": "Bend", "gain": "UserSurrogate"}[name]

    @pytest.mark.parametrize("surrogate", [Bend(SHAPE), Bend, gain_module, lambda shape: gain_module(shape)])
    def test_work_in_all_three_solvers_and_are_left_alone(self, surrogate, monkeypatch):
        monkeypatch.setattr("skmimic.estimators._base.Settings", _short)
        for solver in ("joint", "alternating", "amortized"):
            model = small(MimicGANProjector, surrogate=surrogate, solver=solver).fit(0.6 * pictures())
            assert np.isfinite(model.transform(pictures())).all()
        if isinstance(surrogate, Bend):
            assert surrogate.bend.item() == 0
            assert surrogate.bend.requires_grad

    def test_families_are_described_in_human_units(self):
        model = small(MimicGANProjector, surrogate="affine+photometric+mask", T=4).fit(ROTATED)
        told = model.surrogate_.describe()
        assert set(told) == {
            "family", "rotation_deg", "scale", "shear_deg", "shift_px", "gain", "bias", "fraction_masked",
        }  # fmt: skip
        assert told["family"] == "affine+photometric+mask"
        assert told["rotation_deg"] == pytest.approx(30, abs=6)


def _short(**keywords):
    return Settings(**keywords, encoder_steps=3)


def test_the_amortized_solver_projects_from_its_encoder(monkeypatch):
    monkeypatch.setattr("skmimic.estimators._base.Settings", _short)
    model = small(MimicGANProjector, solver="amortized").fit(ROTATED)
    assert model._adaptation.encoder is not None
    whole = model.transform(ROTATED)
    np.testing.assert_array_equal(model.transform(ROTATED[[5, 0]]), whole[[5, 0]])


def test_one_picture_at_transform_time_is_projected_without_corruption():
    model = small(MimicDomainAligner, surrogate="affine").fit(pictures())
    with pytest.warns(UserWarning, match="one distinct row"):
        found = model.transform(ROTATED[:1])
    np.testing.assert_array_equal(found, small(PGDProjector).fit(pictures()).transform(ROTATED[:1]))
