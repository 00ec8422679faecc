"""MimicAnomalyDetector by the residual: thresholds, p-values, maps; under a shared corruption."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from skmimic import MimicAnomalyDetector
from skmimic.corruptions import Rotation
from skmimic.exceptions import SkmimicWarning
from tests.helpers import corrupt, digits, pictures, small, smooth_generator

N_NORMAL = 120


def normal(seed, n=N_NORMAL):
    """Pictures of the generator with a little noise, float32."""
    rng = np.random.default_rng(seed)
    clean = smooth_generator().sample(n, random_state=seed).reshape(n, -1)
    return (clean + 0.05 * rng.normal(size=clean.shape)).astype(np.float32).clip(-1, 1)


def residual(gan=None, **parameters):
    return MimicAnomalyDetector(gan, score_by="residual", **parameters)


def anomalies(n=30):
    return digits()[:n].astype(np.float32)


@pytest.fixture(scope="module")
def detector():
    return small(MimicAnomalyDetector, surrogate="identity", T=6).fit(normal(0))


@pytest.mark.parametrize("contamination", [0.05, 0.1, 0.3, 0.5])
def test_the_part_of_outliers_among_the_rows_of_fit_is_the_contamination(contamination):
    model = small(MimicAnomalyDetector, surrogate="identity", contamination=contamination).fit(normal(0))
    assert (model.predict(normal(0)) == -1).mean() == pytest.approx(contamination, abs=1.5 / N_NORMAL)
    assert (model.calibration_scores_ == np.sort(model.score_samples(normal(0)))).all()  # nothing was learned


def overfitted(n, seed):
    """Rows that a linear generator learns by heart when they are few, float64."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 64)) / np.sqrt(1 + np.arange(64)) + 0.1 * rng.standard_t(3, size=(n, 64))


@pytest.mark.parametrize(("n", "contamination"), [(60, 0.1), (100, 0.05), (300, 0.2)])
@pytest.mark.parametrize("seen", ["gan=None", "PCA"])
def test_the_part_of_false_alarms_among_new_rows_is_the_contamination(n, contamination, seen):
    """On average over draws of the rows of fit; a threshold read off these rows gives several times as many."""
    rates = []
    for draw in range(40):
        X, new = np.split(overfitted(n + 300, draw), [n])
        model = residual(None if seen == "gan=None" else PCA(20), contamination=contamination).fit(X)
        rates.append((model.predict(new) == -1).mean())
    assert np.mean(rates) == pytest.approx(contamination, abs=0.01 + 2 * np.std(rates) / np.sqrt(len(rates)))


def test_the_lowest_rate_is_that_of_the_lowest_held_out_score():
    """It is 1 / 41 with 40 rows held out, and a lower one that is asked for is not to be had."""
    with pytest.warns(SkmimicWarning, match=r"contamination=0\.001 .* 40 held-out rows .* 0\.024"):
        model = residual(contamination=0.001).fit(overfitted(100, 0))
    assert model.offset_ == model.calibration_scores_[0]
    assert len(model.calibration_scores_) == 40


def test_a_decomposition_keeps_as_many_rows_as_it_has_components():
    assert len(residual(PCA(32)).fit(overfitted(44, 0)).calibration_scores_) == 12


def test_many_rows_for_each_component_calibrate_all():
    """As rows of fit then score like new ones."""
    X = np.random.default_rng(0).normal(size=(500, 4)) @ np.random.default_rng(1).normal(size=(4, 4))
    assert len(residual().fit(X).calibration_scores_) == 500
    assert len(residual().fit(X[:250]).calibration_scores_) == 50


def test_predictions_are_signs_of_scores_above_the_offset(detector):
    X = np.r_[normal(1), anomalies()]
    np.testing.assert_array_equal(detector.decision_function(X), detector.score_samples(X) - detector.offset_)
    np.testing.assert_array_equal(detector.predict(X), np.where(detector.decision_function(X) < 0, -1, 1))
    assert detector.score_samples(X).dtype == np.float64


def test_fit_predict_is_fit_and_predict(detector):
    found = small(MimicAnomalyDetector, surrogate="identity", T=6).fit_predict(normal(0))
    np.testing.assert_array_equal(found, detector.predict(normal(0)))


def test_finds_what_the_generator_cannot_show(detector):
    assert (detector.predict(anomalies()) == -1).mean() > 0.9
    assert (detector.predict(normal(1)) == 1).mean() > 0.75


def test_a_corruption_that_all_share_is_no_anomaly():
    f = Rotation(40.0)
    model = small(MimicAnomalyDetector, surrogate="affine", T=12).fit(corrupt(normal(0), f))
    blind = small(MimicAnomalyDetector, surrogate="identity", T=12).fit(normal(0))
    assert (model.predict(corrupt(normal(1), f)) == 1).mean() > 0.75
    assert (blind.predict(corrupt(normal(1), f)) == 1).mean() < 0.5


@pytest.mark.parametrize("error", ["mimicked", "projection"])
def test_maps_sum_to_the_score(error):
    model = small(MimicAnomalyDetector, error=error).fit(0.6 * pictures())
    maps = model.score_maps(pictures())
    assert (maps >= 0).all()
    np.testing.assert_allclose(maps.sum(1), -model.score_samples(pictures()))


def test_the_two_errors_differ_by_the_corruption():
    by_mimicked, by_projection = (
        small(MimicAnomalyDetector, error=error, T=20).fit(0.3 * pictures()).score_samples(0.3 * pictures())
        for error in ("mimicked", "projection")
    )
    assert by_mimicked.mean() > by_projection.mean()


def test_scores_are_in_units_of_x():
    wide = small(MimicAnomalyDetector, surrogate="identity", data_range=(0.0, 255.0)).fit((pictures() + 1) * 127.5)
    inside = small(MimicAnomalyDetector, surrogate="identity").fit(pictures())
    found = wide.score_samples((pictures() + 1) * 127.5)
    np.testing.assert_allclose(found, 127.5 * inside.score_samples(pictures()), rtol=0.05, atol=5)


class TestPValues:
    def test_of_held_out_normals_are_about_uniform(self, detector):
        """A part alpha of new normals falls below alpha, up to the chance of the calibration rows."""
        values = detector.p_values(np.concatenate([normal(seed) for seed in (1, 2, 3)]))
        for alpha in (0.1, 0.25, 0.5, 0.75):
            slack = 1.6 * np.sqrt(alpha * (1 - alpha) / len(detector.calibration_scores_))
            assert abs((values <= alpha).mean() - alpha) < slack + 0.05

    def test_of_anomalies_are_the_smallest_possible(self, detector):
        smallest = 1 / (len(detector.calibration_scores_) + 1)
        assert np.median(detector.p_values(anomalies())) == pytest.approx(smallest)

    @settings(max_examples=10)
    @given(st.lists(st.integers(0, N_NORMAL - 1), min_size=1, max_size=20))
    def test_follow_the_scores(self, detector, index):
        X = normal(1)[index]
        values, scores = detector.p_values(X), detector.score_samples(X)
        assert ((values > 0) & (values <= 1)).all()
        order = np.argsort(scores, kind="stable")
        assert (np.diff(values[order]) >= 0).all()

    def test_calibration_rows_are_neither_in_phase_a_nor_in_a_generator_made_here(self, monkeypatch):
        seen = []
        adapt = MimicAnomalyDetector._adapt_to
        monkeypatch.setattr(
            MimicAnomalyDetector, "_adapt_to", lambda self, rows, *rest: seen.append(rows) or adapt(self, rows, *rest)
        )
        model = small(MimicAnomalyDetector).fit(normal(0))
        held_out = model.calibration_scores_
        assert len(held_out) == 40
        assert len(seen[0]) == N_NORMAL - len(held_out)
        scores_of_seen = model.score_samples(seen[0])
        assert not np.isin(held_out, scores_of_seen).any()
        assert (np.diff(held_out) >= 0).all()


class TestAdapt:
    def test_the_threshold_stays(self):
        model = small(MimicAnomalyDetector).fit(0.6 * normal(0))
        offset, before = model.offset_, model.score_samples(normal(1))
        assert model.adapt(0.9 * normal(0)) is model
        assert model.offset_ == offset
        assert not np.array_equal(model.score_samples(normal(1)), before)

    def test_at_transform_every_batch_has_a_corruption_of_its_own(self):
        model = small(MimicAnomalyDetector, adapt_on="transform", T=6).fit(normal(0))
        batch = 0.5 * normal(1)
        together, alone = model.score_samples(batch)[:5], model.score_samples(batch[:5])
        assert not np.array_equal(together, alone)
        model.adapt(batch)
        np.testing.assert_array_equal(model.score_samples(batch)[:5], model.score_samples(batch[:5]))


def test_few_rows_calibrate_on_themselves():
    model = MimicAnomalyDetector(score_by="residual", random_state=0).fit(pictures()[:3])
    assert len(model.calibration_scores_) == 3


def test_a_detector_that_was_interrupted_asks_for_fit(monkeypatch):
    def interrupt(self, rows):
        raise KeyboardInterrupt

    model = small(MimicAnomalyDetector)
    with monkeypatch.context() as patch:
        patch.setattr(MimicAnomalyDetector, "_scores", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.fit(pictures())
    assert model.surrogate_.family == "photometric"  # what was learned is kept
    assert np.isfinite(model.score_samples(pictures())).all()
    for method in (model.predict, model.decision_function, model.p_values):
        with pytest.raises(NotFittedError):
            method(pictures())
