"""One class left out: how well each method tells it from new rows of the others.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.anomaly --left-out 9 1 --rows 300

Each case is a line of `benchmarks/results/anomaly/left_out.csv`; those that are there are left out, so a second call
goes on where the first stopped. Seconds are of processor time, one thread. The settings of skmimic were chosen on the
digits 1, 4, 7 and 9.
"""

import argparse
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.anomaly.data import LOADERS, SPLITS, draw_task
from benchmarks.anomaly.methods import METHODS
from benchmarks.cost.units import machine
from benchmarks.pose.results import Results
from skmimic.metrics import detection_rate, p_values

OUT = Path(__file__).parents[1] / "results" / "anomaly" / "left_out.csv"
KEYS = ("data", "split", "left_out", "seed", "memory", "held_out", "rows", "method")
FOUND = ("auroc", "average_precision", "false_alarms", "found_at_5", "seconds_fit", "rows_per_second", "machine")
ALPHA = 0.05  # false alarms that are allowed


def measured(task, method):
    """Learn, score, and compare; return the columns of the answer."""
    start = time.process_time()
    score = METHODS[method](task)
    held_out, learned = score(task.held_out), time.process_time()
    fresh, strange = score(task.fresh), score(task.strange)
    seconds = time.process_time() - learned
    truth = np.repeat([0, 1], [len(fresh), len(strange)])
    scores = np.concatenate([fresh, strange])
    return {
        "auroc": f"{roc_auc_score(truth, scores):.4f}",
        "average_precision": f"{average_precision_score(truth, scores):.4f}",
        "false_alarms": f"{(p_values(-fresh, -held_out) <= ALPHA).mean():.4f}",
        "found_at_5": f"{detection_rate(-strange, -held_out, alpha=ALPHA):.4f}",
        "seconds_fit": f"{learned - start:.1f}",
        "rows_per_second": f"{len(truth) / seconds:.0f}",
        "machine": machine(),
    }


def tasks_of(arguments):
    """List the tasks."""
    columns = (arguments.data, arguments.splits, arguments.left_out, arguments.seeds, arguments.memory)
    for values in product(*columns):
        yield dict(zip(KEYS, (*values, arguments.held_out, arguments.rows), strict=False))


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=LOADERS, default=["mnist"])
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS)
    parser.add_argument("--left-out", type=int, nargs="+", default=range(10))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--memory", type=int, nargs="+", default=[42_000], help="normal rows to learn from, at most")
    parser.add_argument("--held-out", type=int, default=500, help="normal rows that thresholds are set by")
    parser.add_argument("--rows", type=int, default=1000, help="new rows of each kind, at most")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--out", type=Path, default=OUT, help="the file of results")
    return parser.parse_args(words)


def main(words=None):
    """Measure what is missing."""
    arguments = parsed(words)
    torch.set_num_threads(1)
    results = Results(arguments.out, (*KEYS, *FOUND), KEYS)
    for wanted in tasks_of(arguments):
        missing = [method for method in arguments.methods if wanted | {"method": method} not in results]
        task = draw_task(**wanted) if missing else None
        for method in missing:
            result = wanted | {"method": method} | measured(task, method)
            results.add(result)
            print(", ".join(f"{name} {result[name]}" for name in (*KEYS, *FOUND[:-1])), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
