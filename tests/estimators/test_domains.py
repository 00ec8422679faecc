"""sample_domain without skada: labels from zero on are source rows, labels below are target rows."""

import numpy as np
import pytest

from skmimic import MimicDomainAligner
from skmimic.corruptions import Rotation
from skmimic.estimators import Target
from tests.helpers import assert_same, corrupt, pictures, small

SOURCE = pictures()
TARGET = corrupt(pictures(60)[40:], Rotation(35.0))
X = np.r_[SOURCE, TARGET]
LABELS = np.repeat([0, -1], [40, 20])


def aligner(**parameters):
    return small(MimicDomainAligner, **{"surrogate": "affine", "T": 4, **parameters})


@pytest.fixture(scope="module")
def model():
    return aligner().fit(X, sample_domain=LABELS)


@pytest.mark.parametrize("labels", [LABELS, LABELS.tolist(), LABELS.astype("i1")], ids=["array", "list", "int8"])
def test_labels_split_x_into_source_and_target(model, labels):
    direct = aligner().fit(SOURCE, X_target=TARGET)
    found = aligner().fit_transform(X, sample_domain=labels)
    assert_same(found, np.r_[SOURCE, direct.transform(TARGET)])
    assert_same(model.transform(X, sample_domain=labels), found)
    assert model.surrogates_ == {-1: model.surrogate_}


@pytest.mark.parametrize("form", [(8, 8), (1, 8, 8)])
def test_the_form_of_the_images_stays(model, form):
    found = aligner().fit_transform(X.reshape(-1, *form), sample_domain=LABELS)
    assert_same(found, model.transform(X, sample_domain=LABELS).reshape(-1, *form))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables_are_split_as_arrays_are(model, library):
    table = pytest.importorskip(library).DataFrame({f"pixel{i}": X[:, i] for i in range(64)})
    found = aligner().fit_transform(table, sample_domain=LABELS)
    assert_same(found, model.transform(X, sample_domain=LABELS))


def test_source_rows_are_projected_where_that_is_asked_for():
    projecting = aligner(source="project")
    found = projecting.fit_transform(X, sample_domain=LABELS)
    assert_same(found[:40], aligner(source="project").fit_transform(SOURCE))
    assert_same(found, projecting.transform(X, sample_domain=LABELS))


def test_one_label_stands_for_all_rows(model):
    assert_same(model.transform(SOURCE, sample_domain=3), SOURCE)
    assert_same(model.transform(TARGET, sample_domain=-1), model.transform(TARGET))
    assert_same(aligner().fit(SOURCE, sample_domain=0).transform(TARGET), model.transform(TARGET))


def test_a_trained_generator_needs_no_source_rows(model):
    alone = aligner().fit(TARGET, sample_domain=-1)
    assert_same(alone.transform(TARGET), model.transform(TARGET))


def test_a_corruption_learned_without_labels_serves_any_target():
    fitted = aligner().fit(SOURCE).adapt(TARGET)
    assert_same(fitted.transform(TARGET[:3], sample_domain=-7), fitted.transform(TARGET[:3]))


def test_fit_new_domain_without_labels_is_adapt(model):
    fitted = aligner().fit(SOURCE).fit_new_domain(TARGET)
    assert_same(fitted.transform(TARGET), model.transform(TARGET))
    assert fitted.surrogates_ == {}


def test_fit_new_domain_takes_wrapped_rows_as_adapt_does(model):
    fitted = aligner().fit(SOURCE)
    for labels in (None, -1):
        fitted.fit_new_domain(Target(TARGET), sample_domain=labels)
        assert_same(fitted.transform(TARGET), model.transform(TARGET))


def test_rows_without_labels_belong_to_the_domain_that_was_learned_last():
    fitted = aligner().fit(np.r_[X, TARGET[:, ::-1]], sample_domain=np.repeat([0, -9, -4], [40, 20, 20]))
    assert list(fitted.surrogates_) == [-4, -9]  # whatever their order in X
    assert_same(fitted.transform(TARGET), fitted.transform(TARGET, sample_domain=-9))
    assert (fitted.transform(TARGET) != fitted.transform(TARGET, sample_domain=-4)).any()


def test_the_next_fit_forgets_the_domains():
    assert aligner().fit(X, sample_domain=LABELS).fit(SOURCE).surrogates_ == {}


class TestTrouble:
    @pytest.mark.parametrize(
        "labels", [LABELS / 2, LABELS[:, None], ["s"] * 40 + ["t"] * 20], ids=["halves", "column", "words"]
    )
    def test_labels_are_whole_numbers(self, labels):
        with pytest.raises(ValueError, match="MimicDomainAligner: sample_domain must be one whole number for each row"):
            aligner().fit(X, sample_domain=labels)

    def test_there_is_one_for_each_row(self, model):
        for call in (aligner().fit, model.transform):
            with pytest.raises(ValueError, match="MimicDomainAligner: sample_domain has 59 labels, but X has 60 rows"):
                call(X, sample_domain=LABELS[1:])

    def test_target_rows_come_once(self):
        with pytest.raises(ValueError, match=r"as X_target and in X \(sample_domain below 0\)"):
            aligner().fit(X, X_target=TARGET, sample_domain=LABELS)

    def test_a_generator_made_of_source_rows_needs_some(self):
        with pytest.raises(ValueError, match=r"the generator is made of source rows.*Pass source rows too"):
            MimicDomainAligner().fit(TARGET, sample_domain=-1)

    def test_a_new_domain_is_a_target(self, model):
        with pytest.raises(ValueError, match=r"fit_new_domain takes target rows.*0 or more for 40 rows"):
            model.fit_new_domain(X, sample_domain=LABELS)

    def test_a_failed_fit_leaves_the_domains(self, model):
        before = model.surrogates_
        with pytest.raises(ValueError, match="NaN"):
            model.fit(np.where(LABELS[:, None] < 0, np.nan, X), sample_domain=LABELS)
        assert model.surrogates_ == before
