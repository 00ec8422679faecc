"""NaN in X is a pixel that was not seen: it counts nowhere, is filled in, and is refused where images must be whole."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils import get_tags

from skmimic import (
    DCGAN,
    VAE,
    BiGAN,
    BiGANProjector,
    EncoderProjector,
    KnownCorruptionProjector,
    MimicAnomalyDetector,
    MimicDomainAligner,
    MimicGANProjector,
    PerceptualProjector,
    PGDProjector,
    load_gan,
)
from skmimic.corruptions import Rotation
from skmimic.datasets import load_mnist_sample
from skmimic.estimators._data import distinct_rows
from skmimic.surrogates import Mask
from tests.helpers import assert_same, digits, pca_generator, pictures, small, smooth_generator


def holed(rows=None, n_holed=8, seed=0, size=3, side=8):
    """Rows of which some have lost a square block."""
    rows = np.array(pictures(24) if rows is None else rows)
    random = np.random.default_rng(seed)
    for image in rows.reshape(len(rows), side, side)[:n_holed]:
        top, left = random.integers(0, side - size + 1, 2)
        image[top : top + size, left : left + size] = np.nan
    return rows


def average(images):
    return torch.nn.functional.avg_pool2d(images, 2)


CASES = {
    "projector": lambda: small(MimicGANProjector),
    "affine and mask": lambda: small(MimicGANProjector, surrogate="affine+mask"),
    "auto": lambda: small(MimicGANProjector, surrogate="auto"),
    "pixels that may be lost": lambda: small(MimicGANProjector, surrogate="missing"),
    "Algorithm 1": lambda: small(MimicGANProjector, solver="alternating", surrogate="affine"),
    "two corruptions": lambda: small(MimicGANProjector, n_surrogates=2),
    "first order": lambda: small(MimicGANProjector, optimizer="adam"),
    "aligner": lambda: small(MimicDomainAligner, adapt_on="fit"),
    "pgd": lambda: small(PGDProjector),
    "pgd by L2": lambda: small(PGDProjector, loss="l2", start="mean"),
    "known corruption": lambda: small(KnownCorruptionProjector, f=torch.neg),
    "perceptual": lambda: small(PerceptualProjector, features=average),
    "perceptual by the discriminator": lambda: PerceptualProjector(
        load_gan("mnist16"), features="discriminator", T=1, T2=3, batch_size=8, random_state=0
    ),
    "encoder": lambda: EncoderProjector(smooth_generator(), n_steps=4, T2=2, batch_size=16, random_state=0),
    "principal components": lambda: PGDProjector(pca_generator()),
    "encoder of principal components": lambda: BiGANProjector(pca_generator()),
}


@pytest.mark.filterwarnings("ignore::skmimic.exceptions.SurrogateFitWarning")
@pytest.mark.parametrize("name", CASES)
class TestEveryProjector:
    def rows(self, name):
        if "discriminator" in name:
            rows = load_mnist_sample(size=16).images[:12].reshape(12, -1).astype(np.float32) / 127.5 - 1
            return rows, holed(rows, size=5, side=16, n_holed=4)
        return pictures(24), holed()

    def test_gives_whole_images_and_keeps_the_law_of_company(self, name):
        whole, X = self.rows(name)
        model = CASES[name]().fit(X)
        found = model.transform(X)
        assert np.isfinite(found).all()
        n_holed = int(np.isnan(X).any(axis=1).sum())
        mixed = np.concatenate([X[: n_holed // 2], whole[n_holed // 2 :]])
        there = [*range(n_holed // 2), *range(n_holed, len(X))]  # the rows that are the same, among other neighbours
        assert_same(model.transform(mixed)[there], found[there])
        assert_same(model.transform(X[1:2]), found[1:2])

    def test_whole_rows_are_answered_as_if_there_were_no_nan(self, name):
        whole, _ = self.rows(name)
        model = CASES[name]().fit(whole)
        with np.errstate(all="raise"):
            expected = model.transform(whole)
        X = whole.copy()
        X[0, 10:20] = np.nan
        assert_same(model.transform(X)[1:], expected[1:])


def test_every_nan_is_the_same_nan():
    X, other = holed(), holed()
    other.view(np.uint32)[np.isnan(other)] = 0xFFC12345  # negative, with a payload
    assert np.isnan(other).sum() == np.isnan(X).sum()
    models = [small(MimicGANProjector, surrogate="affine").fit(rows) for rows in (X, other)]
    assert_same(models[0].transform(X), models[1].transform(other))
    assert len(distinct_rows(np.concatenate([X, other, X.astype(np.float64)]), 99)) == len(distinct_rows(X, 99))


LINEAR = (PGDProjector, MimicGANProjector, MimicDomainAligner, BiGANProjector, EncoderProjector)
SEEN = {
    **{f"{n} pixels": lambda random, n=n: random.permutation(64) < n for n in (1, 5, 20, 30, 34, 50)},
    "left half": lambda random: np.arange(64) % 8 < 4,
    "one line": lambda random: np.arange(64) // 8 == random.integers(8),
    "a block lost": lambda random: ~np.isin(np.arange(64), np.add.outer([18, 26, 34], [0, 1, 2]) + random.integers(3)),
}


def with_unseen(rows, seen):
    random = np.random.default_rng(0)
    return np.where([seen(random) for _ in rows], rows, np.nan)


@pytest.fixture(scope="module")
def components():
    """As many as half the pixels: least squares over fewer would have no measure."""
    return PCA(30, random_state=0).fit(digits()[200:])


def linear_projector(cls, components):
    given = {"surrogate": "identity"} if cls in (MimicGANProjector, MimicDomainAligner) else {}
    return cls(components, **given).fit(digits()[:60])


@pytest.mark.parametrize("name", SEEN)
def test_principal_components_are_never_worse_than_the_mean_image(components, name):
    rows = digits()[:60]
    model = linear_projector(PGDProjector, components)
    whole, found = (model.transform(X) for X in (rows, with_unseen(rows, SEEN[name])))
    errors = np.linalg.norm(found - rows, axis=1)
    of_mean = np.linalg.norm(components.mean_ - rows, axis=1)
    assert errors.mean() < 1.02 * of_mean.mean()
    assert (errors < 2 * of_mean).all()
    assert np.abs(found).max() < 2 * np.abs(whole).max()


def test_the_more_is_seen_the_nearer_principal_components_come(components):
    rows = digits()[:60]
    model = linear_projector(PGDProjector, components)

    def error(n_seen):
        found = model.transform(with_unseen(rows, lambda random: random.permutation(64) < n_seen))
        return np.linalg.norm(found - rows, axis=1).mean()

    errors = [error(n) for n in (1, 5, 15, 30, 40, 50, 60, 63, 64)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-2] < 1.1 * errors[-1]


@pytest.mark.parametrize("cls", LINEAR)
def test_whole_rows_get_the_least_squares_of_principal_components(components, cls):
    model, X = linear_projector(cls, components), digits()[:20].copy()
    X[:15] = with_unseen(X[:15], SEEN["30 pixels"])
    found, (maps, mean) = model.transform(X), model.generator_.linear_map()
    z = np.linalg.lstsq(maps.T, (X[15:] - mean).T, rcond=None)[0]
    np.testing.assert_allclose(found[15:], z.T @ maps + mean, atol=1e-8)
    assert_same(found, linear_projector(PGDProjector, components).transform(X))


def test_a_block_of_its_own_lost_in_every_row_is_projected_as_if_its_place_were_known():
    gan, truth = load_gan("mnist16"), load_mnist_sample(size=16).images[7::50][:8].reshape(8, -1) / 127.5 - 1
    X = holed(truth, n_holed=8, seed=5, size=6, side=16)
    settings = {"T": 4, "batch_size": 8, "random_state": 0}

    def known(index):
        mask = torch.from_numpy(~np.isnan(X[index])).view(1, 1, 16, 16)
        model = KnownCorruptionProjector(gan, f=lambda x: (x + 1) * mask - 1, **settings)
        row = np.nan_to_num(X[index : index + 1], nan=-1.0)
        return model.fit(row).transform(row)[0]

    def error(found):
        return np.linalg.norm(found - truth, axis=1).mean()

    best = error(np.array([known(index) for index in range(8)]))
    black = error(PGDProjector(gan, **settings).fit_transform(np.nan_to_num(X, nan=-1.0)))
    found = error(MimicGANProjector(gan, surrogate="identity", **settings).fit_transform(X))
    assert found < 1.05 * best
    assert found < 0.7 * black


def test_a_pose_is_found_as_well_as_without_holes():
    turned = Rotation(25.0)(torch.tensor(pictures(40)).view(-1, 1, 8, 8)).numpy().reshape(40, -1)
    models = [
        MimicGANProjector(smooth_generator(), T=5, random_state=0).fit(X) for X in (turned, holed(turned, n_holed=40))
    ]
    whole, found = (model.surrogate_.describe() for model in models)
    assert "affine" in found["family"]
    assert found["rotation_deg"] == pytest.approx(whole["rotation_deg"], abs=3)
    assert models[1].identifiable_ == models[0].identifiable_


def test_nothing_is_learned_as_a_mask_where_no_row_has_seen():
    X = pictures(30).reshape(30, 8, 8).copy()
    X[:, 2:5, 3:6] = np.nan
    learned = small(MimicGANProjector, surrogate="mask").fit(X).surrogate_.to_torch().part(Mask)
    hole = torch.from_numpy(np.isnan(X[:1]))
    assert (learned.weight[hole] == 1).all()
    assert (learned.weight[~hole] != 1).any()
    chosen = small(MimicGANProjector, surrogate="auto").fit(X).surrogate_
    assert chosen.family == "identity"


def test_samples_are_drawn_given_what_was_seen():
    X = holed(n_holed=24, size=4)
    for gan in (smooth_generator(), pca_generator()):
        result = MimicGANProjector(gan, surrogate="identity", T=4, T2=8, random_state=0).project(X, n_samples=6)
        assert np.isfinite(result.samples).all()
        assert np.isfinite(result.losses).all()
        hole = np.isnan(X).reshape(result.spread.shape)
        assert result.spread[hole].mean() > result.spread[~hole].mean()


def test_losses_and_scores_are_sums_over_the_seen_pixels():
    X = holed(digits()[:10].astype(np.float64), n_holed=5)
    model = PGDProjector(pca_generator(), loss="l1").fit(X)
    np.testing.assert_allclose(-model.score_samples(X), np.nansum(np.abs(X - model.transform(X)), axis=1), rtol=1e-6)
    result = model.project(X)
    np.testing.assert_allclose(result.losses, -model.score_samples(X))
    assert np.isfinite(result.mimicked).all()


class TestDetector:
    def test_charges_the_mean_error_for_a_pixel_that_was_not_seen(self):
        X = holed(digits()[:60], n_holed=20)
        detector = MimicAnomalyDetector(pca_generator(), score_by="residual", surrogate="identity").fit(X)
        maps, scores = detector.score_maps(X), detector.score_samples(X)
        np.testing.assert_array_equal(np.isnan(maps), np.isnan(X))
        np.testing.assert_allclose(-scores, 64 * np.nanmean(maps, axis=1))
        assert set(detector.predict(X)) <= {-1, 1}
        assert ((detector.p_values(X) > 0) & (detector.p_values(X) <= 1)).all()

    def test_whole_rows_keep_their_scores(self):
        detector = MimicAnomalyDetector(pca_generator(), score_by="residual", surrogate="identity").fit(digits()[:60])
        X = holed(digits()[60:80], n_holed=5)
        assert_same(detector.score_samples(X)[5:], detector.score_samples(digits()[60:80])[5:])

    @pytest.mark.filterwarnings("ignore::skmimic.exceptions.DataRangeWarning")  # the stain is brighter than white
    def test_a_hole_hides_an_anomaly_but_makes_none(self):
        detector = MimicAnomalyDetector(
            pca_generator(), score_by="residual", surrogate="identity", contamination=0.05
        ).fit(digits()[:300])
        stained = digits()[300:340].copy()
        stained.reshape(-1, 8, 8)[:, 2:5, 2:5] = 6.0
        assert (detector.predict(stained) == -1).all()
        stained.reshape(-1, 8, 8)[:, 2:5, 2:5] = np.nan
        assert (detector.predict(stained) == -1).mean() < 0.3


class TestForms:
    def test_every_form_of_x_is_read(self):
        X = holed().astype(np.float64)
        model = small(PGDProjector).fit(X)
        expected, mask = model.transform(X), np.isnan(X)
        forms = {
            "pandas": pd.DataFrame(X).rename(columns=str),
            "nullable pandas": pd.DataFrame(X).rename(columns=str).astype("Float64"),
            "polars": pl.DataFrame({str(i): column for i, column in enumerate(X.T)}, nan_to_null=True),
            "float32": X.astype(np.float32),
            "images": X.reshape(-1, 8, 8),
            "images with channels": X.reshape(-1, 1, 8, 8),
            "a tensor": torch.from_numpy(X),
            "a masked array": np.ma.masked_array(np.where(mask, 99.0, X), mask),
            "masked images": np.ma.masked_array(np.where(mask, -np.inf, X), mask).reshape(-1, 8, 8),
            "a masked array without a mask": np.ma.masked_array(X),
        }
        for name, form in forms.items():
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "X has feature names")
                found = np.asarray(model.transform(form))
            np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5, err_msg=name)

    def test_masked_bytes_are_read_as_bytes(self):
        images = load_mnist_sample(size=16).images[:6]
        masked = np.ma.masked_array(images, np.zeros_like(images, dtype=bool))
        masked[:, 5:9, 5:9] = np.ma.masked
        model = PGDProjector(load_gan("mnist16"), T=1, T2=3, data_range=(0, 255), random_state=0)
        floats = np.where(masked.mask, np.nan, images).astype(np.float32)
        assert_same(model.fit(masked).transform(masked), model.fit(floats).transform(floats))


class TestRefusals:
    @pytest.mark.parametrize("cls", [DCGAN, VAE, BiGAN])
    def test_training_names_itself_and_the_row(self, cls):
        X = pictures().copy()
        X[7, 3] = np.nan
        with pytest.raises(ValueError, match=rf"^{cls.__name__}: X contains NaN, first in row 7\. .*trained on whole"):
            cls(max_steps=1).fit(X)
        with pytest.raises(ValueError, match=rf"^{cls.__name__}: X contains NaN"):
            cls(max_steps=1).fit(np.ma.masked_less(pictures(), -0.9))
        with pytest.raises(ValueError, match=rf"^PGDProjector: X contains NaN.*gan={cls.__name__}"):
            PGDProjector(cls(max_steps=1)).fit(X)

    @pytest.mark.parametrize("cls", [MimicGANProjector, MimicAnomalyDetector, MimicDomainAligner, PGDProjector])
    def test_a_generator_that_is_made_of_x_needs_whole_images(self, cls):
        X = holed()
        cure = r"score_by=\"residual\" and a fitted" if cls is MimicAnomalyDetector else r"PCA\(\)\.fit"
        for gan in (None, PCA(3)):
            with pytest.raises(ValueError, match=rf"^{cls.__name__}: X contains NaN, first in row 0.*{cure}"):
                cls(gan).fit(X)
        model = cls().fit(pictures())
        for method in {"transform", "score_samples"} & set(dir(model)):
            with pytest.raises(ValueError, match=rf"^{cls.__name__}: X contains NaN"):
                getattr(model, method)(X)
        assert not get_tags(cls()).input_tags.allow_nan
        assert get_tags(cls(pca_generator())).input_tags.allow_nan

    @pytest.mark.parametrize("cls", [MimicGANProjector, MimicAnomalyDetector, MimicDomainAligner, PGDProjector])
    def test_a_row_without_any_seen_pixel_is_named(self, cls):
        X = holed()
        X[[5, 11]] = np.nan
        with pytest.raises(ValueError, match=rf"^{cls.__name__}: 2 of 24 rows of X have no pixel.*first is row 5\."):
            small(cls).fit(X)

    def test_nothing_seen_at_all_is_not_taken_for_a_value(self):
        model = small(PGDProjector).fit(holed())
        for n in (1, 3):
            for call in (clone(model).fit, model.transform, model.score_samples):
                with pytest.raises(ValueError, match=rf"{n} of {n} rows of X have no pixel.*first is row 0\."):
                    call(np.full((n, 64), np.nan))

    def test_infinity_stays_refused_beside_nan(self):
        X = holed()
        X[9, 4] = np.inf
        with pytest.raises(ValueError, match="contains infinity"):
            small(PGDProjector).fit(X)

    def test_clean_images_and_latents_are_whole(self):
        model = small(MimicGANProjector).fit(holed())
        with pytest.raises(ValueError, match=r"MimicGANProjector: X contains NaN.*clean images, which are whole"):
            model.inverse_transform(holed())
        with pytest.raises(ValueError, match="latents contain NaN"):
            model.decode(np.full((2, 4), np.nan))
        assert np.isfinite(model.inverse_transform(model.transform(holed()))).all()

    def test_labelled_source_rows_are_whole(self):
        y = np.arange(24) % 2
        with pytest.raises(ValueError, match=r"MimicDomainAligner: X contains NaN.*class_prior=None"):
            small(MimicDomainAligner, class_prior="source").fit(holed(), y)


def test_the_aligner_hands_source_rows_on_as_they_are_and_aligns_targets_with_holes():
    aligner = small(MimicDomainAligner, surrogate="identity").fit(holed())
    np.testing.assert_array_equal(aligner.fit_transform(holed()), holed())
    assert np.isfinite(aligner.transform(holed())).all()
    guided = small(MimicDomainAligner, surrogate="identity", class_prior="source").fit(pictures(40), np.arange(40) % 2)
    assert np.isfinite(guided.adapt(holed(pictures(40))).transform(holed())).all()
