"""MimicDefense: the law on the linear generator, trainings on small networks, tensors and the toolbox."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from skmimic import DCGAN, VAE, Generator, MimicDefense, from_paper
from skmimic.exceptions import DataRangeError, GeneratorMismatchError
from tests.helpers import Encoder, SmoothDecoder, digit_labels, digits, pictures, smooth_generator

TINY_VAE = VAE(latent_dim=4, width=4, max_steps=3, n_epochs=1, random_state=0)
RANGE = (-1, 1)
WIDE = (-2, 2)  # nearest images of a linear generator leave the range of the data


def linear(n_components=16, **parameters):
    return MimicDefense(PCA(n_components, random_state=0), data_range=WIDE, **parameters).fit(digits())


def tiny(**parameters):
    """A defence whose networks have hardly been trained."""
    parameters = {"encoder_steps": 2, "random_state": 0, "data_range": RANGE, "batch_size": 16, **parameters}
    return MimicDefense(parameters.pop("gan", TINY_VAE), **parameters).fit(digits()[:100])


def off_the_manifold(defence, seed=0):
    """A pattern that no image of a linear generator has a part in."""
    components, _ = defence.generator_.linear_map()
    axes = np.linalg.qr(components.T)[0]
    pattern = np.random.default_rng(seed).normal(size=64)
    return 0.02 * (pattern - axes @ (axes.T @ pattern))


class TestTheLaw:
    def test_a_shared_pattern_that_no_image_explains_changes_nothing(self):
        defence = linear(row_share=0.0)
        rows = defence.transform(digits()[:50])  # on the manifold
        attacked = rows + off_the_manifold(defence)
        np.testing.assert_allclose(defence.transform(attacked), defence.transform(rows), atol=1e-9)

    def test_the_residual_is_the_mean_of_what_clean_images_leave(self):
        defence = linear()
        assert defence.residual_.shape == (1, 8, 8)
        np.testing.assert_allclose(defence.residual_, 0, atol=0.02)

    def test_units_do_not_matter(self):
        one = linear().transform(digits()[:40])
        other = MimicDefense(PCA(16, random_state=0), data_range=(-8, 24)).fit((digits() + 1) * 8)
        np.testing.assert_allclose(other.transform((digits()[:40] + 1) * 8) / 8 - 1, one, atol=1e-6)

    def test_half_of_the_rows_less_one_cannot_steer_the_median(self):
        rows = linear(row_share=0.0).transform(digits()[:41])
        moved = {}
        for offset in ("median", "mean"):
            defence = linear(row_share=0.0, offset=offset)
            poisoned = np.vstack([rows, rows[:39] + 20 * off_the_manifold(defence)])
            moved[offset] = np.abs(defence.adapt(poisoned.clip(-2, 2)).shared_offset_).max()
        assert moved["median"] < 0.2 * moved["mean"]


class TestRows:
    @pytest.mark.parametrize("make", [linear, tiny])
    def test_order_chunks_and_workers_change_no_bit(self, make):
        defence, rows = make(), digits()[:37]
        whole = defence.transform(rows)
        np.testing.assert_array_equal(defence.transform(rows[::-1])[::-1], whole)
        defence.set_params(batch_size=8)
        np.testing.assert_array_equal(defence.transform(rows), whole)
        np.testing.assert_array_equal(defence.set_params(n_jobs=2).transform(rows), whole)

    def test_a_row_alone_shares_nothing(self):
        defence = linear()
        alone = defence.transform(digits()[:1])
        np.testing.assert_array_equal(defence.set_params(adapt_on=None).transform(digits()[:5])[:1], alone)

    def test_after_adapt_rows_stand_alone_and_before_nothing_is_kept(self):
        defence = tiny()
        before = pickle.dumps(vars(defence))
        defence.transform(digits()[100:140])
        assert pickle.dumps(vars(defence)) == before
        assert not hasattr(defence, "shared_offset_")
        defence.adapt(digits()[100:140] * 0.9)
        assert defence.shared_offset_.shape == (1, 8, 8)
        whole = defence.transform(digits()[:20])
        np.testing.assert_array_equal(defence.transform(digits()[7:9]), whole[7:9])

    def test_adapt_on_fit_finds_what_clean_rows_share_which_is_next_to_nothing(self):
        assert np.abs(linear(adapt_on="fit").shared_offset_).max() < 0.2

    def test_forms_come_back(self):
        images = ((digits()[:30].reshape(-1, 8, 8) + 1) * 127.5).astype(np.uint8)
        defence = MimicDefense(TINY_VAE, encoder_steps=1, random_state=0).fit(images)
        answer = defence.transform(images)
        assert answer.shape == images.shape
        assert answer.dtype == np.float32
        assert -1 <= answer.min() <= answer.max() <= 256
        assert defence.data_range_ == (0, 255)

    def test_it_goes_before_a_classifier_in_a_pipeline(self):
        pipe = make_pipeline(MimicDefense(PCA(30, random_state=0), data_range=RANGE), LogisticRegression(max_iter=500))
        assert pipe.fit(digits()[:800], digit_labels()[:800]).score(digits()[800:1000], digit_labels()[800:1000]) > 0.8


class TestTrainings:
    def test_the_encoder_is_trained_and_the_generator_stays(self):
        vae = clone(TINY_VAE).fit(digits()[:100])
        defence = tiny(gan=vae, encoder_steps=5)
        assert defence.loss_curve_.shape == (5,)
        z = np.random.default_rng(0).normal(size=(3, 4))
        np.testing.assert_array_equal(defence.generator_.decode(z), vae.generator_.decode(z))
        before, after = (list(each.parameters()) for each in (vae.generator_.encoder_module(), defence.encoder_))
        assert any(not torch.equal(one, other) for one, other in zip(before, after, strict=True))

    def test_training_lowers_the_error_of_perturbed_images(self):
        curve = tiny(gan=clone(TINY_VAE).set_params(max_steps=60, n_epochs=60), encoder_steps=150).loss_curve_
        assert curve[-20:].mean() < curve[:20].mean()

    def test_no_steps_take_the_encoder_as_it_is(self):
        generator = Generator(SmoothDecoder(), encoder=Encoder())
        defence = MimicDefense(generator, encoder_steps=0, data_range=RANGE).fit(pictures())
        assert torch.equal(defence.encoder_.layer.weight, Encoder().layer.weight)

    def test_a_generator_without_encoder_gets_one(self):
        gan = DCGAN(latent_dim=4, width=4, max_steps=2, n_epochs=1, random_state=0)
        defence = tiny(gan=gan)
        assert len(defence.loss_curve_) == 8
        assert defence.generator_.has_encoder
        assert defence.transform(digits()[:6]).shape == (6, 64)

    def test_a_generator_without_encoder_and_no_steps_is_refused(self):
        with pytest.raises(GeneratorMismatchError, match="encoder_steps=0"):
            MimicDefense(smooth_generator(), encoder_steps=0, data_range=RANGE).fit(pictures())

    def test_no_generator_trains_a_vae(self, monkeypatch):
        monkeypatch.setattr("skmimic.estimators._defence_methods.VAE_STEPS", 3)
        defence = MimicDefense(encoder_steps=1, data_range=RANGE, random_state=0).fit(digits()[:60])
        assert defence.generator_.name == "VAE"
        assert defence.transform(digits()[:5]).shape == (5, 64)

    def test_a_stopped_training_goes_on_to_the_same_bits(self, tmp_path):
        whole = tiny(encoder_steps=6)
        tiny(encoder_steps=3, checkpoint=tmp_path / "encoder")
        resumed = tiny(encoder_steps=6, checkpoint=tmp_path / "encoder")
        np.testing.assert_array_equal(resumed.transform(digits()[:9]), whole.transform(digits()[:9]))

    def test_a_file_keeps_the_trained_encoder(self, tmp_path):
        defence = tiny()
        defence.generator_.save(tmp_path / "defence.safetensors")
        read = Generator.load(tmp_path / "defence.safetensors")
        assert read.fingerprint == defence.generator_.fingerprint
        again = MimicDefense(read, encoder_steps=0, data_range=RANGE, batch_size=16).fit(digits()[:100])
        np.testing.assert_array_equal(again.transform(digits()[:9]), defence.transform(digits()[:9]))


class TestTensors:
    @pytest.mark.parametrize("make", [linear, tiny])
    def test_clean_gives_what_transform_gives(self, make):
        defence = make()
        images = torch.from_numpy(digits()[:20].reshape(-1, 1, 8, 8).copy())
        np.testing.assert_allclose(
            defence.clean(images).flatten(1).numpy(force=True), defence.transform(digits()[:20]), atol=1e-5
        )

    def test_the_gradient_is_exact(self):
        defence = linear(8)
        images = torch.from_numpy(digits()[:5].reshape(-1, 1, 8, 8) * 0.9).requires_grad_(True)
        assert torch.autograd.gradcheck(defence.module(), images)

    def test_the_module_stands_before_a_classifier(self):
        network = nn.Sequential(tiny().module(group_size=4), nn.Flatten(), nn.Linear(64, 3))
        images = torch.from_numpy(digits()[:10].astype(np.float32)).reshape(-1, 1, 8, 8).requires_grad_(True)
        network(images).sum().backward()
        assert torch.isfinite(images.grad).all()
        assert images.grad.abs().max() > 0
        assert {name.split(".")[0] for name, _ in network.named_parameters()} == {"2"}

    def test_no_grad_is_named(self):
        images = torch.zeros(3, 1, 8, 8, requires_grad=True)
        with torch.no_grad():
            with pytest.raises(RuntimeError, match="no_grad"):
                linear().clean(images)
            assert linear().clean(images.detach()).shape == images.shape

    @pytest.mark.parametrize(
        ("images", "error", "match"),
        [
            (np.zeros((2, 1, 8, 8)), TypeError, "tensor"),
            (torch.full((2, 1, 8, 8), torch.nan), ValueError, "NaN"),
            (torch.full((2, 1, 8, 8), 2.5), DataRangeError, "outside"),
            (torch.zeros(2, 1, 9, 9), GeneratorMismatchError, "expected images"),
        ],
    )
    def test_other_images_are_refused(self, images, error, match):
        with pytest.raises(error, match=match):
            linear().clean(images)


PROJECTION = {"method": "projection", "T": 2, "T1": 2, "T2": 2, "data_range": RANGE, "random_state": 0}


class TestProjection:
    def test_algorithm_1_as_printed(self):
        defence = MimicDefense(smooth_generator(), **{**from_paper("defense"), **PROJECTION}).fit(pictures())
        assert defence.transform(pictures()[:6]).shape == (6, 64)
        assert not hasattr(defence, "residual_")

    def test_clean_is_transform(self):
        defence = MimicDefense(smooth_generator(), **{**PROJECTION, "start": "zero"}).fit(pictures())
        images = torch.from_numpy(pictures()[:6].copy()).reshape(-1, 1, 8, 8)
        np.testing.assert_allclose(
            defence.clean(images).flatten(1).numpy(), defence.transform(pictures()[:6]), atol=5e-3
        )

    @pytest.mark.parametrize("preset", ["defense-gan", "inc", "cowboy"])
    def test_the_others_are_settings(self, preset):
        defence = MimicDefense(smooth_generator(), **{**from_paper(preset), **PROJECTION}).fit(pictures())
        assert defence.transform(pictures()[:6]).shape == (6, 64)

    def test_restarts_lower_the_loss_of_each_row(self):
        rows, errors = pictures()[:12], {}
        for n_init in (1, 4):
            parameters = {**from_paper("defense-gan"), **PROJECTION, "T": 10, "n_init": n_init}
            images = MimicDefense(smooth_generator(), **parameters).fit(pictures()).transform(rows)
            errors[n_init] = np.square(images - rows).sum(1)
        assert (errors[4] <= errors[1] + 1e-5).all()
        assert errors[4].mean() < errors[1].mean()

    def test_adapt_holds_the_surrogate(self):
        defence = MimicDefense(smooth_generator(), surrogate="offset", **PROJECTION).fit(pictures())
        defence.adapt(pictures()[:10] * 0.9)
        whole = defence.transform(pictures()[:8])
        np.testing.assert_array_equal(defence.transform(pictures()[3:4]), whole[3:4])
        assert defence.surrogate_.family == "offset"


class TestRefusals:
    def test_rows_outside_the_range(self):
        rows = digits()[:9].copy()
        rows[4, 7] = 2.3
        with pytest.raises(DataRangeError, match="row 4"):
            linear().transform(rows)

    def test_unseen_pixels(self):
        rows = digits()[:9].copy()
        rows[4, 7] = np.nan
        with pytest.raises(ValueError, match="whole images"):
            linear().transform(rows)

    def test_what_fit_alone_reads_is_not_changed_later(self):
        with pytest.raises(ValueError, match="noise was changed"):
            linear().set_params(noise=0.3).transform(digits()[:3])


class TestToolbox:
    @pytest.fixture
    def classifier(self):
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        fitted = LogisticRegression(max_iter=500).fit(digits()[:800], digit_labels()[:800])
        network[1].load_state_dict(
            {"weight": torch.tensor(fitted.coef_).float(), "bias": torch.tensor(fitted.intercept_).float()}
        )
        return network

    def attacked(self, name, network, defence, gradient):
        evasion = pytest.importorskip("art.attacks.evasion")
        from art.estimators.classification import PyTorchClassifier

        model = PyTorchClassifier(
            network,
            nn.CrossEntropyLoss(),
            (1, 8, 8),
            10,
            clip_values=RANGE,
            preprocessing_defences=[defence.to_art(gradient, group_size=20)],
            device_type="cpu",
        )
        attacks = {
            "FGSM": lambda: evasion.FastGradientMethod(model, eps=0.4, batch_size=20),
            "PGD": lambda: evasion.ProjectedGradientDescent(
                model, eps=0.4, eps_step=0.1, max_iter=5, batch_size=20, verbose=False
            ),
            "DeepFool": lambda: evasion.DeepFool(model, max_iter=5, batch_size=20, verbose=False),
            "CW": lambda: evasion.CarliniL2Method(
                model, max_iter=5, binary_search_steps=2, batch_size=20, verbose=False
            ),
        }
        images = digits()[800:820].astype(np.float32).reshape(-1, 1, 8, 8)
        found = attacks[name]().generate(images)
        return images, found, model

    @pytest.mark.parametrize("gradient", ["exact", "bpda"])
    @pytest.mark.parametrize("name", ["FGSM", "PGD", "DeepFool", "CW"])
    def test_attacks_of_the_toolbox_run_through_it(self, classifier, name, gradient):
        images, found, model = self.attacked(name, classifier, linear(), gradient)
        labels = digit_labels()[800:820]
        before, after = ((model.predict(each, batch_size=20).argmax(1) == labels).mean() for each in (images, found))
        assert np.isfinite(found).all()
        assert found.min() >= -1
        assert found.max() <= 1
        assert after < before or name == "CW"
