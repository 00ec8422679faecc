"""MimicAnomalyDetector by normal images: calibration, streams, maps, and what does not matter."""

import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from joblib import parallel_config
from scipy.stats import false_discovery_control, spearmanr
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors
from sklearn.utils._param_validation import InvalidParameterError

from skmimic import VAE, MimicAnomalyDetector
from skmimic.corruptions import Rotation
from skmimic.exceptions import DetectionError, GeneratorMismatchError, SkmimicWarning
from skmimic.surrogates import KnownCorruption
from tests.detection.helpers import strokes
from tests.helpers import corrupt, pictures, smooth_generator

FAST = {"n_candidates": 3, "random_state": 0}
SCORES = ("auto", "edges", "neighbors", "patches")


def drawn(n, seed=0, side=12, n_channels=1):
    """Bars as bytes (n, side, side), or (n, side, side, n_channels)."""
    images = (strokes(n, side, seed, n_channels) * 255).round().to(torch.uint8).numpy()
    return images[:, 0] if n_channels == 1 else np.moveaxis(images, 1, -1)


def noise(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(n, 12, 12)).astype(np.uint8)


def rotated(X, degrees):
    """Turn bytes (n, h, w)."""
    images = torch.from_numpy(X[:, None]).float() / 127.5 - 1
    return ((Rotation(degrees)(images) + 1) * 127.5).round().to(torch.uint8).numpy()[:, 0]


FLIP = KnownCorruption(lambda images: images.flip(3))
NORMAL, NEW = drawn(100), drawn(40, seed=1)


def fitted(**parameters):
    return MimicAnomalyDetector(**{**FAST, **parameters}).fit(NORMAL)


@pytest.fixture(scope="module", params=SCORES)
def detector(request):
    return fitted(score_by=request.param)


@pytest.fixture(scope="module")
def auto():
    return fitted()


def answers(model, X=NEW):
    return [model.score_samples(X), model.score_maps(X), model.p_maps(X), model.nearest_normals(X)]


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


class TestScores:
    def test_find_noise_and_keep_normals(self, detector):
        assert (detector.predict(noise(20)) == -1).all()
        assert (detector.predict(NEW) == 1).mean() > 0.7
        assert detector.score_samples(NEW).dtype == np.float64

    def test_thresholds_and_p_values_follow_from_them(self, detector):
        scores, known = detector.score_samples(NEW), detector.calibration_scores_
        np.testing.assert_array_equal(detector.decision_function(NEW), scores - detector.offset_)
        np.testing.assert_array_equal(detector.predict(NEW), np.where(scores < detector.offset_, -1, 1))
        expected = (1 + (known <= scores[:, None]).sum(1)) / (len(known) + 1)
        np.testing.assert_allclose(detector.p_values(NEW), expected)
        assert (np.diff(known) >= 0).all()

    def test_nothing_is_learned_in_fit(self, detector):
        assert detector.surrogate_.family == "identity"
        assert not hasattr(detector, "generator_")
        assert len(detector.calibration_scores_) == 40

    @pytest.mark.parametrize("as_fitted", [True, False])
    def test_forms_and_units_do_not_matter(self, auto, as_fitted):
        """Rows, images, channels on either side; bytes or fractions, now or in fit."""
        rows = {"rows": NEW.reshape(40, -1), "first": NEW[:, None], "last": NEW[..., None]}
        scores = auto.score_samples(NEW)
        for X in rows.values():
            np.testing.assert_array_equal(auto.score_samples(X), scores)
        if as_fitted:
            model = fitted().fit((NORMAL / 255).astype(np.float32))
            np.testing.assert_allclose(model.score_samples((NEW / 255).astype(np.float32)), scores, atol=1e-4)

    def test_colours_are_images_too(self):
        X = drawn(60, n_channels=3)
        model = MimicAnomalyDetector(**FAST).fit(X)
        assert model.score_by_ == "auto"
        assert model.score_maps(X[:2]).shape == model.p_maps(X[:2]).shape == (2, 12, 12)
        assert model.nearest_normals(X[:2]).shape == (2, 12, 12, 3)


class TestMaps:
    def test_have_the_form_of_x_and_sum_to_the_edges(self):
        model = fitted(score_by="edges")
        maps = model.score_maps(NEW)
        assert maps.shape == NEW.shape
        assert model.score_maps(NEW.reshape(40, -1)).shape == (40, 144)
        by_sum = np.argsort(maps.sum((1, 2)), kind="stable")
        assert (np.diff(model.score_samples(NEW)[by_sum]) <= 1e-5).all()

    def test_p_values_of_pixels_are_calm_on_normals(self, detector):
        values = detector.p_maps(NEW)
        assert values.shape == NEW.shape
        assert values.min() > 0
        assert values.max() <= 1
        assert (values <= 0.1).mean() < 0.2

    def test_the_nearest_normal_of_a_known_row_is_itself(self):
        model = fitted(score_by="edges", memory_size=None)
        known = model.normals_.memory.images.take(slice(5)).numpy()[:, 0] * 255
        np.testing.assert_allclose(model.nearest_normals(known.astype(np.uint8)), known, atol=1e-3)


class TestWhatDoesNotMatter:
    def test_company_and_order_of_rows(self, detector):
        whole, order = answers(detector), np.random.default_rng(0).permutation(40)
        assert_equal(answers(detector, NEW[order]), [part[order] for part in whole])
        assert_equal(answers(detector, NEW[7:8]), [part[7:8] for part in whole])
        assert_equal(answers(detector, NEW[::-1]), [part[::-1] for part in whole])

    def test_order_and_repetition_of_the_rows_of_fit(self, detector):
        order = np.r_[np.random.default_rng(0).permutation(100), 3, 4]
        assert_equal(answers(clone(detector).fit(NORMAL[order])), answers(detector))

    def test_pickle_clone_and_workers(self, auto, monkeypatch):
        expected = answers(auto)
        again = pickle.loads(pickle.dumps(auto))
        assert_equal(answers(again), expected)
        assert_equal(answers(clone(auto).fit(NORMAL)), expected)
        monkeypatch.setattr("skmimic.estimators._normal_rows.ROWS_TOGETHER", 15)
        with parallel_config("threading"):
            np.testing.assert_array_equal(again.set_params(n_jobs=2).score_samples(NEW), expected[0])

    def test_inference_mode(self, auto):
        with torch.inference_mode():
            inside = answers(auto)
        assert_equal(inside, answers(auto))


def test_the_part_of_false_alarms_among_new_rows_is_the_contamination():
    """On average over draws of the rows of fit."""
    rates = []
    for draw in range(8):
        model = MimicAnomalyDetector(**FAST, contamination=0.2).fit(drawn(150, seed=10 + draw))
        rates.append((model.predict(drawn(150, seed=100 + draw)) == -1).mean())
    assert np.mean(rates) == pytest.approx(0.2, abs=0.02 + 2 * np.std(rates) / np.sqrt(len(rates)))


def test_false_discoveries_are_controlled():
    """The one line of the documentation: a tenth of what is found may be false, on average over draws."""
    parts = []
    for draw in range(8):
        model = MimicAnomalyDetector(**FAST).fit(drawn(300, seed=10 + draw))
        X = np.r_[drawn(60, seed=100 + draw), noise(20, seed=draw)]
        found = false_discovery_control(model.p_values(X)) <= 0.1
        parts.append(found[:60].sum() / max(found.sum(), 1))
        assert found[60:].all()
    assert np.mean(parts) <= 0.1 + 2 * np.std(parts) / np.sqrt(len(parts))


class TestStreams:
    def test_a_clean_one_changes_nothing(self, auto):
        model = pickle.loads(pickle.dumps(auto)).set_params(surrogate="identity")
        before = answers(model)
        normals, offset, known = model.normals_, model.offset_, model.calibration_scores_
        assert model.adapt(NEW) is model
        assert model.normals_ is normals
        assert model.offset_ == offset
        np.testing.assert_array_equal(model.calibration_scores_, known)
        assert_equal(answers(model), before)

    @pytest.mark.parametrize("adapt_on", ["fit", "transform"])
    def test_a_known_corruption_takes_the_normals_along(self, auto, adapt_on):
        model = fitted(surrogate=FLIP, adapt_on=adapt_on)
        flipped = NEW[:, :, ::-1].copy()
        if adapt_on == "fit":
            model.adapt(flipped)
        np.testing.assert_allclose(model.score_samples(flipped), auto.score_samples(NEW), atol=0.1)
        np.testing.assert_allclose(model.p_values(flipped), auto.p_values(NEW), atol=0.1)
        assert (model.predict(flipped) == auto.predict(NEW)).mean() > 0.9

    def test_a_rotated_one_is_learned(self):
        f, X = Rotation(30.0), pictures(100)
        normal, new, stream = X[:60], X[60:], corrupt(X[60:], f)
        settings = {**FAST, "surrogate": "affine", "T": 4, "T1": 3, "T2": 2, "score_by": "edges"}
        model = MimicAnomalyDetector(smooth_generator(), **settings).fit(normal)
        before, frozen = model.score_samples(new).mean(), model.score_samples(corrupt(new, f)).mean()
        after = model.adapt(stream).score_samples(corrupt(new, f)).mean()
        assert model.surrogate_.describe()["rotation_deg"] == pytest.approx(30, abs=5)
        assert abs(after - before) < 0.5 * abs(frozen - before)

    @pytest.mark.filterwarnings("ignore::skmimic.exceptions.SurrogateFitWarning")  # components make no bars
    def test_the_normals_have_the_last_word_where_the_family_is_open(self):
        """Phase A alone takes a turned stream for one of another family, or for none: its generator makes no bars."""
        stream = rotated(drawn(60, seed=2, side=16), -25.0)
        model = MimicAnomalyDetector(**FAST, T=4, T1=3, T2=2).fit(drawn(200, side=16))
        before = model.score_samples(stream).mean()
        after = model.adapt(stream).score_samples(stream).mean()
        assert model.surrogate_.family.startswith("affine")
        assert model.surrogate_.describe()["rotation_deg"] == pytest.approx(-25, abs=6)
        assert after > before

    @pytest.mark.filterwarnings("ignore::skmimic.exceptions.SurrogateFitWarning")  # components make no bars
    def test_the_order_of_a_stream_does_not_matter(self):
        stream = rotated(drawn(60, seed=2, side=16), -25.0)
        model = MimicAnomalyDetector(**FAST, T=4, T1=3, T2=2).fit(drawn(200, side=16))
        once = model.adapt(stream).surrogate_.digest()
        assert model.adapt(stream[::-1].copy()).surrogate_.digest() == once

    def test_it_is_learned_anew_from_the_normals_of_fit(self):
        model = fitted(surrogate=FLIP).adapt(NEW)
        once = answers(model)
        assert_equal(answers(model.adapt(NEW)), once)

    def test_a_generator_of_normals_is_made_when_it_is_needed(self):
        gan = VAE(latent_dim=2, width=2, max_steps=2, random_state=0)
        X = drawn(60, side=16)
        model = MimicAnomalyDetector(gan, surrogate=FLIP, **FAST).fit(X)
        assert not hasattr(model, "generator_")
        assert model.adapt(X).generator_.image_shape == (1, 16, 16)

    @pytest.mark.parametrize("stopped", ["_estimate", "_compare_with"])
    def test_what_stops_it_leaves_all_as_it_was(self, auto, stopped, monkeypatch):
        model = pickle.loads(pickle.dumps(auto)).set_params(surrogate=FLIP)
        before, scores = vars(model).copy(), answers(model)

        def interrupt(self, *arguments):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(MimicAnomalyDetector, stopped, interrupt)
            with pytest.raises(KeyboardInterrupt):
                model.adapt(NEW)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is value for name, value in before.items())
        assert_equal(answers(model), scores)


class TestFallback:
    """Rows that cannot be compared as images."""

    VECTORS = np.random.default_rng(0).normal(size=(50, 10))
    FEW = (NORMAL[:11], np.repeat(NORMAL[:2], 20, axis=0))

    @pytest.mark.parametrize(
        ("X", "warned"),
        [
            (VECTORS, nullcontext()),
            *((X, pytest.warns(SkmimicWarning, match="distinct images are too few")) for X in FEW),
        ],
    )
    def test_auto_takes_the_residual(self, X, warned):
        with warned:
            model = MimicAnomalyDetector(random_state=0).fit(X)
        assert model.score_by_ == "residual"
        assert model.normals_ is None
        assert np.isfinite(model.score_samples(X)).all()

    @pytest.mark.parametrize("score_by", ["edges", "patches"])
    @pytest.mark.parametrize(("X", "what"), [(VECTORS, "rows of 10 values"), (NORMAL[:11], "11 distinct rows")])
    def test_what_is_asked_for_is_refused(self, score_by, X, what):
        with pytest.raises(DetectionError, match=f"MimicAnomalyDetector: score_by='{score_by}' .* got {what}"):
            MimicAnomalyDetector(score_by=score_by).fit(X)

    def test_twelve_images_are_enough(self):
        with pytest.warns(SkmimicWarning, match="2 held-out rows can set; 0.33 of new normal rows are to be expected"):
            model = MimicAnomalyDetector(**FAST).fit(NORMAL[:12])
        assert model.score_by_ == "auto"
        assert len(model.calibration_scores_) == 2

    @pytest.mark.parametrize("method", ["p_maps", "nearest_normals"])
    def test_there_are_no_normal_images_to_show(self, method):
        model = MimicAnomalyDetector(random_state=0).fit(self.VECTORS)
        with pytest.raises(DetectionError, match=f"{method} compares rows with normal images"):
            getattr(model, method)(self.VECTORS)

    def test_equal_rows_but_for_one_and_constant_ones_have_finite_scores(self):
        X = np.concatenate([np.full((1, 12, 12), value, dtype=np.uint8) for value in range(0, 240, 12)])
        model = MimicAnomalyDetector(**FAST).fit(X)
        assert np.isfinite(model.score_samples(np.concatenate([X, NEW]))).all()


class TestBadInput:
    @pytest.mark.parametrize("score_by", SCORES)
    def test_pixels_that_were_not_seen_are_refused(self, score_by):
        X = pictures(40).copy()
        X[3, 5] = np.nan
        model = MimicAnomalyDetector(smooth_generator(), score_by=score_by, **FAST)
        with pytest.raises(ValueError, match=r"MimicAnomalyDetector: X contains NaN, first in row 3.*residual"):
            model.fit(X)
        with pytest.raises(ValueError, match=r"first in row 3.*residual"):
            model.fit(pictures(40)).predict(X)

    def test_images_of_another_shape_are_refused(self, auto):
        with pytest.raises(GeneratorMismatchError, match=r"fitted on images of shape \(1, 12, 12\)"):
            auto.predict(drawn(3, side=16))

    @pytest.mark.parametrize(
        ("name", "value"),
        [("score_by", "edges"), ("n_candidates", 5), ("n_neighbors", 1), ("reach", 1), ("memory_size", 20)],
    )
    def test_what_fit_alone_reads_must_not_change_after_it(self, auto, name, value):
        model = pickle.loads(pickle.dumps(auto)).set_params(**{name: value})
        with pytest.raises(InvalidParameterError, match=f"{name} was changed"):
            model.predict(NEW)

    def test_other_settings_may(self, auto):
        model = pickle.loads(pickle.dumps(auto)).set_params(n_jobs=1, batch_size=32)
        np.testing.assert_array_equal(model.score_samples(NEW), auto.score_samples(NEW))


VALUES = np.random.default_rng(0).normal(size=(200, 5)) * [1, 1, 1, 0.1, 0.1]


class TestNeighbors:
    """The plain distance to the nearest normal rows, also of rows that are no images."""

    def test_it_is_that_of_scikit_learn(self):
        model = MimicAnomalyDetector(score_by="neighbors", random_state=0).fit(VALUES)
        known = model.normals_.memory.images.take().numpy().reshape(-1, 5)
        low, high = model.data_range_
        X = VALUES[:20] + 0.3
        nearest = NearestNeighbors(n_neighbors=3).fit(known).kneighbors((X - low) / (high - low))[0].mean(1)
        assert spearmanr(-model.score_samples(X), nearest).statistic > 0.999
        sd = model.normals_.standards["raw"].sd  # of the logs
        np.testing.assert_allclose(np.ptp(model.score_samples(X)) * sd, np.ptp(np.log(nearest)), rtol=1e-3)

    def test_what_is_far_is_strange_whatever_a_projection_makes_of_it(self):
        """Between two clusters nothing is normal, but on the line through them the residual is small."""
        shift = np.array([9, 0, 0, 0, 0])
        X = np.concatenate([VALUES - shift, VALUES + shift])
        middle = VALUES[:40] * 0.5
        model = MimicAnomalyDetector(score_by="neighbors", contamination=0.05, random_state=0).fit(X)
        assert (model.predict(middle) == -1).mean() > 0.9
        assert (model.predict(X) == -1).mean() < 0.1

    def test_maps_sum_to_the_mean_squared_distance(self):
        model = MimicAnomalyDetector(score_by="neighbors", random_state=0).fit(VALUES)
        maps = model.score_maps(VALUES[:7] + 0.5)
        assert maps.shape == (7, 5)
        order = np.argsort(maps.sum(1))
        assert spearmanr(maps.sum(1)[order], -model.score_samples(VALUES[:7] + 0.5)[order]).statistic > 0.8

    def test_a_normal_row_is_its_own_nearest(self):
        model = MimicAnomalyDetector(score_by="neighbors", random_state=0).fit(VALUES)
        known = model.nearest_normals(VALUES)
        assert (np.abs(known - VALUES).max(1) < 1e-5).mean() > 0.7  # all but those that were held out
