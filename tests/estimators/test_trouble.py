"""Memory runs out, somebody presses Ctrl-C, the process is forked: go on, keep the best, or refuse clearly."""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

from skmimic import MimicAnomalyDetector, MimicDomainAligner, MimicGANProjector, PGDProjector
from skmimic.losses import l1
from tests.helpers import ESTIMATORS, GainModule, pictures, small

ROOT = Path(__file__).parents[2]
IDS = {"ids": lambda cls: cls.__name__}


def greedy(limit, error=None):
    """A loss that runs out of memory on more than `limit` rows; both starts of a row count where they walk together."""

    def loss(mimicked, observed):
        if len(mimicked) > limit:
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return l1(mimicked, observed)

    return loss


class TestMemory:
    ERRORS = (
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
        MemoryError(),
    )

    @pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
    def test_the_chunk_is_halved_until_it_fits(self, error):
        model = small(PGDProjector, loss=greedy(17, error), batch_size=32).fit(pictures())
        found = model.transform(pictures())
        assert model.batch_size_ == 8
        np.testing.assert_array_equal(found, small(PGDProjector, loss="l1", batch_size=8).fit_transform(pictures()))

    def test_a_chunk_that_fits_leaves_no_mark(self):
        model = small(PGDProjector, batch_size=32).fit(pictures())
        model.transform(pictures())
        assert not hasattr(model, "batch_size_")

    def test_the_smallest_chunk_gives_up(self):
        with pytest.raises(torch.OutOfMemoryError):
            small(PGDProjector, loss=greedy(3), batch_size=32).fit_transform(pictures())

    def test_phase_a_goes_on_with_half_the_rows(self):
        model = small(MimicGANProjector, loss=greedy(25), batch_size=8).fit(pictures())
        assert np.isfinite(model.transform(pictures())).all()

    def test_project_gives_every_row_although_algorithm_1_saw_half_of_them(self):
        result = small(MimicGANProjector, solver="alternating", loss=greedy(25), batch_size=8).project(pictures())
        assert result.latents.shape == (40, 4)
        assert np.isfinite(result.losses).all()

    def test_workers_back_off_too(self):
        model = small(PGDProjector, loss=greedy(17), batch_size=16, n_jobs=2)
        with joblib.parallel_config(backend="threading"):
            model.fit(pictures()).transform(pictures())
        assert model.batch_size_ == 8


class TestInterruption:
    """Ctrl-C in phase A: the best so far is kept, and the interruption goes on."""

    class Stops(GainModule):
        left = 0

        def forward(self, images):
            cls = TestInterruption.Stops
            cls.left -= 1
            if cls.left == 0:
                raise KeyboardInterrupt
            return super().forward(images)

    @pytest.fixture(params=["joint", "alternating"])
    def solver(self, request):
        self.Stops.left = 30
        return request.param

    @pytest.mark.parametrize("cls", [MimicGANProjector, MimicDomainAligner], **IDS)
    def test_of_fit_keeps_the_best_so_far(self, cls, solver):
        model = small(cls, surrogate=lambda shape: self.Stops(), solver=solver, T=20, adapt_on="fit")
        with pytest.raises(KeyboardInterrupt):
            model.fit(0.3 * pictures())
        assert model.surrogate_.describe()["gain"] < 1
        assert model.trace_.status.name == "INTERRUPTED"
        assert np.isfinite(model.transform(pictures())).all()

    def test_of_adapt_keeps_the_best_so_far(self, solver):
        model = small(MimicDomainAligner, surrogate=lambda shape: self.Stops(), solver=solver, T=20).fit(pictures())
        with pytest.raises(KeyboardInterrupt):
            model.adapt(0.3 * pictures())
        assert model.surrogate_.describe()["gain"] < 1
        np.testing.assert_array_equal(model.transform(pictures())[:1], model.transform(pictures()[:1]))

    @pytest.mark.filterwarnings("ignore::skmimic.exceptions.SurrogateFitWarning")  # stopped early
    def test_of_a_detector_keeps_the_corruption_and_can_be_fitted_again(self, solver):
        model = small(MimicAnomalyDetector, surrogate=lambda shape: self.Stops(), solver=solver, T=20)
        with pytest.raises(KeyboardInterrupt):
            model.fit(0.3 * pictures())
        assert model.surrogate_.describe()["gain"] < 1
        assert set(model.fit(0.3 * pictures()).predict(pictures())) <= {-1, 1}

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
    @pytest.mark.parametrize("later", ["_is_identifiable", "train_encoder"])
    def test_of_what_follows_keeps_what_was_learned(self, later, error, monkeypatch):
        def stops(*arguments):
            raise error

        monkeypatch.setattr(f"skmimic.engine._estimation.{later}", stops)
        model = small(MimicGANProjector, solver="amortized", T=20)
        with pytest.raises(error) as caught:
            model.fit(0.3 * pictures())
        assert model.surrogate_.describe()["gain"][0] < 1
        assert model.trace_.status.name == "INTERRUPTED"
        assert np.isfinite(model.transform(pictures())).all()
        assert not hasattr(caught.value, "partial")  # lest another estimator further out take it for his own

    def test_of_the_report_keeps_what_was_learned(self, monkeypatch):
        def stops(reporter):
            raise KeyboardInterrupt

        monkeypatch.setattr("skmimic.estimators._base.Reporter.done", stops)
        model = small(MimicGANProjector)
        with pytest.raises(KeyboardInterrupt):
            model.fit(pictures())
        assert model.trace_.status.name == "INTERRUPTED"

    def test_leaves_parameters_that_were_set_meanwhile(self):
        def stops(shape):
            model.set_params(T=7)
            raise KeyboardInterrupt

        model = small(MimicGANProjector).fit(pictures()).set_params(surrogate=stops)
        with pytest.raises(KeyboardInterrupt):
            model.fit(pictures())
        assert model.T == 7
        assert model.surrogate_.family == "photometric"

    def test_before_anything_was_learned_leaves_what_was_there(self):
        model = small(MimicDomainAligner).fit(pictures()).adapt(0.3 * pictures())
        before = model.surrogate_
        self.Stops.left = 1
        with pytest.raises(KeyboardInterrupt):
            model.set_params(surrogate=lambda shape: self.Stops()).adapt(pictures())
        assert model.surrogate_ is before


FORK = """
import os, sys
from skmimic import {cls}
from skmimic.exceptions import ForkError
from tests.helpers import pictures, small, {cls}
model = small({cls}).fit(pictures())
ask = getattr(model, "{method}")
ask(pictures())
child = os.fork()
if child == 0:
    status = 1
    try:
        ask(pictures())
    except ForkError as error:
        status = 0 if "'spawn'" in str(error) and "loky" in str(error) else 2
    finally:
        os._exit(status)
_, status = os.waitpid(child, 0)
ask(pictures())  # the parent is as before
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(("cls", "method"), [("MimicGANProjector", "project"), ("MimicAnomalyDetector", "predict")])
def test_a_fork_after_use_is_refused_not_left_hanging(cls, method):
    script = FORK.format(cls=cls, method=method)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, timeout=120, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("cls", ESTIMATORS, **IDS)
def test_answers_are_finite_on_extreme_pictures(cls):
    model = small(cls).fit(pictures())
    X = np.r_[np.full((2, 64), -1.0), np.full((2, 64), 1.0), np.eye(64)[:4] * 2 - 1].astype(np.float32)
    assert np.isfinite(model.adapt(X).score_samples(X) if hasattr(model, "source") else model.score_samples(X)).all()
