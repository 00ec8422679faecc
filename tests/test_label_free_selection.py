"""Choosing on the target without its labels: by the aligner's own score, by skada's scorers of a pipeline with it."""

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skmimic import MimicDomainAligner, PGDProjector
from skmimic.corruptions import Rotation
from tests.helpers import corrupt, digit_labels, digits, pca_generator

SPLIT = [(np.arange(160), np.arange(160, 200))]  # learn on the source, be judged on the target
KINDS = ["identity", "photometric", "affine"]  # only the last one can express the rotation


@pytest.fixture(scope="module")
def skada():
    """Import it without its side effect on scikit-learn's configuration, which the other tests read."""
    with sklearn.config_context():
        return pytest.importorskip("skada")


@pytest.fixture(scope="module")
def rows():
    """Digits as a linear generator shows them; the last 40 are turned."""
    clean = PGDProjector(pca_generator()).fit_transform(digits()[:200])
    return np.r_[clean[:160], corrupt(clean[160:], Rotation(35.0))]


def aligner():
    return MimicDomainAligner(pca_generator(), T=2, random_state=0)


def classifier():
    return LogisticRegression(max_iter=2000)


def search(model, grid, **parameters):
    return GridSearchCV(model, grid, cv=SPLIT, refit=False, error_score="raise", **parameters)


@pytest.fixture(scope="module")
def labelled(rows):
    """Accuracy on the target, which needs its labels."""
    pipe = Pipeline([("align", aligner()), ("read", classifier())])
    found = search(pipe, {"align__surrogate": KINDS}).fit(rows, digit_labels()[:200])
    return found.cv_results_["mean_test_score"]


def masked():
    """No label of the target."""
    return np.r_[digit_labels()[:160], np.full(40, -1)]


def test_there_is_something_to_choose(labelled):
    assert labelled[2] > labelled[:2].max() + 0.2


def test_the_score_of_the_aligner_chooses_what_the_labels_choose(rows, labelled):
    found = search(aligner(), {"surrogate": KINDS}).fit(rows)
    assert found.best_index_ == np.argmax(labelled)
    assert found.cv_results_["mean_test_score"][2] > 0.5 * found.cv_results_["mean_test_score"][0]


def test_the_score_is_minus_the_residual_of_the_target_rows(rows):
    model = aligner().set_params(surrogate="affine").fit(rows[:160])
    found = search(aligner(), {"surrogate": ["affine"]}).fit(rows).cv_results_["mean_test_score"]
    assert found == pytest.approx(model.score(rows[160:]))
    assert found == pytest.approx(-model.project(rows[160:]).losses.mean())


@pytest.mark.parametrize("name", ["PredictionEntropyScorer", "MaNoScorer"])
def test_scorers_of_skada_rank_a_pipeline_with_the_aligner(skada, rows, labelled, name):
    sample_domain = np.repeat([1, -2], [160, 40])
    pipe = skada.make_da_pipeline(aligner(), classifier())
    grid = {"mimicdomainaligner__surrogate": KINDS}
    with sklearn.config_context(enable_metadata_routing=True):
        found = search(pipe, grid, scoring=getattr(skada.metrics, name)())
        found.fit(rows, masked(), sample_domain=sample_domain)
    assert found.best_index_ == np.argmax(labelled)


def test_a_scorer_of_skada_sees_the_aligned_rows(skada, rows):
    """Its value is that of the classifier on what the aligner, used directly, gives."""
    sample_domain = np.repeat([1, -2], [160, 40])
    model, reader = aligner().set_params(surrogate="affine"), classifier().fit(rows[:160], digit_labels()[:160])
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = skada.make_da_pipeline(model, classifier()).fit(rows, masked(), sample_domain=sample_domain)
        scorer = skada.metrics.PredictionEntropyScorer()
        found = scorer(pipe, rows[160:], masked()[160:], sample_domain=sample_domain[160:])
    clean = model.fit(rows[:160], X_target=rows[160:]).transform(rows[160:])
    probabilities = reader.predict_proba(clean)
    assert found == pytest.approx(np.mean(probabilities * np.log(probabilities)))
