"""Error rates: how often fresh normal rows raise an alarm, and which part of a list of anomalies is none.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.anomaly.calibration --left-out 9 1
    python -m benchmarks.anomaly.report

The detector holds 2,000 normal rows out. Alarms are p-values of at most .05, on up to 10,000 fresh normals; a threshold
from m held-out rows has a rate that spreads by sqrt(.05 * .95 / m) around .05, .005 for 2,000. Lists are what
`scipy.stats.false_discovery_control` keeps at .1 of 200 draws of 160 normals and 40 anomalies: where anomalies are hard
to tell they are short or empty, and "found_in_lists" says so. With a corruption, all new rows went
through it, and the detector has adapted to 128 fresh normals that did; these are not scored. Each case is a line of
`benchmarks/results/anomaly/calibration.csv`; those that are there are left out.
"""

import argparse
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from scipy.stats import false_discovery_control

from benchmarks.anomaly.__main__ import ALPHA, OUT, budget_name
from benchmarks.anomaly.budgets import CACHE, Budget
from benchmarks.anomaly.data import CLASSES, LOADERS, SPLITS, draw_task
from benchmarks.anomaly.stream_data import CORRUPTIONS, corrupted
from benchmarks.anomaly.streams import ADAPTED, DRAWN, Stream, budget_of
from benchmarks.cost.units import machine
from benchmarks.pose.results import Results, in_short

__all__ = ["LEVEL", "false_discoveries"]

CALIBRATION_OUT = OUT.with_name("calibration.csv")
LEVEL, N_DRAWS, N_NORMAL, N_STRANGE = 0.1, 200, 160, 40  # of false discoveries; rows of a draw
KEYS = (*DRAWN, "batch", "corruption", "method", "budget")
FOUND = (
    "n_calibration",
    "n_fresh",
    "false_alarms",
    "found_at_5",
    "false_discoveries",
    "standard_error",
    "found_in_lists",
    "described",
    "seconds",
    "machine",
)
CLEAN = "mimic frozen"
METHODS = (CLEAN, *ADAPTED)


def false_discoveries(normal, strange, n_draws=N_DRAWS, seed=0):
    """Draw mixed rows, list those that are called anomalies, and count the false ones.

    Parameters
    ----------
    normal, strange : ndarray
        p-values of normal rows and of anomalies.
    n_draws, seed : int

    Returns
    -------
    proportions, found : ndarray (n_draws,)
        Part of a list that is normal, 0 for an empty one; and part of the anomalies that are in it.
    """
    random = np.random.default_rng(seed)
    n_normal, n_strange = min(N_NORMAL, len(normal)), min(N_STRANGE, len(strange))
    proportions, found = np.empty(n_draws), np.empty(n_draws)
    for i in range(n_draws):
        drawn = [random.choice(values, n, replace=False) for values, n in ((normal, n_normal), (strange, n_strange))]
        listed = false_discovery_control(np.concatenate(drawn)) <= LEVEL
        proportions[i] = listed[:n_normal].sum() / max(listed.sum(), 1)
        found[i] = listed[n_normal:].mean()
    return proportions, found


def measured(stream, method, corruption):
    """Compute p-values of the rows of a stream; return the columns of the answer."""
    start, described = time.process_time(), ""
    if method in ADAPTED:
        detector, _ = stream.adapted(ADAPTED[method], corruption)
        described = in_short(detector.surrogate_.describe())
    else:
        detector = stream.fitted()
    fresh, strange = (detector.p_values(corrupted(rows, corruption)) for rows in (stream.fresh, stream.strange))
    proportions, found = false_discoveries(fresh, strange, seed=stream.task.seed)
    return {
        "n_calibration": len(detector.calibration_scores_),
        "n_fresh": len(fresh),
        "false_alarms": f"{(fresh <= ALPHA).mean():.4f}",
        "found_at_5": f"{(strange <= ALPHA).mean():.4f}",
        "false_discoveries": f"{proportions.mean():.4f}",
        "standard_error": f"{proportions.std(ddof=1) / len(proportions) ** 0.5:.4f}",
        "found_in_lists": f"{found.mean():.4f}",
        "described": described,
        "seconds": f"{time.process_time() - start:.1f}",
        "machine": machine(),
    }


def cases_of(drawn, arguments):
    """List the cases of a draw: the detector as it is on clean rows, adapted ones on all."""
    for method, corruption in product(arguments.methods, arguments.corruptions):
        if method in ADAPTED or corruption == "none":
            told = {"batch": arguments.batch, "corruption": corruption, "method": method}
            yield drawn | told | {"budget": budget_of(method, arguments.budget)}


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=LOADERS, default="mnist")
    parser.add_argument("--split", choices=SPLITS, default="random")
    parser.add_argument("--left-out", type=int, nargs="+", help="classes, one after another; default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--memory", type=int, default=42_000, help="normal rows; a fifth or 2,000 are held out")
    parser.add_argument("--rows", type=int, default=10_000, help="fresh normals, and anomalies, at most")
    parser.add_argument("--batch", type=int, default=128, help="rows to adapt to")
    parser.add_argument("--corruptions", nargs="+", choices=CORRUPTIONS, default=["none", "rotation and gain"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[CLEAN, "mimic adapted, VAE"])
    parser.add_argument("--budget", type=budget_name, default="quick", help="quick, published or steps, of trainings")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the networks that are trained")
    parser.add_argument("--out", type=Path, default=CALIBRATION_OUT, help="the file of results")
    return parser.parse_args(words)


def main(words=None):
    """Measure what is missing."""
    arguments = parsed(words)
    torch.set_num_threads(1)
    results = Results(arguments.out, (*KEYS, *FOUND), KEYS)
    budget = Budget(arguments.budget, arguments.cache)
    left_out = CLASSES[arguments.data] if arguments.left_out is None else arguments.left_out
    for one, seed in product(left_out, arguments.seeds):
        values = arguments.data, arguments.split, one, seed, arguments.memory, 0, arguments.rows
        drawn = dict(zip(DRAWN, values, strict=True))
        missing = [case for case in cases_of(drawn, arguments) if case not in results]
        if not missing:
            continue
        task = draw_task(**drawn | {"rows": arguments.rows + arguments.batch})
        stream = Stream(task, arguments.batch, 0.0, budget, arguments.rows)
        for case in missing:
            result = case | measured(stream, case["method"], case["corruption"])
            results.add(result)
            print(", ".join(f"{name} {result[name]}" for name in (*KEYS, *FOUND[:-1])), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
