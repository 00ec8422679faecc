"""Streams: how well anomalies are found when all new rows went through the same corruption.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.anomaly.streams --left-out 9 1
    python -m benchmarks.anomaly.report

The detector learns from clean normal rows, and is then used as it is ("mimic frozen"), or after `adapt` on a batch of
128 rows of the stream, half of them anomalies, none of which is scored. `adapt` needs a generator of normal images:
principal components (`gan=None`), a VAE or a DCGAN that is trained here. Beside it two simple controls on the same
rows. Each case is a line of `benchmarks/results/anomaly/streams.csv`; those that are there are left out, and the
generators are kept in a folder. Seconds are of processor time, one thread; "seconds_adapt" is without trainings.
"""

import argparse
import copy
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch

from benchmarks.anomaly.__main__ import MEASURES, OUT, budget_name, compared
from benchmarks.anomaly.budgets import CACHE, Budget
from benchmarks.anomaly.data import CLASSES, LOADERS, SPLITS, draw_task
from benchmarks.anomaly.methods import learn
from benchmarks.anomaly.networks import train
from benchmarks.anomaly.stream_data import CORRUPTIONS, corrupted, draw_batch
from benchmarks.cost.units import machine
from benchmarks.pose.results import Results, in_short
from skmimic import MimicAnomalyDetector

__all__ = ["ADAPTED", "METHODS", "Stream"]

STREAMS_OUT = OUT.with_name("streams.csv")
DRAWN = ("data", "split", "left_out", "seed", "memory", "held_out", "rows")
KEYS = (*DRAWN, "batch", "share", "corruption", "method", "budget")
FOUND = (*MEASURES, "described", "seconds_adapt", "rows_per_second", "machine")
FROZEN, ADAPTED = (
    "mimic frozen",
    {"mimic adapted, PCA": None, "mimic adapted, VAE": "vae", "mimic adapted, DCGAN": "dcgan"},
)
CONTROLS = ("cosine 5-NN", "pixel 1-NN")
METHODS = (FROZEN, *ADAPTED, *CONTROLS)


class Stream:
    """Rows to learn from, to adapt to and to score, and what was fitted on the first.

    Parameters
    ----------
    task : Task
        Its first new rows are for the batch.
    batch : int
        Rows to adapt to.
    share : float
        Part of them that are anomalies.
    budget : Budget
    rows : int
        New rows of each kind that are scored, at most.
    """

    def __init__(self, task, batch, share, budget, rows):
        n_strange = round(share * batch)
        self.task, self.budget = task, budget
        self._kind = self._detector = None
        self.batch = draw_batch(task.fresh, task.strange, batch, share, task.seed)
        self.fresh, self.strange = task.fresh[batch - n_strange :][:rows], task.strange[n_strange:][:rows]

    def fitted(self, kind=None):
        """Return a detector of the clean normals, of which it holds its own out; only the last one is kept.

        Parameters
        ----------
        kind : {"vae", "dcgan"} or None, default=None
            Of the generator, with which nothing is done before `adapt`.
        """
        if self._kind != kind or self._detector is None:
            gan = None if kind is None else train(kind, self.task, self.budget)[0]
            rows = np.concatenate([self.task.normal, self.task.held_out])
            self._kind, self._detector = kind, MimicAnomalyDetector(gan, random_state=self.task.seed).fit(rows)
        return self._detector

    def adapted(self, kind, corruption):
        """Return a detector that has adapted to the stream, and the seconds that took."""
        detector, batch = copy.deepcopy(self.fitted(kind)), corrupted(self.batch, corruption)
        start = time.process_time()
        return detector.adapt(batch), time.process_time() - start


def measured(stream, method, corruption):
    """Score the rows of a stream; return the columns of the answer."""
    taken, described = 0.0, ""
    if method in CONTROLS:
        score = learn(method, stream.task, stream.budget).score
        held_out = score(stream.task.held_out)
    else:
        if method in ADAPTED:
            detector, taken = stream.adapted(ADAPTED[method], corruption)
            described = in_short(detector.surrogate_.describe())
        else:
            detector = stream.fitted()
        held_out = -detector.calibration_scores_

        def score(rows):
            return -detector.score_samples(rows)

    start = time.process_time()
    fresh, strange = (score(corrupted(rows, corruption)) for rows in (stream.fresh, stream.strange))
    seconds = time.process_time() - start
    return compared(fresh, strange, held_out) | {
        "described": described,
        "seconds_adapt": f"{taken:.1f}",
        "rows_per_second": f"{(len(fresh) + len(strange)) / seconds:.1f}",
        "machine": machine(),
    }


def budget_of(method, budget):
    """Only a network that is trained has a budget."""
    return budget if ADAPTED.get(method) else "none"


def streams_of(arguments):
    """List what is drawn, and the cases of each."""
    for data in arguments.data:
        left_out = CLASSES[data] if arguments.left_out is None else arguments.left_out
        for values in product([data], arguments.splits, left_out, arguments.seeds, arguments.memory):
            drawn = dict(zip(DRAWN, (*values, arguments.held_out, arguments.rows), strict=True))
            for share in arguments.shares:
                known = drawn | {"batch": arguments.batch, "share": share}
                yield (
                    drawn,
                    share,
                    [
                        known | {"corruption": one, "method": method, "budget": budget_of(method, arguments.budget)}
                        for method, one in product(arguments.methods, arguments.corruptions)
                    ],
                )


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=LOADERS, default=["mnist"])
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=["random"])
    parser.add_argument("--left-out", type=int, nargs="+", help="classes, one after another; default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--memory", type=int, nargs="+", default=[42_000], help="normal rows to learn from, at most")
    parser.add_argument("--held-out", type=int, default=500, help="normal rows that controls hold out")
    parser.add_argument("--rows", type=int, default=500, help="new rows of each kind that are scored, at most")
    parser.add_argument("--batch", type=int, default=128, help="rows to adapt to")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5], help="of anomalies in the batch")
    parser.add_argument("--corruptions", nargs="+", choices=CORRUPTIONS, default=CORRUPTIONS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--budget", type=budget_name, default="quick", help="quick, published or steps, of trainings")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the networks that are trained")
    parser.add_argument("--out", type=Path, default=STREAMS_OUT, help="the file of results")
    return parser.parse_args(words)


def main(words=None):
    """Measure what is missing."""
    arguments = parsed(words)
    torch.set_num_threads(1)
    results = Results(arguments.out, (*KEYS, *FOUND), KEYS)
    budget = Budget(arguments.budget, arguments.cache)
    for drawn, share, cases in streams_of(arguments):
        missing = [case for case in cases if case not in results]
        if not missing:
            continue
        task = draw_task(**drawn | {"rows": arguments.rows + arguments.batch})
        stream = Stream(task, arguments.batch, share, budget, arguments.rows)
        for case in missing:
            result = case | measured(stream, case["method"], case["corruption"])
            results.add(result)
            print(", ".join(f"{name} {result[name]}" for name in (*KEYS, *FOUND[:-1])), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
