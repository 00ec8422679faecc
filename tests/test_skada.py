"""Together with skada: the aligner as the test-time adapter of a domain adaptation pipeline."""

from copy import deepcopy

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer

from skmimic import MimicDomainAligner, PGDProjector
from skmimic.corruptions import Rotation
from tests.helpers import corrupt, digit_labels, digits, pca_generator

pytestmark = pytest.mark.filterwarnings("ignore::skmimic.exceptions.DataRangeWarning")

SOURCE, TARGET, OTHER = 1, -2, -3  # labels of domains, as skada packs them


@pytest.fixture(scope="module")
def skada():
    """Import it without its side effect on scikit-learn's configuration, which the other tests read."""
    with sklearn.config_context():
        return pytest.importorskip("skada")


@pytest.fixture(autouse=True)
def routing(skada):
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def domains():
    """Digits as a linear generator shows them, others turned to the left and others turned to the right."""
    rows = PGDProjector(pca_generator()).fit_transform(digits()[:240])
    X = np.r_[rows[:160], corrupt(rows[160:200], Rotation(35.0)), corrupt(rows[200:], Rotation(-35.0))]
    return X, digit_labels()[:240].copy(), np.repeat([SOURCE, TARGET, OTHER], [160, 40, 40])


@pytest.fixture
def two(domains):
    """The source and the first target."""
    return tuple(values[:200].copy() for values in domains)


def aligner(**parameters):
    """In one range for all domains; components overshoot it."""
    told = {"data_range": (-1.0, 1.0), "T": 2, "random_state": 0, **parameters}
    return MimicDomainAligner(pca_generator(), surrogate="affine", **told)


def classifier():
    return LogisticRegression(max_iter=2000)


def masked(y, sample_domain):
    """Labels as skada wants them: those of the target are hidden."""
    return np.where(sample_domain < 0, -1, y)


def by_hand(X, y, sample_domain):
    """The aligner and the classifier without skada."""
    source, target = X[sample_domain >= 0], X[sample_domain < 0]
    model = aligner().fit(source, X_target=target)
    return model, classifier().fit(source, y[sample_domain >= 0]), target


def fitted(skada, X, y, sample_domain, **parameters):
    pipe = skada.make_da_pipeline(aligner(**parameters), classifier())
    with sklearn.config_context(enable_metadata_routing=True):
        return pipe.fit(X, masked(y, sample_domain), sample_domain=sample_domain)


@pytest.fixture(scope="module")
def pipe_of_two(skada, domains):
    return fitted(skada, *(values[:200] for values in domains))


@pytest.fixture(scope="module")
def pipe_of_three(skada, domains):
    return fitted(skada, *domains)


@pytest.fixture
def pipe(pipe_of_two):
    """Fitted on the source and the first target; a test may change it."""
    return deepcopy(pipe_of_two)


def adapter(pipe):
    return pipe["mimicdomainaligner"].get_estimator()


class TestPipeline:
    def test_it_predicts_what_the_aligner_used_directly_gives(self, pipe, two):
        X, y, sample_domain = two
        model, reader, target = by_hand(X, y, sample_domain)
        expected = reader.predict_proba(model.transform(target))
        for routed in ({}, {"sample_domain": sample_domain[160:]}):
            np.testing.assert_array_equal(pipe.predict_proba(target, **routed), expected)
        assert adapter(pipe).surrogate_.describe() == model.surrogate_.describe()

    def test_aligning_helps(self, skada, pipe, two):
        X, y, sample_domain = two
        plain = skada.make_da_pipeline(classifier()).fit(X, masked(y, sample_domain), sample_domain=sample_domain)
        scores = [model.score(X[160:], y[160:], sample_domain=sample_domain[160:]) for model in (plain, pipe)]
        assert scores[1] > scores[0] + 0.3

    def test_target_labels_are_not_used(self, skada, pipe, two):
        X, y, sample_domain = two
        wrong = np.where(sample_domain < 0, (y + 1) % 10, y)
        other = skada.make_da_pipeline(aligner(), classifier()).fit(X, wrong, sample_domain=sample_domain)
        found = [model.predict_proba(X[160:], sample_domain=sample_domain[160:]) for model in (pipe, other)]
        np.testing.assert_array_equal(*found)

    def test_source_rows_reach_the_classifier_as_they_are(self, pipe, two):
        X, y, sample_domain = two
        reader = classifier().fit(X[:160], y[:160])
        found = pipe.predict_proba(X[:160], sample_domain=sample_domain[:160], allow_source=True)
        np.testing.assert_array_equal(found, reader.predict_proba(X[:160]))

    def test_rows_of_both_sides_may_be_mixed(self, skada, pipe, two):
        X, y, sample_domain = two
        order = np.random.default_rng(0).permutation(len(X))
        shuffled = fitted(skada, X[order], y[order], sample_domain[order])
        found = [model[:-1].transform(X[order], sample_domain=sample_domain[order]) for model in (pipe, shuffled)]
        np.testing.assert_array_equal(found[0], pipe[:-1].transform(X, sample_domain=sample_domain)[order])
        np.testing.assert_array_equal(*found)

    def test_without_target_rows_at_fit_every_batch_is_aligned_by_itself(self, skada, pipe, two):
        X, y, sample_domain = two
        late = fitted(skada, X[:160], y[:160], sample_domain[:160])
        expected = pipe.predict_proba(X[160:])
        np.testing.assert_array_equal(late.predict_proba(X[160:], sample_domain=sample_domain[160:]), expected)
        assert adapter(late).surrogates_ == {}

    def test_other_steps_may_stand_before_it(self, skada, pipe, two):
        X, y, sample_domain = two
        steps = FunctionTransformer(np.negative), FunctionTransformer(np.negative), aligner(), classifier()
        longer = skada.make_da_pipeline(*steps).fit(X, masked(y, sample_domain), sample_domain=sample_domain)
        np.testing.assert_array_equal(longer.predict_proba(X[160:]), pipe.predict_proba(X[160:]))

    def test_a_grid_search_cuts_the_domains_with_the_rows(self, skada, two):
        X, y, sample_domain = two
        split = [(np.arange(180), np.arange(180, 200))]
        model = skada.make_da_pipeline(aligner(), classifier())
        grid = {"mimicdomainaligner__surrogate": ["identity", "affine"]}
        search = GridSearchCV(model, grid, cv=split, refit=False, error_score="raise")
        identity, affine = search.fit(X, y, sample_domain=sample_domain).cv_results_["mean_test_score"]
        assert affine > identity + 0.2


class TestDomains:
    def test_every_target_domain_has_a_corruption_of_its_own(self, pipe_of_three, domains):
        X, _, sample_domain = domains
        turns = {label: found.describe()["rotation_deg"] for label, found in adapter(pipe_of_three).surrogates_.items()}
        assert turns == {TARGET: pytest.approx(35, abs=4), OTHER: pytest.approx(-35, abs=4)}
        for label in (TARGET, OTHER):
            rows = X[sample_domain == label]
            alone = aligner().fit(X[:160], X_target=rows).transform(rows)
            np.testing.assert_array_equal(pipe_of_three[:-1].transform(rows, sample_domain=np.full(40, label)), alone)

    def test_per_domain_of_skada_gives_the_same(self, skada, pipe_of_three, domains):
        X, y, sample_domain = domains
        model = skada.make_da_pipeline(skada.PerDomain(aligner()), classifier())
        model.fit(X, masked(y, sample_domain), sample_domain=sample_domain)
        found = [one.predict_proba(X[160:], sample_domain=sample_domain[160:]) for one in (model, pipe_of_three)]
        np.testing.assert_array_equal(*found)

    def test_fit_new_domain_adds_one_and_keeps_the_others(self, pipe, pipe_of_three, domains):
        X, _, sample_domain = domains
        before = adapter(pipe).surrogates_[TARGET]
        assert adapter(pipe).fit_new_domain(X[200:], sample_domain=sample_domain[200:]) is adapter(pipe)
        assert adapter(pipe).surrogates_[TARGET] is before
        for rows in (slice(160, None), slice(200, 201)):
            found = [one.predict_proba(X[rows], sample_domain=sample_domain[rows]) for one in (pipe, pipe_of_three)]
            np.testing.assert_array_equal(*found)

    def test_an_unseen_domain_is_learned_on_the_fly_and_not_kept(self, pipe, pipe_of_three, domains):
        X, _, sample_domain = domains
        found = [one[:-1].transform(X[200:], sample_domain=sample_domain[200:]) for one in (pipe, pipe_of_three)]
        np.testing.assert_array_equal(*found)
        assert set(adapter(pipe).surrogates_) == {TARGET}

    def test_an_unseen_domain_is_refused_when_transform_must_not_learn(self, pipe, domains):
        """As skada's own test-time adapter does with auto_fit_new_domain=False."""
        X, _, sample_domain = domains
        adapter(pipe).set_params(adapt_on=None)
        with pytest.raises(ValueError, match=r"target domain -3 is not among the known ones, \[-2\].*fit_new_domain"):
            pipe.predict(X[200:], sample_domain=sample_domain[200:])
        adapter(pipe).fit_new_domain(X[200:], sample_domain=OTHER)
        assert len(pipe.predict(X[200:], sample_domain=sample_domain[200:])) == 40

    def test_its_methods_are_those_of_skadas_test_time_adapters(self, skada):
        for name in ("fit", "fit_transform", "transform", "fit_new_domain"):
            assert callable(getattr(skada.base.BaseTestTimeAdapter, name))
            assert callable(getattr(MimicDomainAligner, name))
        for method in ("fit", "transform"):
            routings = [cls().get_metadata_routing() for cls in (MimicDomainAligner, skada.base.BaseTestTimeAdapter)]
            ours, theirs = (getattr(routing, method).requests["sample_domain"] for routing in routings)
            assert ours is theirs is True
