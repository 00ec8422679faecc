"""An interruption at any line leaves an estimator as before, or with one complete fit: never with parts of two."""

import copy
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import skmimic.engine
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
FOLDERS = {one.__name__.split(".")[-1]: Path(one.__file__).parent for one in (skmimic.estimators, skmimic.engine)}
OLD, NEW = pictures()[:6], pictures()[6:12] * 40 + 60  # in [-1, 1] and in [20, 100], so that a mixture shows
RANGES = {"old": (-1.0, 1.0), "new": (20.0, 100.0)}
SAMPLED, SAMPLED_LATE = 10, 4  # lines of a call at which the default run interrupts; in the engine, with a result kept


def learning(cls, **parameters):
    few = {"surrogate": gain_module, "T": 1, "T1": 10, "T2": 3}
    return cls(GENERATOR, random_state=0, batch_size=8, **{**few, **parameters})


CASES = {
    "projector": lambda: learning(MimicGANProjector),
    "detector": lambda: learning(MimicAnomalyDetector, score_by="residual"),
    "aligner": lambda: learning(MimicDomainAligner, adapt_on="fit"),
    "transforming": lambda: learning(MimicGANProjector, adapt_on="transform"),
    "pgd": lambda: PGDProjector(GENERATOR, T=1, T2=3, random_state=0),
    "encoder": lambda: EncoderProjector(GENERATOR, n_steps=3, random_state=0),
    "dcgan": lambda: DCGAN(width=2, latent_dim=4, max_steps=1, batch_size=4, random_state=0),
}


def first_fit(model):
    model.set_params(data_range=RANGES["new"]).fit(NEW)


def second_fit(model):
    model.set_params(data_range=RANGES["new"]).fit(NEW)


def adapt(model):
    model.adapt(0.8 * OLD)


def learn_two_domains(model):
    model.set_params(data_range=RANGES["new"]).fit(NEW, sample_domain=[1, 1, -1, -1, -2, -2])


def meet_two_domains(model):
    model.fit_new_domain(0.8 * OLD, sample_domain=[-1, -1, -1, -2, -2, -2])


def load(model):
    model.load_adaptation(SAVED["path"])


def transform(model):
    model.transform(0.8 * OLD)


LEARNING = ("projector", "detector", "aligner")
REFITS = (first_fit, second_fit, learn_two_domains)
DOINGS = [
    *((name, doing) for doing in (first_fit, second_fit) for name in CASES if name != "transforming"),
    *((name, adapt) for name in LEARNING),
    ("aligner", learn_two_domains),
    ("aligner", meet_two_domains),
    ("projector", load),
    ("transforming", transform),
]
LATE = [(name, doing) for name, doing in DOINGS if name in LEARNING and doing is not load]
SAVED = {}


def ids(doings):
    return [f"{name}-{doing.__name__}" for name, doing in doings]


@pytest.fixture(scope="module", autouse=True)
def _a_quick_engine(tmp_path_factory):
    """What costs most in so small a fit are poses and samples."""
    make = Candidates.__init__

    def few(self, generator, random):
        make(self, generator, random, 100)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skmimic.engine._estimation.is_identifiable", lambda *arguments: True)
        patch.setattr("skmimic.engine._initialisation.Candidates.__init__", few)
        SAVED["path"] = tmp_path_factory.mktemp("saved") / "adaptation.npz"
        learning(MimicGANProjector, surrogate="photometric", data_range=RANGES["old"]).fit(0.8 * OLD).save_adaptation(
            SAVED["path"]
        )
        yield


def answers(model):
    """What an estimator says of itself and of rows, with the range of its fit set; "not fitted" where it refuses."""
    found = {name: vars(model).get(name) for name in ("data_range_", "seed_", "offset_", "n_iter_", "image_shape_")}
    model = copy.copy(model).set_params(data_range=found["data_range_"] or model.data_range)
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

    def __init__(self, name, doing, folder="estimators"):
        self.folder = FOLDERS[folder]
        self.doing, self.prepared = doing, CASES[name]().set_params(data_range=RANGES["old"])
        if doing is not first_fit:
            self.prepared.fit(OLD)
        self.before, whole = answers(self.prepared), copy.deepcopy(self.prepared)
        with Interrupter(self.folder) as counted:
            doing(whole)
        self.after, self.n_lines, self.entered = answers(whole), counted.n_lines, counted.entered
        assert agree(self.before, self.after) == (doing is transform)

    def check(self, at):
        """Interrupt at a line; tells whether that left a partial fit."""
        model = copy.deepcopy(self.prepared)
        with pytest.raises(Stop), Interrupter(self.folder, at):
            self.doing(model)
        found = answers(model)
        is_partial = not (agree(found, self.before) or agree(found, self.after))
        if is_partial:
            self.check_partial(model, found)
        assert not [name for name in vars(model) if "callback" in name]
        range_set = RANGES["new" if self.doing in REFITS else "old"]
        assert model.get_params()["data_range"] == range_set  # what the user has set stays
        return is_partial

    def check_partial(self, model, found):
        assert model.trace_.status.name == "INTERRUPTED"
        names = ("data_range_", "seed_", "image_shape_")
        assert [found[name] for name in names] == [self.after[name] for name in names]
        refused = [name for name, value in found.items() if isinstance(value, str) and value == "not fitted"]
        assert refused == (["predict"] if self.doing is first_fit and "predict" in found else [])
        assert all(np.isfinite(found[name]).all() for name in ("transform", "score_samples") if name in found)


@pytest.mark.parametrize(("name", "doing"), DOINGS, ids=ids(DOINGS))
def test_a_call_that_is_interrupted_at_some_line(name, doing):
    law = Law(name, doing)
    for at in np.linspace(1, law.n_lines, SAMPLED).astype(int):
        law.check(at)


@pytest.mark.parametrize(("name", "doing"), LATE, ids=ids(LATE))
def test_a_call_that_is_interrupted_in_the_engine_with_a_result_kept(name, doing):
    """What phase A has found by then is left, and says that it is partial; a detector that was whole stays as it is."""
    law = Law(name, doing, "engine")
    first = law.entered["keep"] + 10
    places = np.linspace(first, law.n_lines, SAMPLED_LATE + 1)[:-1].astype(int)
    assert any([law.check(at) for at in places]) != (name == "detector" and doing is second_fit)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("name", "doing"), DOINGS, ids=ids(DOINGS))
def test_a_call_that_is_interrupted_at_every_line(name, doing):
    law = Law(name, doing)
    for at in range(1, law.n_lines + 1):
        law.check(at)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("name", "doing"), LATE, ids=ids(LATE))
def test_a_call_that_is_interrupted_in_the_engine_at_many_lines(name, doing):
    law = Law(name, doing, "engine")
    for at in np.linspace(1, law.n_lines, 200).astype(int):
        law.check(at)
