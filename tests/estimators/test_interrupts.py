"""An interruption at any line leaves an estimator as before, or with one complete fit: never with parts of two."""

import copy
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import skmimic.estimators
from skmimic import (
    DCGAN,
    EncoderProjector,
    Generator,
    MimicAnomalyDetector,
    MimicDomainAligner,
    MimicGANProjector,
    PGDProjector,
)
from skmimic.engine import Candidates
from tests.helpers import Interrupter, SmoothDecoder, Stop, gain_module, pictures

GENERATOR = Generator(SmoothDecoder())  # of its own: the samples of others are many more
FOLDER = str(Path(skmimic.estimators.__file__).parent)
OLD, NEW = pictures()[:6], pictures()[6:12] * 40 + 60  # in [-1, 1] and in [20, 100], so that a mixture shows
RANGES = {"old": (-1.0, 1.0), "new": (20.0, 100.0)}
SAMPLED = 10  # lines of a call at which the default run interrupts


def learning(cls, **parameters):
    few = {"surrogate": gain_module, "T": 1, "T1": 10, "T2": 3}
    return cls(GENERATOR, random_state=0, batch_size=8, **{**few, **parameters})


CASES = {
    "projector": lambda: learning(MimicGANProjector),
    "detector": lambda: learning(MimicAnomalyDetector),
    "aligner": lambda: learning(MimicDomainAligner, adapt_on="fit"),
    "pgd": lambda: PGDProjector(GENERATOR, T=1, T2=3, random_state=0),
    "encoder": lambda: EncoderProjector(GENERATOR, n_steps=3, random_state=0),
    "dcgan": lambda: DCGAN(width=2, latent_dim=4, max_steps=1, batch_size=4, random_state=0),
}


def first_fit(model):
    model.set_params(data_range=RANGES["new"]).fit(NEW)


def second_fit(model):
    model.set_params(data_range=RANGES["new"]).fit(NEW)


def adapt(model):
    model.adapt(0.3 * OLD)


def learn_two_domains(model):
    model.set_params(data_range=RANGES["new"]).fit(NEW, sample_domain=[1, 1, -1, -1, -2, -2])


LEARNING = ("projector", "detector", "aligner")
DOINGS = [
    *((name, doing) for doing in (first_fit, second_fit) for name in CASES),
    *((name, adapt) for name in LEARNING),
    ("aligner", learn_two_domains),
]
IDS = [f"{name}-{doing.__name__}" for name, doing in DOINGS]


@pytest.fixture(scope="module", autouse=True)
def _a_quick_engine():
    """What costs most in so small a fit are poses and samples, whose lines are not those of `estimators/`."""
    make = Candidates.__init__

    def few(self, generator, random):
        make(self, generator, random, 100)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skmimic.engine._estimation.is_identifiable", lambda *arguments: True)
        patch.setattr("skmimic.engine._initialisation.Candidates.__init__", few)
        yield


def answers(model):
    """What an estimator says of itself and of rows; "not fitted" where it refuses."""
    found = {name: vars(model).get(name) for name in ("data_range_", "seed_", "offset_", "n_iter_", "image_shape_")}
    rows = NEW if found["data_range_"] == RANGES["new"] else OLD
    questions = {
        "transform": lambda: model.transform(rows),
        "score_samples": lambda: model.score_samples(rows),
        "predict": lambda: model.predict(rows),
        "sample": lambda: model.sample(2, random_state=0),
        "surrogates_": lambda: str(model.surrogates_),
    }
    for name, ask in questions.items():
        if hasattr(type(model), name):
            try:
                found[name] = ask()
            except NotFittedError:
                found[name] = "not fitted"
    return found


def agree(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


class Law:
    """The states that an interrupted call may leave: that before it, that after it, or one that says it is partial."""

    def __init__(self, name, doing):
        self.doing, self.prepared = doing, CASES[name]().set_params(data_range=RANGES["old"])
        if doing is not first_fit:
            self.prepared.fit(OLD)
        self.before, whole = answers(self.prepared), copy.deepcopy(self.prepared)
        with Interrupter(FOLDER) as counted:
            doing(whole)
        self.after, self.n_lines = answers(whole), counted.n_lines
        assert not agree(self.before, self.after)

    def check(self, at):
        model = copy.deepcopy(self.prepared)
        with pytest.raises(Stop), Interrupter(FOLDER, at):
            self.doing(model)
        found = answers(model)
        if not (agree(found, self.before) or agree(found, self.after)):
            self.check_partial(model, found)
        assert not [name for name in vars(model) if "callback" in name]
        assert self.doing is adapt or model.get_params()["data_range"] == RANGES["new"]  # what the user has set stays

    def check_partial(self, model, found):
        assert model.trace_.status.name == "INTERRUPTED"
        names = ("data_range_", "seed_", "image_shape_")
        assert [found[name] for name in names] == [self.after[name] for name in names]
        refused = [name for name, value in found.items() if isinstance(value, str) and value == "not fitted"]
        assert refused == (["predict"] if self.doing is first_fit and "predict" in found else [])
        assert all(np.isfinite(found[name]).all() for name in ("transform", "score_samples") if name in found)


@pytest.mark.parametrize(("name", "doing"), DOINGS, ids=IDS)
def test_a_call_that_is_interrupted_at_some_line(name, doing):
    law = Law(name, doing)
    for at in np.linspace(1, law.n_lines, SAMPLED).astype(int):
        law.check(at)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("name", "doing"), DOINGS, ids=IDS)
def test_a_call_that_is_interrupted_at_every_line(name, doing):
    law = Law(name, doing)
    for at in range(1, law.n_lines + 1):
        law.check(at)
