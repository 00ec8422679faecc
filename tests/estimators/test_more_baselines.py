"""ResNet + PGD, iGAN and BiGAN: the paper's other baselines on the same engine."""

import io
import pickle
from functools import cache

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from torch import nn

from skmimic import (
    DCGAN,
    BiGAN,
    BiGANProjector,
    EncoderProjector,
    Generator,
    PerceptualProjector,
    PGDProjector,
    from_paper,
)
from skmimic.exceptions import GeneratorMismatchError, NotFiniteError
from skmimic.generators import DiscriminatorFeatures
from skmimic.generators.architectures import build
from skmimic.losses import l1
from tests.helpers import (
    Encoder,
    SmoothDecoder,
    assert_near,
    assert_same,
    digits,
    pca_generator,
    pictures,
    smooth_generator,
)

CLASSES = (PerceptualProjector, EncoderProjector, BiGANProjector)
GRADIENTS = {PerceptualProjector: {}, EncoderProjector: {"T2": 4}, BiGANProjector: {"T2": 4}}
FEW = {PerceptualProjector: {"T": 2, "T2": 4, "feature_weight": 0.5}, EncoderProjector: {"n_steps": 8, "lr": 1e-3}}
IDS = {"ids": lambda cls: cls.__name__}


class Judge(nn.Module):
    """A discriminator with hidden maps."""

    def __init__(self, seed=0):
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.hidden, self.last = nn.Conv2d(1, 3, 3), nn.Linear(108, 1)
        for values in self.parameters():
            nn.init.normal_(values, std=0.3, generator=random)

    def forward(self, images):
        return self.last(torch.tanh(self.hidden(images)).flatten(1))


@cache
def gan():
    """Pictures with everything that the three may want."""
    return Generator(SmoothDecoder(), discriminator=Judge(), encoder=Encoder(), name="all")


def small(cls, generator=None, **parameters):
    return cls(generator or gan(), **{**FEW.get(cls, {}), "random_state": 0, "batch_size": 16, **parameters})


def middle(images):
    """Features of the user's own, importable so that they can be pickled."""
    return images[:, :, 2:6, 2:6]


# What all projectors promise.


@pytest.mark.parametrize("cls", CLASSES, **IDS)
class TestEveryOne:
    def test_rows_keep_their_bits_in_any_company(self, cls):
        model = small(cls, **GRADIENTS[cls]).fit(pictures())
        found = model.transform(pictures())
        order = np.random.default_rng(0).permutation(40)
        np.testing.assert_array_equal(model.transform(pictures()[order]), found[order])
        np.testing.assert_array_equal(model.transform(pictures()[7:8]), found[7:8])
        np.testing.assert_array_equal(model.score_samples(pictures()[:9]), model.score_samples(pictures())[:9])

    def test_order_and_repetition_of_the_rows_of_fit_do_not_matter(self, cls):
        shuffled = pictures()[np.random.default_rng(0).permutation(40)]
        found = [small(cls).fit(X).transform(pictures()) for X in (pictures(), shuffled, np.r_[shuffled, shuffled])]
        np.testing.assert_array_equal(found[1], found[0])
        np.testing.assert_array_equal(found[2], found[0])

    def test_seeds_decide_and_nothing_global_moves(self, cls):
        gan()  # made once in a process, by a seed of torch
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        first, same, _ = (small(cls, random_state=seed).fit_transform(pictures()) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, same)
        assert torch.equal(torch.get_rng_state(), before[0])
        np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002

    @pytest.mark.parametrize("backend", ["loky", "threading"])
    def test_workers_give_the_bits_of_one(self, cls, backend):
        more = GRADIENTS[cls]
        alone = small(cls, batch_size=8, **more).fit(pictures()).transform(pictures())
        with joblib.parallel_config(backend=backend):
            together = small(cls, batch_size=8, n_jobs=2, **more).fit(pictures()).transform(pictures())
        np.testing.assert_array_equal(together, alone)

    def test_clones_and_pickles_share_the_handle(self, cls):
        model = small(cls).fit(pictures())
        before = model.transform(pictures())
        again = pickle.loads(pickle.dumps(model))
        assert again.gan is again.generator_
        np.testing.assert_array_equal(again.transform(pictures()), before)
        twin = clone(model)
        assert twin.gan is model.gan
        np.testing.assert_array_equal(twin.fit(pictures()).transform(pictures()), before)

    def test_joblib_maps_a_model(self, cls, tmp_path):
        model = small(cls).fit(pictures())
        joblib.dump(model, tmp_path / "model.joblib")
        mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
        np.testing.assert_array_equal(mapped.transform(pictures()), model.transform(pictures()))

    def test_skops_stores_a_model_of_a_known_architecture(self, cls):
        skops = pytest.importorskip("skops.io")
        parts = {
            "module": build("dense_generator", {"latent_dim": 2, "image_shape": (1, 8, 8), "width": 4}),
            "discriminator": build("dcgan_discriminator", {"image_shape": (1, 8, 8), "width": 2}),
            "encoder": build("dcgan_encoder", {"latent_dim": 2, "image_shape": (1, 8, 8), "width": 2}),
        }
        model = small(cls, Generator(**parts)).fit(pictures())
        content = skops.dumps(model)
        again = skops.loads(content, trusted=skops.get_untrusted_types(data=content))
        np.testing.assert_array_equal(again.transform(pictures()), model.transform(pictures()))

    def test_answers_in_every_mode_are_the_same(self, cls):
        expected = small(cls, **GRADIENTS[cls]).fit(pictures()).transform(pictures())
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                found = small(cls, **GRADIENTS[cls]).fit(pictures()).transform(pictures())
            np.testing.assert_array_equal(found, expected)

    def test_project_on_the_spot_is_fit_and_transform(self, cls):
        result = small(cls).project(pictures())
        fitted = small(cls).fit(pictures())
        np.testing.assert_array_equal(result.images.reshape(40, -1), fitted.transform(pictures()))
        np.testing.assert_array_equal(result.losses, -fitted.score_samples(pictures()))
        np.testing.assert_array_equal(result.mimicked, result.images)

    def test_learns_no_corruption(self, cls):
        model = small(cls).fit(pictures())
        assert model.surrogate_.describe()["corruption"] == "none"
        assert_same(model.decode(model.encode(pictures())), model.transform(pictures()))

    def test_stochastic_clipping_changes_what_leaves_the_box(self, cls):
        parameters = {"lr_latent": 5.0, **GRADIENTS[cls]}
        clipped, drawn = (
            small(cls, stochastic_clipping=flag, **parameters).fit(pictures()).encode(pictures())
            for flag in (False, True)
        )
        assert np.abs(drawn).max() <= 1
        assert not np.array_equal(clipped, drawn)

    def test_stochastic_clipping_with_lbfgs_is_refused(self, cls):
        with pytest.raises(ValueError, match="which L-BFGS cannot follow"):
            small(cls, stochastic_clipping=True, optimizer="lbfgs").fit(pictures()).encode(pictures())

    def test_linear_generators_are_projected_on_exactly(self, cls):
        pca = PCA(10, random_state=0).fit(digits())
        expected = pca.inverse_transform(pca.transform(digits()))
        np.testing.assert_allclose(cls(pca).fit(digits()).transform(digits()), expected, atol=1e-10)

    def test_images_of_other_sizes_are_refused(self, cls):
        with pytest.raises(GeneratorMismatchError, match="has 49 features"):
            small(cls).fit(np.zeros((5, 49), dtype=np.float32))


# ResNet + PGD.


class TestPerceptual:
    @pytest.mark.parametrize("solver", ["joint", "alternating"])
    def test_weight_zero_is_pgd_to_the_last_bit(self, solver):
        same = {"solver": solver, "T": 2, "T2": 4, "batch_size": 16, "random_state": 0}
        pgd = PGDProjector(gan(), **same).fit(pictures())
        perceptual = PerceptualProjector(gan(), feature_weight=0, **same).fit(pictures())
        for method in ("transform", "encode", "score_samples"):
            np.testing.assert_array_equal(getattr(perceptual, method)(pictures()), getattr(pgd, method)(pictures()))

    @pytest.mark.parametrize("features", [middle, nn.Conv2d(1, 2, 3), "discriminator", "pixels"])
    def test_the_features_come_nearer_than_by_pixels_alone(self, features):
        def distance(weight):
            model = small(PerceptualProjector, features=features, feature_weight=weight, T=4, T2=25).fit(observed)
            images = torch.tensor(model.transform(observed)).reshape(-1, 1, 8, 8)
            extract = model.fidelity_.extract
            rows = torch.tensor(observed).reshape(-1, 1, 8, 8)
            return float((extract(images) - extract(rows)).flatten(1).norm(dim=1).mean())

        observed = pictures()[:, ::-1].copy()
        assert distance(1e3) < 0.999 * distance(0)

    def test_the_score_is_minus_pixel_loss_and_weighted_feature_distance(self):
        model = small(PerceptualProjector, features=middle, feature_weight=0.7, loss="l1").fit(pictures())
        images, rows = (
            torch.tensor(values).reshape(-1, 1, 8, 8) for values in (model.transform(pictures()), pictures())
        )
        expected = l1(images, rows) + 0.7 * (middle(images) - middle(rows)).flatten(1).norm(dim=1)
        np.testing.assert_allclose(-model.score_samples(pictures()), expected.numpy(), rtol=1e-5)

    def test_says_what_it_used(self, monkeypatch):
        monkeypatch.setattr("skmimic.estimators._baselines_perceptual.has_resnet50", lambda: False)
        used = {
            "middle": small(PerceptualProjector, features=middle),
            "Conv2d": small(PerceptualProjector, features=nn.Conv2d(1, 2, 3)),
            "discriminator": small(PerceptualProjector),
            "pixels": PerceptualProjector(pca_generator()),
        }
        assert {name: model.fit(pictures()).features_name_ for name, model in used.items()} == {n: n for n in used}

    def test_auto_takes_a_resnet_that_is_at_hand(self, monkeypatch):
        home = "skmimic.estimators._baselines_perceptual"
        monkeypatch.setattr(f"{home}.has_resnet50", lambda: True)
        monkeypatch.setattr(f"{home}.resnet50_features", lambda: nn.AvgPool2d(2))
        model = small(PerceptualProjector).fit(pictures())
        assert model.features_name_ == "resnet50"
        assert isinstance(model.fidelity_.features.on(torch.device("cpu")), nn.AvgPool2d)

    def test_features_on_a_linear_generator_are_followed_by_descent(self):
        observed = digits()[:20].astype(np.float32)

        def residual(**parameters):
            model = PerceptualProjector(pca_generator(), features=middle, random_state=0, **parameters).fit(observed)
            return model.score(observed)

        assert residual(feature_weight=50.0, T=8) > residual(feature_weight=50.0, T=1, T2=1)
        same = {"feature_weight": 50.0, "features": middle}
        exact = PerceptualProjector(pca_generator(), **{**same, "feature_weight": 0.0}).fit_transform(observed)
        bent = PerceptualProjector(pca_generator(), **same, T=8, random_state=0).fit_transform(observed)
        errors = [
            np.linalg.norm((rows - observed).reshape(-1, 8, 8)[:, 2:6, 2:6], axis=(1, 2)) for rows in (bent, exact)
        ]
        assert errors[0].mean() < errors[1].mean()

    def test_fitted_state_holds_no_tensors_with_values(self):
        model = small(PerceptualProjector, features=nn.Conv2d(1, 2, 3)).fit(pictures())
        found = []

        class Watching(pickle.Pickler):
            def reducer_override(self, value):
                if isinstance(value, torch.Tensor) and not value.is_meta:
                    found.append(value)
                return NotImplemented

        own = {name: value for name, value in vars(model).items() if name not in ("gan", "generator_", "features")}
        Watching(io.BytesIO()).dump(own)
        assert found == []

    def test_a_grid_search_over_the_weight(self):
        search = GridSearchCV(small(PerceptualProjector, features=middle), {"feature_weight": [0.0, 1.0]}, cv=2)
        search.fit(pictures())
        assert search.best_params_ == {"feature_weight": 0.0}  # a score with less in it
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    @pytest.mark.parametrize("features", ["vgg", 3, None])
    def test_features_must_be_known_or_callable(self, features):
        with pytest.raises(ValueError, match="'features' parameter of PerceptualProjector"):
            small(PerceptualProjector, features=features).fit(pictures())

    def test_the_weight_must_not_be_negative(self):
        with pytest.raises(ValueError, match="'feature_weight' parameter of PerceptualProjector"):
            small(PerceptualProjector, feature_weight=-1.0).fit(pictures())

    def test_features_of_the_wrong_shape_are_refused_in_fit(self):
        with pytest.raises(GeneratorMismatchError, match="one row for each of the 4 images"):
            small(PerceptualProjector, features=lambda images: images.mean()).fit(pictures())
        with pytest.raises(GeneratorMismatchError, match=r"do not accept images of shape \(1, 8, 8\)"):
            small(PerceptualProjector, features=nn.Conv2d(3, 2, 3)).fit(pictures())

    def test_says_what_is_missing(self, monkeypatch):
        monkeypatch.setattr("skmimic.estimators._baselines_perceptual.has_resnet50", lambda: False)
        plain = Generator(SmoothDecoder())
        with pytest.raises(GeneratorMismatchError, match="features='auto' found neither"):
            PerceptualProjector(plain).fit(pictures())
        with pytest.raises(GeneratorMismatchError, match="has no discriminator"):
            PerceptualProjector(plain, features="discriminator").fit(pictures())
        with pytest.raises(GeneratorMismatchError, match=r"the discriminator Critic has no torch\.nn\.Linear"):
            PerceptualProjector(smooth_generator(), features="discriminator").fit(pictures())


class TestDiscriminatorFeatures:
    def test_are_what_the_last_layer_sees(self):
        images = torch.tensor(pictures()).reshape(-1, 1, 8, 8)
        judge = Judge()
        expected = torch.tanh(judge.hidden(images)).flatten(1).detach()
        torch.testing.assert_close(DiscriminatorFeatures(gan())(images), expected)

    def test_are_differentiable_and_leave_discriminate_as_it_was(self):
        generator = gan().on("cpu")
        images = torch.tensor(pictures()).reshape(-1, 1, 8, 8).requires_grad_()
        before = generator.discriminate(images)
        generator.features(images).sum().backward()
        assert images.grad.abs().sum() > 0
        assert torch.equal(generator.discriminate(images), before)

    def test_need_a_discriminator(self):
        with pytest.raises(GeneratorMismatchError, match="has no discriminator"):
            Generator(SmoothDecoder()).on("cpu").features(torch.zeros(4, 1, 8, 8))


# iGAN.


class Linear(nn.Module):
    """Linear pictures that the engine does not know to be linear."""

    def __init__(self):
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.latent_dim = 3
        self.register_buffer("components", torch.linalg.qr(torch.randn(64, 3, generator=random))[0].T.contiguous())

    def forward(self, z):
        return (z @ self.components).reshape(-1, 1, 8, 8)


class Inverse(nn.Module):
    """The exact encoder of `Linear`: its pseudo-inverse."""

    def __init__(self):
        super().__init__()
        self.register_buffer("inverse", torch.linalg.pinv(Linear().components))

    def forward(self, images):
        return images.flatten(1) @ self.inverse


@pytest.fixture(scope="module")
def trained():
    return small(EncoderProjector, n_steps=300).fit(pictures())


class TestEncoder:
    def test_learns_what_one_answer_for_all_cannot(self, trained):
        trace = trained.trace_.objectives
        mean = np.broadcast_to(pictures().mean(0), pictures().shape)
        error, of_the_mean = (
            np.linalg.norm(rows - pictures(), axis=1) for rows in (trained.transform(pictures()), mean)
        )
        assert len(trace) == trained.n_iter_ + 1 == 7
        assert min(trace[1:]) < 0.3 * trace[0]
        assert error.mean() < 0.5 * of_the_mean.mean()

    def test_generalises_to_rows_that_it_has_not_seen(self, trained):
        unseen = pictures(80)[40:]
        error = np.linalg.norm(trained.transform(unseen) - unseen, axis=1)
        assert error.mean() < 0.7 * np.linalg.norm(pictures().mean(0) - unseen, axis=1).mean()

    def test_the_trace_ends_at_the_loss_of_the_rows(self, trained):
        assert -trained.score(pictures()) == pytest.approx(min(trained.trace_.objectives), rel=1e-4)

    def test_refinement_goes_on_from_the_encoder(self, trained):
        refined = small(EncoderProjector, n_steps=300, T2=50, lr_latent=2e-2).fit(pictures())
        start = np.linalg.norm(trained.transform(pictures()) - pictures(), axis=1).mean()
        assert np.linalg.norm(refined.transform(pictures()) - pictures(), axis=1).mean() < start
        assert refined.trace_.objectives == trained.trace_.objectives

    def test_adapt_trains_it_on_other_rows(self):
        model = small(EncoderProjector).fit(pictures())
        other = small(EncoderProjector).fit(-pictures())
        np.testing.assert_array_equal(model.adapt(-pictures()).transform(pictures()), other.transform(pictures()))

    @pytest.mark.parametrize("prior", ["normal", (-2.0, 3.0)])
    def test_latents_are_allowed_ones(self, prior):
        generator = Generator(SmoothDecoder(), prior=prior)
        z = torch.tensor(small(EncoderProjector, generator, lr=1.0).fit(pictures()).encode(pictures()))
        torch.testing.assert_close(generator.prior.project(z), z)

    def test_vectors_have_a_dense_encoder(self):
        decoder = nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Unflatten(1, (1, 1, 12)))
        generator = Generator(decoder, latent_dim=2)
        rows = generator.sample(30, random_state=0).reshape(30, -1)
        model = EncoderProjector(generator, n_steps=200, lr=1e-3, random_state=0).fit(rows)
        assert model.trace_.objectives[-1] < 0.3 * model.trace_.objectives[0]

    def test_one_row_is_enough(self):
        assert np.isfinite(small(EncoderProjector).fit(pictures()[:1]).transform(pictures())).all()

    def test_more_rows_than_a_step_takes(self):
        model = small(EncoderProjector, n_steps=60, lr=1e-3).fit(pictures(300))
        assert model.trace_.objectives[-1] < model.trace_.objectives[0]

    def test_a_grid_search_over_the_steps(self):
        search = GridSearchCV(small(EncoderProjector), {"n_steps": [1, 80]}, cv=2).fit(pictures())
        assert search.best_params_ == {"n_steps": 80}

    @pytest.mark.parametrize("parameters", [{"n_steps": 0}, {"lr": 0.0}, {"n_adapt": 1}, {"T2": -1}])
    def test_bad_numbers_are_named(self, parameters):
        (name,) = parameters
        with pytest.raises(ValueError, match=f"'{name}' parameter of EncoderProjector"):
            small(EncoderProjector, **parameters).fit(pictures())

    def test_divergence_is_told(self):
        def explodes(mimicked, observed):
            return l1(mimicked, observed) + torch.tensor(float("nan"))

        with pytest.raises(NotFiniteError, match=r"encoder of the observations, step 0.*lr=0\.001"):
            small(EncoderProjector, loss=explodes).fit(pictures())

    def test_less_memory_means_smaller_steps(self):
        def greedy(mimicked, observed):
            if len(mimicked) > 64:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return l1(mimicked, observed)

        model = small(EncoderProjector, loss=greedy).fit(pictures(100))
        assert np.isfinite(model.transform(pictures())).all()

    def test_an_interruption_keeps_the_best_so_far(self):
        left = [120]

        def stops(mimicked, observed):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return l1(mimicked, observed)

        model = small(EncoderProjector, loss=stops, n_steps=500)
        with pytest.raises(KeyboardInterrupt):
            model.fit(pictures())
        assert model.trace_.status.name == "INTERRUPTED"
        assert -model.score(pictures()) == pytest.approx(min(model.trace_.objectives), rel=1e-4)
        assert min(model.trace_.objectives) < model.trace_.objectives[0]


# BiGAN.


class TestBiGAN:
    def test_is_encoding_and_decoding(self):
        model = small(BiGANProjector).fit(pictures())
        with torch.no_grad():
            z = gan().on("cpu").encode(torch.tensor(pictures()).reshape(-1, 1, 8, 8)).numpy()
        np.testing.assert_allclose(model.encode(pictures()), z, atol=1e-6)
        assert_near(model.transform(pictures()), gan().decode(z).reshape(40, -1))

    def test_an_exact_linear_encoder_is_the_closed_form(self):
        generator = Generator(Linear(), encoder=Inverse(), prior="normal", data_range=(-2, 2))
        rows = np.random.default_rng(0).uniform(-1, 1, (40, 64)).astype(np.float32)
        components = Linear().components.numpy()
        found = BiGANProjector(generator, data_range=(-2, 2)).fit(rows).transform(rows)
        np.testing.assert_allclose(found, rows @ components.T @ components, atol=1e-6)

    def test_refinement_lowers_the_loss(self):
        plain, refined = (small(BiGANProjector, T2=T2).fit(pictures()).score(pictures()) for T2 in (0, 50))
        assert refined > plain

    def test_an_unfitted_bigan_is_trained_in_fit(self):
        images = pictures().reshape(-1, 8, 8)
        bigan = BiGAN(latent_dim=3, width=8, max_steps=3, random_state=0)
        model = BiGANProjector(bigan, batch_size=16).fit(images)
        assert model.generator_.has_encoder
        assert model.transform(images).shape == images.shape
        assert not hasattr(bigan, "generator_")

    def test_a_generator_without_encoder_is_refused(self):
        with pytest.raises(GeneratorMismatchError, match=r"BiGANProjector: Generator\('smooth'.*has no encoder"):
            BiGANProjector(smooth_generator()).fit(pictures())

    def test_a_dcgan_is_refused_before_it_is_trained(self):
        bad = DCGAN(n_epochs=-1)  # training would name this first
        with pytest.raises(GeneratorMismatchError, match=r"BiGANProjector: DCGAN\(n_epochs=-1\) has no encoder"):
            BiGANProjector(bad).fit(pictures())

    def test_a_grid_search_over_the_refinement(self):
        search = GridSearchCV(small(BiGANProjector), {"T2": [0, 25]}, cv=2).fit(pictures())
        assert search.best_params_ == {"T2": 25}


# The paper's settings.


OWN = {"resnet_pgd": PerceptualProjector, "igan": EncoderProjector, "bigan": BiGANProjector}


@pytest.mark.parametrize("experiment", OWN)
def test_presets_are_accepted(experiment):
    cls = OWN[experiment]
    few = {"T": 1, "features": middle} if cls is PerceptualProjector else {}
    few.update({"n_steps": 3} if cls is EncoderProjector else {})
    model = cls(gan(), **{**from_paper(experiment), **few}, random_state=0).fit(pictures())
    assert model.transform(pictures()).shape == pictures().shape


def test_presets_hold_the_numbers_of_the_paper_and_equal_budgets():
    pgd, resnet, igan = (from_paper(name) for name in ("pgd", "resnet_pgd", "igan"))
    assert pgd.items() <= resnet.items()
    assert resnet["feature_weight"] == 1e-3
    assert resnet["lr_latent"] == 5e-3
    assert igan["n_steps"] == pgd["T"] * pgd["T2"]
    assert igan["T2"] == from_paper("bigan")["T2"] == 0
