"""Parameters that `set_params` makes invalid after `fit` are refused by every later method, before X is read."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA

from skmimic import MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector, PGDProjector, load_gan
from skmimic.exceptions import GeneratorMismatchError
from skmimic.utils._sklearn import InvalidParameterError
from tests.estimators.test_bad_input import EVERY_METHOD
from tests.helpers import LEARNING, PROJECTORS, Critic, SmoothDecoder, pictures, small

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
BAD_OF_LEARNING = {
    "surrogate": "nonsense",
    "T1": -1,
    "n_init": 0,
    "n_adapt": 1,
    "adapt_on": "never",
    "lr_surrogate": 0.0,
}
BAD_OF = {
    MimicGANProjector: {"output": "nonsense", "n_surrogates": 0},
    MimicDomainAligner: {"source": "target", "class_prior": "nonsense"},
    MimicAnomalyDetector: {
        "score_by": "best",
        "n_candidates": 0,
        "n_neighbors": 0,
        "reach": -1,
        "memory_size": 3,
        "features": 1,
        "error": "both",
        "contamination": 0.6,
    },
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


CHANGED = {
    "gan": lambda: SmoothDecoder(seed=1),
    "image_shape": lambda: (1, 4, 16),
    "data_range": lambda: (0, 255),
}


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize(("cls", "method"), EVERY_METHOD, ids=lambda value: getattr(value, "__name__", value))
def test_what_only_fit_reads_asks_for_another_fit(cls, method, name):
    model = small(cls).fit(pictures())
    good = getattr(model, name)
    model.set_params(**{name: CHANGED[name]()})
    with pytest.raises(InvalidParameterError, match=f"^{cls.__name__}: {name} was changed .*Call fit again"):
        getattr(model, method)(Unread())
    getattr(model.set_params(**{name: good}), method)(pictures())


SAME = {
    "image_shape": [(1, 8, 8), [1, 8, 8], np.array([1, 8, 8])],
    "data_range": [(-1, 1), [-1.0, 1.0], np.array([-1, 1])],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in SAME.items() for value in values])
def test_what_fit_found_may_be_set(name, value):
    model = small(PGDProjector).fit(pictures())
    before = model.transform(pictures())
    np.testing.assert_array_equal(model.set_params(**{name: value}).transform(pictures()), before)


@pytest.mark.parametrize("gan", [SmoothDecoder(), (SmoothDecoder(), Critic()), None, PCA(3), "mnist16"], ids=str)
def test_what_is_not_changed_is_not_refused(gan):
    X = load_gan("mnist16").sample(6, random_state=0) if isinstance(gan, str) else pictures()
    model = small(PGDProjector, gan).fit(X)
    before = model.transform(X)
    for same in (model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model), clone(model).fit(X)):
        assert same.transform(X).shape == before.shape
    if isinstance(gan, str):
        model.set_params(gan=load_gan(gan)).transform(X)


def test_a_saved_corruption_asks_for_another_fit(tmp_path):
    small(MimicGANProjector).fit(pictures()).save_adaptation(tmp_path / "a.npz")
    model = small(MimicGANProjector).load_adaptation(tmp_path / "a.npz")
    model.transform(pictures())
    with pytest.raises(InvalidParameterError, match="data_range was changed"):
        model.set_params(data_range=(0, 255)).transform(pictures())


def test_at_transform_too():
    model = small(MimicGANProjector, adapt_on="transform").fit(pictures())
    with pytest.raises(InvalidParameterError, match="surrogate='nonsense'"):
        model.set_params(surrogate="nonsense").transform(Unread())


@pytest.mark.parametrize("cls", [*PROJECTORS, MimicAnomalyDetector], ids=lambda cls: cls.__name__)
def test_least_squares_for_a_network(cls):
    model = small(cls).fit(pictures()).set_params(solver="closed_form")
    with pytest.raises(GeneratorMismatchError, match=f"^{cls.__name__}: solver="):
        model.score_samples(Unread())
