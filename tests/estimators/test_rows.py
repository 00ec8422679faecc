"""Phase B row by row: whatever stands beside a row, its bits are the same. Laws, tried on many samples."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmimic import MimicAnomalyDetector, MimicGANProjector, PGDProjector
from skmimic.corruptions import Rotation
from tests.helpers import ESTIMATORS, PROJECTORS, corrupt, digits, pca_generator, pictures, small, smooth_generator

N_ROWS = 40
FEW = settings(max_examples=12)
ORDERS = st.permutations(range(N_ROWS))
SUBSETS = st.lists(st.integers(0, N_ROWS - 1), min_size=1, max_size=N_ROWS)  # any order, any repetition
NAMES = [cls.__name__ for cls in ESTIMATORS]


@cache
def rows():
    return corrupt(pictures(N_ROWS), Rotation(20.0))


# A subset may be one dark row, which fills little of the range: a warning, and not what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::skmimic.exceptions.DataRangeWarning")


@cache
def fitted(name):
    cls = next(cls for cls in ESTIMATORS if cls.__name__ == name)
    model = small(cls).fit(rows())
    return model.adapt(rows()) if hasattr(model, "source") else model


@cache
def answer(name):
    return answers(fitted(name), rows())


def answers(model, X):
    if isinstance(model, MimicAnomalyDetector):
        return {"score_samples": model.score_samples(X), "score_maps": model.score_maps(X)}
    return {name: getattr(model, name)(X) for name in ("transform", "encode", "score_samples")}


def assert_rows_are(found, expected, index):
    for name, values in found.items():
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, expected[name][index])


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(subset=SUBSETS)
def test_subsets_orders_and_repetitions_do_not_matter(name, subset):
    assert_rows_are(answers(fitted(name), rows()[subset]), answer(name), subset)


@pytest.mark.parametrize("solver", ["joint", "alternating"])
@pytest.mark.parametrize("generator", [smooth_generator(), pca_generator(9)], ids=["smooth", "linear"])
@FEW
@given(subset=SUBSETS)
def test_whatever_the_solver_and_the_number_of_latents(generator, solver, subset):
    model = small(PGDProjector, generator, solver=solver).fit(rows())
    assert_rows_are(answers(model, rows()[subset]), answers(model, rows()), subset)


@pytest.mark.parametrize("surrogate", ["affine+convolution+mask", "paper"])
def test_with_deviations_of_their_own(surrogate):
    model = small(MimicGANProjector, surrogate=surrogate).fit(rows())
    subset = [31, 2, 2, 17]
    assert_rows_are(answers(model, rows()[subset]), answers(model, rows()), subset)


@FEW
@given(neighbours=st.floats(-1, 1), n=st.integers(1, 30))
def test_no_neighbour_can_steer_a_row(neighbours, n):
    hostile = np.full((n, 64), neighbours, dtype=np.float32)
    found = answers(fitted("MimicGANProjector"), np.r_[hostile, rows()])
    assert_rows_are({name: values[n:] for name, values in found.items()}, answer("MimicGANProjector"), slice(None))


@FEW
@given(order=ORDERS)
def test_phase_a_does_not_depend_on_the_order_of_the_rows(order):
    model = small(MimicGANProjector).fit(rows()[list(order)])
    expected = fitted("MimicGANProjector").surrogate_.arrays
    for name, values in model.surrogate_.arrays.items():
        np.testing.assert_array_equal(values, expected[name])


@FEW
@given(more=SUBSETS)
def test_phase_a_does_not_depend_on_repetition(more):
    model = small(MimicGANProjector).fit(np.r_[rows(), rows()[more]])
    expected = fitted("MimicGANProjector").surrogate_.arrays
    for name, values in model.surrogate_.arrays.items():
        np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize("size", [1, 10, N_ROWS])
def test_predictions_of_any_number_of_rows_agree(size):
    model = fitted("MimicAnomalyDetector")
    whole = model.predict(rows())
    for start in range(0, N_ROWS, size):
        np.testing.assert_array_equal(model.predict(rows()[start : start + size]), whole[start : start + size])


@cache
def latents(cls, batch_size):
    return small(cls, pca_generator(), batch_size=batch_size).fit(digits()[:50]).encode(digits()[:50])


@pytest.mark.parametrize("cls", PROJECTORS, ids=lambda cls: cls.__name__)
@FEW
@given(st.integers(1, 70))
def test_batch_size_changes_no_more_than_rounding(cls, batch_size):
    np.testing.assert_allclose(latents(cls, batch_size), latents(cls, 16), atol=1e-9)
