"""Cloning, pickling and storing: the generator is shared, never copied."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skmimic import Generator, MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector, PGDProjector
from skmimic.engine import Settings
from tests.helpers import ESTIMATORS, SmoothDecoder, pca_generator, pictures, small

IDS = {"ids": lambda cls: cls.__name__}
MEGABYTE = 2**20


class Heavy(SmoothDecoder):
    """A smooth decoder with 20 MB of weights that it hardly needs."""

    def __init__(self):
        super().__init__()
        self.ballast = nn.Parameter(torch.zeros(5 * MEGABYTE))

    def forward(self, z):
        return super().forward(z) + 0.0 * self.ballast[:1]


@pytest.fixture(scope="module")
def heavy():
    return Generator(Heavy(), name="heavy")


def answer(model):
    return model.score_samples(pictures()) if isinstance(model, MimicAnomalyDetector) else model.transform(pictures())


@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_a_clone_has_the_same_handle_and_no_fit(cls, heavy):
    model = small(cls, heavy).fit(pictures())
    twin = clone(model)
    assert twin.gan is heavy
    assert not hasattr(twin, "generator_")
    assert model.generator_ is heavy
    np.testing.assert_array_equal(answer(twin.fit(pictures())), answer(model))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_has_the_same_handle(duplicate, heavy):
    model = small(MimicGANProjector, heavy).fit(pictures())
    twin = duplicate(model)
    assert twin.generator_ is heavy
    np.testing.assert_array_equal(answer(twin), answer(model))


@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_a_pickle_holds_the_weights_once(cls, heavy):
    model = small(cls, heavy).fit(pictures())
    before = answer(model)
    content = pickle.dumps(model)
    assert 20 * MEGABYTE <= len(content) < 21 * MEGABYTE
    again = pickle.loads(content)
    assert again.generator_.fingerprint == heavy.fingerprint
    assert again.gan is again.generator_
    np.testing.assert_array_equal(answer(again), before)


def test_what_was_computed_does_not_make_a_pickle_larger(heavy):
    model = small(PGDProjector, heavy).fit(pictures())
    size = len(pickle.dumps(model))
    answer(model)
    model.project(pictures())
    assert len(pickle.dumps(model)) == size


@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_joblib_stores_and_maps_a_model(cls, heavy, tmp_path):
    model = small(cls, heavy).fit(pictures())
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(answer(mapped), answer(model))


@pytest.mark.parametrize("solver", ["joint", "alternating", "amortized"])
def test_fitted_attributes_hold_no_tensors(solver, monkeypatch):
    monkeypatch.setattr("skmimic.estimators._base.Settings", few_encoder_steps)
    model = small(MimicGANProjector, solver=solver).fit(pictures())
    stored = io.BytesIO()
    kinds = set()

    class Watching(pickle.Pickler):
        def reducer_override(self, value):
            kinds.add(type(value))
            return NotImplemented

    Watching(stored).dump({name: value for name, value in vars(model).items() if name not in ("gan", "generator_")})
    modules = {kind.__module__.split(".")[0] for kind in kinds}
    tensors = {kind for kind in kinds if issubclass(kind, torch.Tensor)}
    assert "numpy" in modules
    assert tensors == set()


def few_encoder_steps(**keywords):
    return Settings(**keywords, encoder_steps=3)


@pytest.mark.parametrize("cls", [MimicGANProjector, MimicAnomalyDetector, MimicDomainAligner, PGDProjector], **IDS)
def test_skops_stores_a_model_when_its_types_are_trusted(cls):
    skops = pytest.importorskip("skops.io")
    model = small(cls, pca_generator()).fit(pictures())
    content = skops.dumps(model)
    again = skops.loads(content, trusted=skops.get_untrusted_types(data=content))
    np.testing.assert_array_equal(answer(again), answer(model))
    assert again.surrogate_.describe() == model.surrogate_.describe()
