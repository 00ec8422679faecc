"""Parameters that `set_params` makes invalid after `fit` are refused by every later method, before X is read."""

import numpy as np
import pytest
import sklearn

from skmimic import MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector
from skmimic.utils._sklearn import InvalidParameterError
from tests.estimators.test_bad_input import EVERY_METHOD
from tests.helpers import LEARNING, PROJECTORS, pictures, small

BAD = {
    "T": 0,
    "T2": 2.5,
    "batch_size": 0,
    "n_jobs": "x",
    "verbose": -1,
    "device": "nonsense",
    "solver": "newton",
    "optimizer": None,
    "data_range": (1.0, 0.0),
    "image_shape": "8x8",
    "random_state": "seed",
}
BAD_OF_LEARNING = {"T1": -1, "n_init": 0, "n_adapt": 1, "adapt_on": "never", "lr_surrogate": 0.0}
BAD_OF = {
    MimicGANProjector: {"output": "nonsense", "n_surrogates": 0},
    MimicDomainAligner: {"source": "target", "class_prior": "nonsense"},
    MimicAnomalyDetector: {"error": "both", "contamination": 0.6},
}


class Unread:
    """Rows that must not be looked at."""

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("X was read")


@pytest.mark.parametrize(("cls", "method"), EVERY_METHOD, ids=lambda value: getattr(value, "__name__", value))
def test_every_method_refuses_them_before_it_reads(cls, method):
    bad = {**BAD, **(BAD_OF_LEARNING if cls in LEARNING else {}), **BAD_OF.get(cls, {})}
    model = small(cls).fit(pictures())
    before = vars(model).copy()
    for name, value in bad.items():
        good = model.get_params(deep=False)[name]
        model.set_params(**{name: value})
        with pytest.raises(InvalidParameterError, match=rf"{cls.__name__}.*{name}|{name}.* of {cls.__name__}"):
            getattr(model, method)(Unread())
        model.set_params(**{name: good})
    assert vars(model) == before
    getattr(model, method)(pictures())


@pytest.mark.parametrize("cls", PROJECTORS, ids=lambda cls: cls.__name__)
def test_latents_too(cls):
    model = small(cls).fit(pictures()).set_params(batch_size=0)
    with pytest.raises(InvalidParameterError, match="batch_size"):
        model.decode(np.zeros((2, 4)))


def test_a_saved_corruption_too(tmp_path):
    model = small(MimicGANProjector).fit(pictures())
    model.save_adaptation(tmp_path / "a.npz")
    with pytest.raises(InvalidParameterError, match="'T' parameter of MimicGANProjector"):
        model.set_params(T=0).load_adaptation(tmp_path / "a.npz")


def test_who_switches_the_validation_off_has_none():
    model = small(MimicGANProjector).fit(pictures()).set_params(verbose=-1)
    with sklearn.config_context(skip_parameter_validation=True):
        assert model.score_samples(pictures()).shape == (40,)
