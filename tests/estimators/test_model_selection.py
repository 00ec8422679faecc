"""Inside scikit-learn's meta-estimators: pipelines, grid search, output containers, metadata routing, callbacks."""

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from skmimic import MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector, PGDProjector, Target
from skmimic.corruptions import Rotation
from tests.helpers import (
    LEARNING,
    PROJECTORS,
    assert_same,
    corrupt,
    digit_labels,
    digits,
    pca_generator,
    pictures,
    small,
)

IDS = {"ids": lambda cls: cls.__name__}


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def domains():
    """Digits as a linear generator shows them, and the same kind of digits rotated: source and target."""
    rows = PGDProjector(pca_generator()).fit_transform(digits()[:240])
    return rows[:160], digit_labels()[:160], corrupt(rows[160:], Rotation(35.0)), digit_labels()[160:240]


def aligner(**parameters):
    return MimicDomainAligner(pca_generator(), surrogate="affine", T=4, random_state=0, **parameters)


def pipeline(**parameters):
    return Pipeline([("align", aligner(**parameters)), ("knn", KNeighborsClassifier(1))])


GRID = {"T1": [2, 4], "T2": [2], "lr_latent": [1e-2, 8e-2], "lr_surrogate": [1e-2, 1e-1]}


class TestGridSearch:
    def test_over_steps_and_learning_rates_with_two_workers(self):
        model = small(MimicGANProjector, solver="alternating")
        search = GridSearchCV(model, GRID, n_jobs=2, cv=2, error_score="raise").fit(pictures())
        alone = GridSearchCV(model, GRID, n_jobs=1, cv=2, error_score="raise").fit(pictures())
        assert len(search.cv_results_["params"]) == 8
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
        assert search.best_estimator_.generator_ is model.gan
        assert search.best_params_ == alone.best_params_
        assert search.transform(pictures()).shape == pictures().shape

    def test_with_a_source_and_a_target_split(self):
        """Learn the corruption on some rows, judge it on others."""
        observed = corrupt(pictures(), Rotation(30.0))
        split = [(np.arange(30), np.arange(30, 40))]
        grid = {"surrogate": ["identity", "affine"]}
        search = GridSearchCV(small(MimicGANProjector, T=4), grid, cv=split, error_score="raise").fit(observed)
        assert search.best_params_ == {"surrogate": "affine"}

    def test_of_a_pipeline_scored_on_the_target(self, domains):
        X_source, y_source, X_target, y_target = domains
        X, y = np.r_[X_source, X_target], np.r_[y_source, y_target]
        split = [(np.arange(160), np.arange(160, 240))]
        grid = {"align__surrogate": ["identity", "affine"]}
        search = GridSearchCV(pipeline(), grid, cv=split, refit=False, error_score="raise").fit(X, y)
        scores = dict(zip(("identity", "affine"), search.cv_results_["mean_test_score"], strict=True))
        assert scores["affine"] > scores["identity"] + 0.2

    def test_scores_are_what_model_selection_maximises(self):
        model = small(PGDProjector).fit(pictures())
        assert model.score(pictures()) == pytest.approx(model.score_samples(pictures()).mean())
        assert (model.score_samples(pictures()) <= 0).all()
        assert np.isfinite(cross_val_score(small(PGDProjector), pictures(), cv=2)).all()


class TestPipeline:
    def test_a_classifier_of_source_images_reads_target_images(self, domains):
        X_source, y_source, X_target, y_target = domains
        plain = KNeighborsClassifier(1).fit(X_source, y_source).score(X_target, y_target)
        assert pipeline().fit(X_source, y_source).score(X_target, y_target) > plain + 0.2

    def test_the_classifier_is_trained_on_the_source_rows_themselves(self, domains):
        X_source, y_source, _, _ = domains
        model = pipeline().fit(X_source, y_source)
        np.testing.assert_array_equal(model["knn"]._fit_X, X_source)

    def test_set_output_of_every_container(self):
        pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
        names = [f"pixel{i}" for i in range(64)]
        frame = pandas.DataFrame(pictures(), columns=names)
        for container, kind in (("pandas", pandas.DataFrame), ("polars", polars.DataFrame)):
            model = make_pipeline(small(MimicGANProjector)).set_output(transform=container).fit(frame)
            out = model.transform(frame)
            assert isinstance(out, kind)
            assert list(out.columns) == names
            assert list(model.get_feature_names_out()) == names

    @pytest.mark.parametrize("cls", PROJECTORS, **IDS)
    def test_feature_names_are_remembered_and_asked_for(self, cls):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(pictures(), columns=[f"pixel{i}" for i in range(64)])
        model = small(cls).fit(frame)
        assert list(model.feature_names_in_) == list(frame.columns)
        with pytest.raises(ValueError, match="feature names should match"):
            model.transform(frame.rename(columns={"pixel0": "other"}))

    def test_latents_have_names_of_their_own(self):
        pandas = pytest.importorskip("pandas")
        model = small(MimicGANProjector, output="latents").set_output(transform="pandas").fit(pictures())
        out = model.transform(pictures())
        assert isinstance(out, pandas.DataFrame)
        assert list(out.columns) == [f"mimicganprojector{i}" for i in range(4)]
        np.testing.assert_array_equal(model.inverse_transform(out), model.inverse_transform(out.to_numpy()))

    def test_diagrams_and_reprs_are_short(self, domains):
        model = pipeline().fit(*domains[:2])
        assert len(repr(model)) < 1000
        assert "MimicDomainAligner" in model._repr_html_()


class TestRouting:
    """X_target reaches the aligner through any meta-estimator."""

    def test_through_a_pipeline(self, domains, routing):
        X_source, y_source, X_target, y_target = domains
        model = Pipeline([("align", aligner().set_fit_request(X_target=True)), ("knn", KNeighborsClassifier(1))])
        model.fit(X_source, y_source, X_target=X_target)
        direct = aligner().fit(X_source, X_target=X_target)
        assert_same(model[:-1].transform(X_target), direct.transform(X_target))
        assert_same(model[:-1].transform(X_target[:1]), direct.transform(X_target)[:1])
        assert model.score(X_target, y_target) > 0.5

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_through_a_grid_search_as_a_whole(self, domains, routing, n_jobs):
        """As many target rows as source rows: a plain array would be cut to the folds, a Target is not."""
        X_source, y_source, X_target, _ = domains
        X_target = np.r_[X_target, X_target][: len(X_source)]
        model = Pipeline([("align", aligner().set_fit_request(X_target=True)), ("knn", KNeighborsClassifier(1))])
        grid = {"align__n_adapt": [50]}
        search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, error_score="raise")
        search.fit(X_source, y_source, X_target=Target(X_target))
        found = search.best_estimator_["align"].surrogate_.describe()
        assert found["rotation_deg"] == pytest.approx(35, abs=4)

    def test_a_plain_array_is_cut_to_the_folds_and_a_target_is_not(self, domains, routing, monkeypatch):
        X_source, y_source, X_target, _ = domains
        X_target = np.r_[X_target, X_target][: len(X_source)]
        seen = []
        adapt_to = MimicDomainAligner._adapt_to
        monkeypatch.setattr(
            MimicDomainAligner, "_adapt_to", lambda self, rows: seen.append(len(rows)) or adapt_to(self, rows)
        )
        model = Pipeline([("align", aligner().set_fit_request(X_target=True)), ("knn", KNeighborsClassifier(1))])
        search = GridSearchCV(model, {"align__n_adapt": [50]}, cv=2, refit=False, error_score="raise")
        search.fit(X_source, y_source, X_target=Target(X_target))
        search.fit(X_source, y_source, X_target=X_target)
        assert seen == [160, 160, 80, 80]

    def test_must_be_asked_for(self, domains, routing):
        X_source, y_source, X_target, _ = domains
        with pytest.raises(ValueError, match="X_target"):
            Pipeline([("align", aligner()), ("knn", KNeighborsClassifier(1))]).fit(
                X_source, y_source, X_target=X_target
            )

    def test_a_target_shows_its_shape(self):
        assert repr(Target(pictures())) == "Target(shape=(40, 64))"

    def test_a_target_is_what_it_holds(self, domains):
        X_source, _, X_target, _ = domains
        first = aligner().fit(X_source, X_target=Target(X_target)).transform(X_target)
        assert_same(first, aligner().fit(X_source, X_target=X_target).transform(X_target))
        assert_same(first, aligner().fit(X_source).adapt(Target(X_target)).transform(X_target))


class Watcher:
    """A callback that writes down what it is told."""

    def __init__(self):
        self.log = []

    def setup(self, estimator, context):
        self.log.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.log.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.log.append(("end", context.task_name))

    def teardown(self, estimator, context):
        self.log.append("teardown")


class TestCallbacks:
    @pytest.fixture(autouse=True)
    def callbacks(self):
        return pytest.importorskip("sklearn.callback")

    @pytest.mark.parametrize("cls", LEARNING, **IDS)
    def test_hear_of_every_round_from_setup_to_teardown(self, cls):
        watcher = Watcher()
        model = small(cls, solver="alternating", adapt_on="fit").set_callbacks(watcher).fit(pictures())
        assert watcher.log[0] == "setup"
        assert watcher.log[-1] == "teardown"
        rounds = [entry[1] for entry in watcher.log if entry[0] == "end" and "round" in entry[1]]
        assert rounds == ["alternating solver: round 1 of 2", "alternating solver: round 2 of 2"]
        assert watcher.log.count("setup") == watcher.log.count("teardown") == 1
        assert not hasattr(model, "_callback_fit_ctx")

    def test_hear_of_adapt_too_and_leave_nothing_behind(self):
        watcher = Watcher()
        model = small(MimicDomainAligner).set_callbacks(watcher).fit(pictures()).adapt(pictures())
        assert watcher.log[0] == "setup"
        assert watcher.log[-1] == "teardown"
        assert not hasattr(model, "_callback_fit_ctx")

    def test_are_torn_down_when_a_fit_fails(self):
        watcher = Watcher()
        model = small(MimicGANProjector, loss=lambda a, b: (a - b).flatten(1).sum(1) / 0).set_callbacks(watcher)
        with pytest.raises(FloatingPointError):
            model.fit(pictures())
        assert watcher.log[-1] == "teardown"
        assert not hasattr(model, "_callback_fit_ctx")

    def test_a_progress_bar_runs(self, callbacks, capsys):
        pytest.importorskip("rich")
        small(MimicGANProjector).set_callbacks(callbacks.ProgressBar()).fit(pictures())


@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_transform_tells_how_many_rows_are_done(verbose, n_jobs, capsys):
    model = small(PGDProjector, verbose=verbose, n_jobs=n_jobs, batch_size=8).fit(pictures())
    n_rows = len(pictures())
    capsys.readouterr()
    model.transform(pictures())
    printed = capsys.readouterr().err
    assert (f"projected {n_rows} of {n_rows} rows" in printed) == bool(verbose)
    assert printed.count("[PGDProjector]") >= 2 * verbose


@pytest.mark.parametrize("verbose", [0, 1])
def test_progress_goes_to_standard_error_when_asked_for(verbose, capsys):
    small(MimicGANProjector, solver="alternating", verbose=verbose).fit(pictures())
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ("[MimicGANProjector]" in printed.err and "round 2 of 2" in printed.err) == bool(verbose)


def test_a_detector_works_in_a_pipeline():
    model = make_pipeline(small(PGDProjector), MimicAnomalyDetector(random_state=0)).fit(pictures())
    assert set(model.predict(pictures())) <= {-1, 1}
