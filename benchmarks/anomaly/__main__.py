"""One class left out: how well each method tells it from new rows of the others.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.anomaly --left-out 9 1 --rows 300
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.anomaly --methods GANomaly --budget published
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.anomaly --methods "PGD/AnoGAN" --held-out 100 --rows 100
    python -m benchmarks.anomaly.report

Each case is a line of `benchmarks/results/anomaly/left_out.csv`; those that are there are left out, so a second call
goes on where the first stopped; networks are kept in a folder as soon as they are trained. Seconds are of processor
time, one thread. The settings of skmimic were chosen on the digits 1, 4, 7 and 9.

Methods that train have a budget: "quick" is for one slow core, "published" what their authors say, a number so many
steps. Methods that project rows and those of PyOD are measured where they are asked for: the first are slow, the others
need `pip install -c constraints.txt pyod tqdm`.
"""

import argparse
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.anomaly.budgets import BUDGETS, CACHE, Budget
from benchmarks.anomaly.data import CLASSES, LOADERS, SPLITS, draw_task
from benchmarks.anomaly.methods import DEFAULT, METHODS, TRAINED, learn
from benchmarks.cost.units import machine
from benchmarks.pose.results import Results
from skmimic.metrics import detection_rate, p_values

OUT = Path(__file__).parents[1] / "results" / "anomaly" / "left_out.csv"
KEYS = ("data", "split", "left_out", "seed", "memory", "held_out", "rows", "method", "budget")
MEASURES = ("auroc", "average_precision", "false_alarms", "found_at_5")
FOUND = (*MEASURES, "steps", "seconds_fit", "rows_per_second", "machine")
ALPHA = 0.05  # false alarms that are allowed


def measured(task, method, budget):
    """Learn, score, and compare; return the columns of the answer."""
    start = time.process_time()
    learned = learn(method, task, budget)
    held_out, ready = learned.score(task.held_out), time.process_time()
    fresh, strange = learned.score(task.fresh), learned.score(task.strange)
    seconds = time.process_time() - ready
    return compared(fresh, strange, held_out) | {
        "steps": learned.steps,
        "seconds_fit": f"{ready - start + learned.seconds:.1f}",
        "rows_per_second": f"{(len(fresh) + len(strange)) / seconds:.1f}",
        "machine": machine(),
    }


def compared(fresh, strange, held_out):
    """Measure how well scores, of which higher are stranger, tell rows apart.

    Parameters
    ----------
    fresh, strange, held_out : ndarray
        Scores of new normals, of anomalies, and of the normals that thresholds are set by.

    Returns
    -------
    dict of str
    """
    truth, scores = np.repeat([0, 1], [len(fresh), len(strange)]), np.concatenate([fresh, strange])
    values = (
        roc_auc_score(truth, scores),
        average_precision_score(truth, scores),
        (p_values(-fresh, -held_out) <= ALPHA).mean(),
        detection_rate(-strange, -held_out, alpha=ALPHA),
    )
    return {name: f"{value:.4f}" for name, value in zip(MEASURES, values, strict=True)}


def tasks_of(arguments):
    """List the tasks."""
    for data in arguments.data:
        left_out = CLASSES[data] if arguments.left_out is None else arguments.left_out
        for values in product([data], arguments.splits, left_out, arguments.seeds, arguments.memory):
            yield dict(zip(KEYS, (*values, arguments.held_out, arguments.rows), strict=False))


def budget_name(word):
    """Check the name of a budget."""
    if word not in BUDGETS and not (word.isdecimal() and int(word)):
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(BUDGETS)} or a number of steps, got {word!r}.")
    return word


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=LOADERS, default=["mnist"])
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS)
    parser.add_argument("--left-out", type=int, nargs="+", help="classes, one after another; default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--memory", type=int, nargs="+", default=[42_000], help="normal rows to learn from, at most")
    parser.add_argument("--held-out", type=int, default=500, help="normal rows that thresholds are set by, at most")
    parser.add_argument("--rows", type=int, default=1000, help="new rows of each kind, at most")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=DEFAULT)
    parser.add_argument("--budget", type=budget_name, default="quick", help="quick, published or steps, of trainings")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the networks that are trained")
    parser.add_argument("--out", type=Path, default=OUT, help="the file of results")
    return parser.parse_args(words)


def cases_of(wanted, arguments):
    """List the cases of a task, a method each; only trained ones have a budget."""
    for method in arguments.methods:
        yield wanted | {"method": method, "budget": arguments.budget if method in TRAINED else "none"}


def main(words=None):
    """Measure what is missing."""
    arguments = parsed(words)
    torch.set_num_threads(1)
    results = Results(arguments.out, (*KEYS, *FOUND), KEYS)
    budget, n_failed = Budget(arguments.budget, arguments.cache), 0
    for wanted in tasks_of(arguments):
        missing = [case for case in cases_of(wanted, arguments) if case not in results]
        task = draw_task(**wanted) if missing else None
        for case in missing:
            try:
                result = case | measured(task, case["method"], budget)
            except (ValueError, RuntimeError) as error:
                n_failed += 1
                print(f"failed: {case}: {error}", file=sys.stderr, flush=True)
                continue
            results.add(result)
            print(", ".join(f"{name} {result[name]}" for name in (*KEYS, *FOUND[:-1])), flush=True)
    return min(n_failed, 1)


if __name__ == "__main__":
    sys.exit(main())
