"""MimicDomainAligner with class_prior: source labels and the classes' shares hold target rows to their classes."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skmimic import MimicDomainAligner, load_gan
from skmimic.datasets import load_digits_images, load_mnist_sample
from skmimic.engine import ClassGuide
from skmimic.exceptions import IdentifiabilityWarning
from tests.helpers import assert_same, pca_generator

N_EACH = 40


def two_clouds(shift=0.0, seed=0, n=(N_EACH, N_EACH)):
    """Classes around -3 and 3 in six dimensions, all moved along the line between them."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(centre, 1, (count, 6)) for centre, count in zip((-3, 3), n, strict=True)])
    return X + shift, np.repeat(["a", "b"], n)


X_SOURCE, Y_SOURCE = two_clouds()
X_TARGET, Y_TARGET = two_clouds(shift=-4.0, seed=1)


def aligner(class_prior="source", **parameters):
    return MimicDomainAligner(class_prior=class_prior, random_state=0, **parameters)


def accuracy(model, X=X_TARGET, y=Y_TARGET):
    pipe = Pipeline([("align", model), ("knn", KNeighborsClassifier(1))])
    return pipe.fit(X_SOURCE, Y_SOURCE).score(X, y)


class TestReading:
    def test_a_cloud_that_has_come_too_near_to_the_other_class_is_read_right(self):
        assert accuracy(aligner(None)) < 0.6
        assert accuracy(aligner()) > 0.95

    def test_shares_can_be_told(self):
        X, y = two_clouds(shift=-4.0, seed=2, n=(20, 60))
        assert accuracy(aligner([0.25, 0.75]), X, y) > 0.95
        assert accuracy(aligner([1, 3]), X, y) > 0.95  # they need not sum to one

    def test_wrong_shares_move_rows_to_wrong_classes(self):
        """What the docstring warns of: here the shares of the source are not those of the target."""
        X, y = two_clouds(seed=3, n=(10, 70))
        assert accuracy(aligner(None), X, y) > 0.95
        assert accuracy(aligner(), X, y) < 0.9

    def test_a_class_that_is_not_expected_is_not_read(self):
        model = aligner([1.0, 0.0]).fit(X_SOURCE, Y_SOURCE)
        read = KNeighborsClassifier(1).fit(X_SOURCE, Y_SOURCE).predict(model.transform(X_TARGET))
        assert set(read) == {"a"}

    def test_without_it_labels_change_nothing(self):
        found = [aligner(None).fit(X_SOURCE, y).transform(X_TARGET) for y in (Y_SOURCE, None)]
        np.testing.assert_array_equal(*found)

    def test_digits_of_another_scanner(self):
        gan = load_gan("mnist16")
        X_source, y_source = load_mnist_sample(size=16, return_X_y=True)
        X_target, y_target = load_digits_images(size=16, return_X_y=True)
        rows = np.random.default_rng(7).permutation(len(X_target))[:200]
        knn = KNeighborsClassifier(1).fit(X_source, y_source)
        read = {}
        for prior in (None, "source"):
            parameters = {"surrogate": "affine", "T": 5, "batch_size": 100, "random_state": 0}
            model = MimicDomainAligner(gan, class_prior=prior, **parameters)
            aligned = model.fit(X_source, y_source).transform(X_target[rows])
            read[prior] = knn.score(aligned, y_target[rows])
        assert read["source"] > read[None] + 0.05


class TestRows:
    def test_after_adapt_every_row_stands_alone(self):
        model = aligner().fit(X_SOURCE, Y_SOURCE).adapt(X_TARGET)
        found, order = model.transform(X_TARGET), np.random.default_rng(0).permutation(len(X_TARGET))
        assert_same(model.transform(X_TARGET[order]), found[order])
        assert_same(model.transform(X_TARGET[:3]), found[:3])

    def test_a_row_that_phase_a_has_not_seen_follows_its_neighbours(self):
        X, y = two_clouds(shift=-4.0, seed=5)
        model = aligner().fit(X_SOURCE, Y_SOURCE).adapt(X_TARGET)
        read = KNeighborsClassifier(1).fit(X_SOURCE, Y_SOURCE).predict(model.transform(X))
        assert (read == y).mean() > 0.9

    def test_order_and_repetition_of_the_rows_do_not_matter(self):
        order = np.random.default_rng(0).permutation(len(X_TARGET))
        models = [aligner().fit(X_SOURCE, Y_SOURCE) for _ in range(2)]
        models[0].adapt(X_TARGET)
        models[1].adapt(np.concatenate([X_TARGET[order], X_TARGET[:5]]))
        assert_same(models[1].transform(X_TARGET), models[0].transform(X_TARGET))

    def test_transform_keeps_nothing(self):
        model = aligner().fit(X_SOURCE, Y_SOURCE)
        before = vars(model).copy()
        model.transform(X_TARGET)
        assert {name: id(value) for name, value in vars(model).items()} == {k: id(v) for k, v in before.items()}

    def test_a_pickle_gives_the_same_bits(self):
        model = aligner().fit(X_SOURCE, Y_SOURCE, X_target=X_TARGET)
        assert_same(pickle.loads(pickle.dumps(model)).transform(X_TARGET), model.transform(X_TARGET))

    def test_workers_give_the_same_bits(self):
        alone = aligner(batch_size=16).fit(X_SOURCE, Y_SOURCE, X_target=X_TARGET)
        shared = clone(alone).set_params(n_jobs=2).fit(X_SOURCE, Y_SOURCE, X_target=X_TARGET)
        assert_same(shared.transform(X_TARGET), alone.transform(X_TARGET))

    def test_the_last_picture_of_a_trajectory_is_the_result(self):
        found = aligner(solver="joint", T=2).fit(X_SOURCE, Y_SOURCE).project(X_TARGET, trajectory=True)
        np.testing.assert_array_equal(found.trajectory[-1].images, found.images)
        assert [moment.step for moment in found.trajectory] == sorted({moment.step for moment in found.trajectory})

    def test_algorithm_1_goes_on_from_where_its_corruption_stands(self):
        parameters = {"solver": "alternating", "surrogate": "photometric", "T": 2, "T1": 1, "T2": 5}
        guided, free = (
            aligner(prior, **parameters).fit(X_SOURCE, Y_SOURCE).project(X_TARGET) for prior in ("source", None)
        )
        assert np.isfinite(guided.images).all()
        assert not np.array_equal(guided.images, free.images)


class TestFit:
    def test_classes_and_what_is_kept(self):
        X = np.concatenate([X_SOURCE, X_SOURCE])
        model = aligner().fit(X, np.concatenate([Y_SOURCE, Y_SOURCE]), X_target=X_TARGET)
        np.testing.assert_array_equal(model.classes_, ["a", "b"])
        guide = model._adaptation.guide
        assert isinstance(guide, ClassGuide)
        assert len(guide.source.images) == len(X_SOURCE)  # repeated rows are kept once
        assert len(guide.batch) == len(X_TARGET)

    @pytest.mark.parametrize("dtype", [int, float, str, bool])
    def test_labels_of_any_kind(self, dtype):
        y = np.repeat([0, 1], N_EACH).astype(dtype)
        found = aligner().fit(X_SOURCE, y).transform(X_TARGET)
        np.testing.assert_array_equal(found, aligner().fit(X_SOURCE, Y_SOURCE).transform(X_TARGET))

    def test_labels_of_target_rows_do_not_count(self):
        """In skada's convention those of target rows are masked."""
        X, domain = np.concatenate([X_TARGET, X_SOURCE]), np.repeat([-2, 1], 2 * N_EACH)
        y = np.concatenate([np.full(2 * N_EACH, -1), np.repeat([0, 1], N_EACH)])
        model = aligner(gan=pca_of_source()).fit(X, y, sample_domain=domain)
        np.testing.assert_array_equal(model.classes_, [0, 1])
        read = KNeighborsClassifier(1).fit(X_SOURCE, Y_SOURCE).predict(model.transform(X_TARGET, sample_domain=-2))
        assert (read == Y_TARGET).mean() > 0.9

    def test_several_targets(self):
        X_other, y_other = two_clouds(shift=4.0, seed=4)
        X = np.concatenate([X_SOURCE, X_TARGET, X_other])
        y = np.concatenate([Y_SOURCE, np.full(4 * N_EACH, "?")])
        model = aligner(gan=pca_of_source()).fit(X, y, sample_domain=np.repeat([1, -2, -3], 2 * N_EACH))
        knn = KNeighborsClassifier(1).fit(X_SOURCE, Y_SOURCE)
        for domain, rows, truth in ((-2, X_TARGET, Y_TARGET), (-3, X_other, y_other)):
            assert knn.score(model.transform(rows, sample_domain=domain), truth) > 0.9

    def test_large_sources_are_cut_to_the_same_number_of_every_class(self, monkeypatch):
        monkeypatch.setattr("skmimic.estimators._classes.MOST_ROWS", 30)
        X, y = two_clouds(n=(70, 9))
        guide = aligner([0.5, 0.5]).fit(X, y, X_target=X_TARGET)._adaptation.guide
        np.testing.assert_array_equal(np.bincount(guide.source.labels), [15, 9])

    def test_shares_are_those_of_all_source_rows_and_of_the_moment(self):
        X, y = two_clouds(n=(20, 60))
        model = aligner().fit(X, y)
        np.testing.assert_allclose(model._class_shares(), [0.25, 0.75])
        np.testing.assert_allclose(model.set_params(class_prior=[3, 1])._class_shares(), [0.75, 0.25])
        by_class = ({"b": 3, "a": 1}, pd.Series([3, 1], index=["b", "a"]))
        for prior in by_class:
            np.testing.assert_allclose(model.set_params(class_prior=prior)._class_shares(), [0.25, 0.75])
        np.testing.assert_allclose(model.set_params(class_prior={"b": 1.0})._class_shares(), [0, 1])

    def test_another_prior_needs_no_other_fit(self):
        X, _ = two_clouds(shift=-4.0, seed=2, n=(20, 60))
        told = aligner([0.25, 0.75]).fit(X_SOURCE, Y_SOURCE).transform(X)
        later = aligner().fit(X_SOURCE, Y_SOURCE).set_params(class_prior=[0.25, 0.75]).transform(X)
        np.testing.assert_array_equal(later, told)

    def test_a_fit_without_it_leaves_no_classes(self):
        model = aligner().fit(X_SOURCE, Y_SOURCE).set_params(class_prior=None).fit(X_SOURCE, Y_SOURCE)
        assert not hasattr(model, "classes_")

    def test_without_it_labels_are_not_even_looked_at(self):
        X, domain = np.concatenate([X_TARGET, X_SOURCE]), np.repeat([-1, 1], 2 * N_EACH)
        model = aligner(None, gan=pca_of_source())
        found = [model.fit(X, y, sample_domain=domain).transform(X_TARGET) for y in (Y_SOURCE, None)]
        np.testing.assert_array_equal(*found)

    def test_tags_say_whether_labels_are_needed(self):
        assert get_tags(aligner()).target_tags.required
        assert not get_tags(aligner(None)).target_tags.required


def pca_of_source():
    return PCA(3, random_state=0).fit(X_SOURCE)


class TestTrouble:
    @pytest.mark.parametrize(
        ("prior", "y", "message"),
        [
            ("source", None, r"MimicDomainAligner: class_prior='source' requires y to be passed, .* Pass the labels"),
            ("source", np.linspace(0, 1, 2 * N_EACH), "Unknown label type: continuous"),
            ("source", Y_SOURCE[:-1], "inconsistent numbers of samples"),
            ([0.2, 0.3, 0.5], Y_SOURCE, r"share of each of the 2 classes .* got \[0\.2, 0\.3, 0\.5\] for .*'a', 'b'"),
            (["x", "y"], Y_SOURCE, "class_prior must hold"),
            ([[1], [2, 3]], Y_SOURCE, "class_prior must hold"),
            ({"a": 0.5, "c": 0.5}, Y_SOURCE, "class_prior must hold"),
            ([-1.0, 2.0], Y_SOURCE, "zero or more"),
            ([0.0, 0.0], Y_SOURCE, "not all zero"),
            ([np.nan, 1.0], Y_SOURCE, "class_prior must hold"),
        ],
    )
    def test_labels_and_shares_are_checked_and_an_earlier_fit_stays(self, prior, y, message):
        model = aligner().fit(X_SOURCE, Y_SOURCE)
        before = model.transform(X_TARGET)
        with pytest.raises(ValueError, match=message):
            model.set_params(class_prior=prior).fit(X_SOURCE, y)
        assert_same(model.set_params(class_prior="source").transform(X_TARGET), before)

    def test_it_needs_labelled_source_rows(self):
        with pytest.raises(ValueError, match=r"class_prior='source' uses labels of source rows, .* Call fit"):
            aligner().project(X_TARGET)
        with pytest.raises(ValueError, match="this aligner was not fitted with them"):
            aligner(None).fit(X_SOURCE, Y_SOURCE).set_params(class_prior="source").transform(X_TARGET)
        with pytest.raises(ValueError, match=r"sample_domain is below 0 for all rows"):
            aligner(gan=pca_generator()).fit(np.zeros((4, 64)), np.zeros(4), sample_domain=-1)

    def test_too_few_rows_are_aligned_without_and_told(self):
        few = X_TARGET[::4]
        with pytest.warns(IdentifiabilityWarning, match="20 distinct rows are too few to tell 2 classes"):
            found = aligner().fit(X_SOURCE, Y_SOURCE).transform(few)
        np.testing.assert_array_equal(found, aligner(None).fit(X_SOURCE, Y_SOURCE).transform(few))

    def test_a_batch_that_n_adapt_cuts_is_told_so(self):
        model = aligner(n_adapt=30).fit(X_SOURCE, Y_SOURCE)
        with pytest.warns(IdentifiabilityWarning, match="30 distinct rows are too few .* Raise n_adapt"):
            model.transform(X_TARGET)

    def test_one_row_is_warned_of_once(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            aligner().fit(X_SOURCE, Y_SOURCE).transform(X_TARGET[:1])
        assert [warning.category for warning in caught] == [IdentifiabilityWarning]

    def test_an_interruption_keeps_the_corruption(self, monkeypatch):
        def interrupted(*arguments):
            raise KeyboardInterrupt

        model = aligner().fit(X_SOURCE, Y_SOURCE)
        monkeypatch.setattr("skmimic.estimators._aligner.learn_guide", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.adapt(X_TARGET)
        assert model._was_adapted
        assert model._adaptation.guide is None
        assert np.isfinite(model.transform(X_TARGET[:2])).all()
