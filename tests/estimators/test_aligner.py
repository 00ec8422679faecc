"""MimicDomainAligner: source rows pass unchanged, target batches are aligned, nothing is stored."""

import warnings

import numpy as np
import pytest

from skmimic import MimicDomainAligner, MimicGANProjector, PGDProjector
from skmimic.corruptions import Rotation
from skmimic.exceptions import IdentifiabilityWarning
from tests.helpers import assert_same, corrupt, pictures, small

SOURCE = pictures()
TARGET = corrupt(pictures(60)[40:], Rotation(35.0))


def aligner(**parameters):
    return small(MimicDomainAligner, **{"surrogate": "affine", "T": 4, **parameters})


@pytest.mark.parametrize("form", [(64,), (8, 8), (1, 8, 8)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_fit_transform_gives_the_source_rows_themselves(form, dtype):
    X = SOURCE.reshape(-1, *form).astype(dtype)
    found = aligner().fit_transform(X)
    assert found.dtype == X.dtype
    np.testing.assert_array_equal(found, X)
    assert not np.shares_memory(found, X)


def test_fit_transform_gives_projections_without_corruption_when_asked_to():
    model = aligner(source="project")
    expected = small(PGDProjector, T=4).fit(SOURCE).transform(SOURCE)
    np.testing.assert_array_equal(model.fit_transform(SOURCE), expected)
    np.testing.assert_array_equal(model.fit_transform(SOURCE, X_target=TARGET), expected)  # the source is not corrupted


def test_fit_learns_the_source_side_only():
    model = aligner().fit(SOURCE)
    assert model.surrogate_.describe() == {"family": "identity", "corruption": "none"}
    assert model.trace_.objectives == ()


class TestBeforeAdapt:
    def test_transform_aligns_the_batch_that_it_is_given(self):
        found = aligner(T=12).fit(SOURCE).transform(TARGET)
        clean = pictures(60)[40:]
        errors = [np.linalg.norm(rows - clean, axis=1).mean() for rows in (found, TARGET)]
        assert errors[0] < 0.3 * errors[1]

    def test_transform_stores_nothing(self):
        model = aligner().fit(SOURCE)
        before = vars(model).copy()
        model.transform(TARGET)
        model.score_samples(TARGET)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is before[name] for name in before)

    def test_a_rows_answer_depends_on_its_batch(self):
        """Why check_methods_subset_invariance cannot hold wherever something is learned at transform."""
        model = aligner().fit(SOURCE)
        assert not np.array_equal(model.transform(TARGET)[:10], model.transform(TARGET[:10]))

    def test_the_order_of_the_batch_does_not_matter(self):
        model = aligner().fit(SOURCE)
        assert_same(model.transform(TARGET)[::-1], model.transform(TARGET[::-1]))

    def test_one_row_is_projected_without_corruption_and_warns(self):
        model = aligner().fit(SOURCE)
        with pytest.warns(IdentifiabilityWarning, match=r"MimicDomainAligner: one distinct row.*adapt\(X\) on a batch"):
            found = model.transform(TARGET[:1])
        np.testing.assert_array_equal(found, small(PGDProjector, T=4).fit(SOURCE).transform(TARGET[:1]))


class TestAfterAdapt:
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return aligner().fit(SOURCE).adapt(TARGET)

    def test_one_row_is_the_same_row_of_a_batch_and_does_not_warn(self, model):
        whole = model.transform(TARGET)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for index in (0, 7, 19):
                np.testing.assert_array_equal(model.transform(TARGET[index : index + 1])[0], whole[index])

    def test_x_target_of_fit_is_adapt(self, model):
        other = aligner().fit(SOURCE, X_target=TARGET)
        assert_same(other.transform(TARGET), model.transform(TARGET))
        np.testing.assert_array_equal(aligner().fit_transform(SOURCE, X_target=TARGET), SOURCE)

    def test_it_is_the_projector_fitted_on_the_target(self, model):
        projector = small(MimicGANProjector, surrogate="affine", T=4).fit(TARGET)
        assert_same(projector.transform(TARGET), model.transform(TARGET))

    def test_transform_gives_what_the_batch_alone_gave(self, model):
        assert_same(model.transform(TARGET), aligner().fit(SOURCE).transform(TARGET))

    def test_the_next_fit_forgets_it(self):
        model = aligner().fit(SOURCE).adapt(TARGET).fit(SOURCE)
        assert model.surrogate_.family == "identity"
        with pytest.warns(IdentifiabilityWarning):
            model.transform(TARGET[:1])


@pytest.mark.parametrize("adapt_on", ["fit", None])
def test_adapt_on_moves_or_drops_the_estimate(adapt_on):
    model = aligner(adapt_on=adapt_on).fit(TARGET)
    assert (model.surrogate_.family == "affine") == (adapt_on == "fit")
    whole = model.transform(TARGET)
    np.testing.assert_array_equal(model.transform(TARGET[:3]), whole[:3])


def test_labels_are_ignored():
    y = np.arange(len(SOURCE))
    np.testing.assert_array_equal(
        aligner().fit(SOURCE, y).transform(TARGET), aligner().fit(SOURCE, y[::-1]).transform(TARGET)
    )
