"""Pickles carry the version that wrote them, and another version warns."""

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
import torch
from sklearn.exceptions import InconsistentVersionWarning

import skmimic
from skmimic import DCGAN, MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector, PGDProjector
from skmimic.losses import Perceptual
from skmimic.utils import FrozenModule
from tests.helpers import Critic, pca_generator, pictures, small, smooth_generator

WRITTEN = {
    **{cls.__name__: lambda cls=cls: small(cls).fit(pictures()) for cls in (MimicGANProjector, PGDProjector)},
    "unfitted detector": lambda: MimicAnomalyDetector(contamination=0.2),
    "unfitted aligner": lambda: MimicDomainAligner(source="project"),
    "DCGAN": lambda: DCGAN(latent_dim=3),
    "generator": smooth_generator,
    "linear generator": pca_generator,
    "surrogate": lambda: small(MimicGANProjector).fit(pictures()).surrogate_,
    "module": lambda: FrozenModule(Critic()),
    "perceptual loss": lambda: Perceptual(torch.nn.Flatten(), 0.5),
}


def joblib_bytes(value):
    stream = io.BytesIO()
    joblib.dump(value, stream)
    return stream.getvalue()


@pytest.fixture(params=WRITTEN)
def written(request):
    return WRITTEN[request.param]()


@pytest.mark.parametrize(
    ("dump", "load"), [(pickle.dumps, pickle.loads), (joblib_bytes, lambda data: joblib.load(io.BytesIO(data)))]
)
def test_another_version_warns_once_for_each_part_and_names_both(written, dump, load, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(skmimic, "__version__", "0.0.7")
        data = dump(written)
    with pytest.warns(InconsistentVersionWarning) as caught:
        load(data)
    messages = [str(warning.message) for warning in caught]
    kind = type(written).__name__
    assert sum(kind in message for message in messages) == 1
    assert all("0.0.7" in message and skmimic.__version__ in message for message in messages)


def test_the_same_version_is_silent_and_leaves_no_mark(written):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read, copied = pickle.loads(pickle.dumps(written)), copy.deepcopy(written)
    assert vars(read).keys() == vars(copied).keys() == vars(written).keys()


def test_a_pickle_without_a_version_is_an_older_one(written):
    state = {name: value for name, value in written.__getstate__().items() if "version" not in name}
    read = object.__new__(type(written))
    with pytest.warns(InconsistentVersionWarning, match="0.1.0 or older"):
        read.__setstate__(state)
    assert vars(read).keys() == vars(written).keys()


def test_what_another_version_wrote_still_works(monkeypatch):
    model = small(PGDProjector).fit(pictures())
    with monkeypatch.context() as patch:
        patch.setattr(skmimic, "__version__", "9.9")
        data = pickle.dumps(model)
    with pytest.warns(InconsistentVersionWarning):
        read = pickle.loads(data)
    np.testing.assert_array_equal(read.transform(pictures()), model.transform(pictures()))
