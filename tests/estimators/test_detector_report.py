"""One answer holds all that the single methods of a detector say, bit for bit, and learns a corruption once."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skmimic import AnomalyReport, MimicAnomalyDetector
from skmimic.exceptions import DetectionError
from skmimic.surrogates import KnownCorruption
from tests.detection.helpers import strokes
from tests.helpers import assert_same, pictures, small

FLIP = KnownCorruption(lambda images: images.flip(3))
SCORES = ("auto", "edges", "patches", "residual")


def drawn(n, seed=0, n_channels=1):
    """Bars as bytes (n, 12, 12), or (n, 12, 12, n_channels)."""
    images = (strokes(n, 12, seed, n_channels) * 255).round().byte().numpy()
    return images[:, 0] if n_channels == 1 else np.moveaxis(images, 1, -1)


def fitted(n_channels=1, **parameters):
    settings = {"n_candidates": 3, "random_state": 0, "T": 2, "T2": 4, **parameters}
    return MimicAnomalyDetector(**settings).fit(drawn(60, n_channels=n_channels))


NEW = drawn(20, seed=1)


def assert_is_that_of_the_methods(model, X, report):
    scores = model.score_samples(X)
    assert_same(report.scores, scores)
    assert_same(report.p_values, model.p_values(X))
    np.testing.assert_array_equal(report.labels, model.predict(X))
    assert_same(report.scores - report.threshold, model.decision_function(X))
    assert_same(report.maps, model.score_maps(X)[report.shown])
    np.testing.assert_array_equal(report.shown, np.argsort(scores, kind="stable")[: len(report.shown)])


@pytest.mark.parametrize("n_shown", [None, 4, 0, 99])
@pytest.mark.parametrize("score_by", SCORES)
def test_it_is_what_the_methods_say(score_by, n_shown):
    model = fitted(score_by=score_by)
    report = model.report(NEW, n_shown=n_shown)
    assert_is_that_of_the_methods(model, NEW, report)
    assert len(report.shown) == min(20 if n_shown is None else n_shown, 20)
    assert report.maps.shape == (len(report.shown), 12, 12)
    np.testing.assert_array_equal(report.normal_scores, model.calibration_scores_)
    assert report.threshold == model.offset_
    if score_by == "residual":
        assert report.nearest_normals is None
    else:
        np.testing.assert_array_equal(report.nearest_normals, model.nearest_normals(NEW)[report.shown])


@pytest.mark.parametrize("score_by", ["auto", "patches"])
def test_p_maps_come_when_they_are_asked_for(score_by):
    model = fitted(score_by=score_by)
    assert model.report(NEW).p_maps is None
    report = model.report(NEW, n_shown=3, p_maps=True)
    np.testing.assert_array_equal(report.p_maps, model.p_maps(NEW)[report.shown])


@pytest.mark.parametrize("form", ["rows", "colours"])
def test_pictures_have_the_form_of_x(form):
    n_channels = 3 if form == "colours" else 1
    model, X = fitted(n_channels), drawn(5, 1, n_channels)
    X = X.reshape(5, -1) if form == "rows" else X
    report = model.report(X, n_shown=2, p_maps=True)
    assert report.maps.shape == report.p_maps.shape == ((2, 144) if form == "rows" else (2, 12, 12))
    assert report.nearest_normals.shape == (2, *X.shape[1:])
    assert_is_that_of_the_methods(model, X, report)


@pytest.mark.parametrize("score_by", SCORES)
def test_a_corruption_is_learned_once(score_by, monkeypatch):
    """Threshold and held-out scores are those of normal images after it."""
    model = fitted(score_by=score_by, surrogate=FLIP, adapt_on="transform")
    assert_is_that_of_the_methods(model, NEW, model.report(NEW, n_shown=5))
    learned, calls = model._estimate, []
    monkeypatch.setattr(model, "_estimate", lambda *arguments: calls.append(1) or learned(*arguments))
    report = model.report(NEW, n_shown=5)
    assert len(calls) == 1
    if score_by != "residual":
        other = fitted(score_by=score_by, surrogate=FLIP).adapt(NEW)
        np.testing.assert_array_equal(report.normal_scores, other.calibration_scores_)
        assert report.threshold == other.offset_


def test_pixels_that_were_not_seen():
    X = pictures()[:6].copy()
    X[1, 10:14] = np.nan
    model = small(MimicAnomalyDetector).fit(pictures())
    report = model.report(X)
    assert_is_that_of_the_methods(model, X, report)
    assert np.isnan(report.maps).sum() == 4


def test_features_of_a_network():
    """The first layers of a small one, as of torchvision or timm; it halves the side."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, stride=2, padding=1), torch.nn.ReLU()).eval()
    model = fitted(features=layers)
    report = model.report(NEW, n_shown=3)
    np.testing.assert_allclose(report.scores, model.score_samples(NEW), rtol=1e-4)
    np.testing.assert_allclose(report.maps, model.score_maps(NEW)[report.shown], rtol=1e-4, atol=1e-6)
    assert report.maps.shape == report.nearest_normals.shape == (3, 12, 12)
    assert (model.report(255 - NEW).labels == -1).mean() > 0.5


def test_equal_images_stand_in_their_order():
    report = fitted().report(np.repeat(NEW[:1], 5, axis=0))
    np.testing.assert_array_equal(report.shown, range(5))


def test_it_says_what_it_is_on_one_line():
    report = fitted(contamination=0.2).report(np.concatenate([NEW, 255 - NEW]), n_shown=2)
    found, lowest = (report.labels == -1).sum(), report.p_values.min()
    assert repr(report) == (
        f"AnomalyReport(40 images, {found} outliers below {report.threshold:.3g}, lowest p-value {lowest:.2g}, 2 shown)"
    )
    assert isinstance(report, AnomalyReport)
    with pytest.raises(FrozenInstanceError):
        report.scores = None


def test_what_cannot_be_asked_for():
    with pytest.raises(DetectionError, match="p_maps compares rows with normal images"):
        fitted(score_by="residual").report(NEW, p_maps=True)
    with pytest.raises(NotFittedError):
        MimicAnomalyDetector().report(NEW)
    for n_shown in (-1, 1.5, "all"):
        with pytest.raises(ValueError, match="MimicAnomalyDetector: n_shown is how many"):
            fitted().report(NEW, n_shown=n_shown)
