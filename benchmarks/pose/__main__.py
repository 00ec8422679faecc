"""Any pose: how near the map is that each method finds, and whether clean rows come back as they are.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.pose maps
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.pose clean
    python -m benchmarks.pose.report

Each case is a line of `benchmarks/results/pose/maps.csv` or `clean.csv`; those that are there are left out, so a
second call goes on where the first stopped. Delete the file, or pass another, to measure other code.
"""

import argparse
import sys
import time
from itertools import product
from pathlib import Path

import torch

from benchmarks.cost.units import machine
from benchmarks.pose.data import CLEAN, DATA, PARTS, draw_rows, source_of
from benchmarks.pose.objective import (
    TONES,
    Truth,
    draw_truths,
    error_of_gain,
    found_map,
    is_no_corruption,
    pixels_between,
)
from benchmarks.pose.results import Results, in_short
from benchmarks.pose.solvers import LEARNERS, METHODS, run
from skmimic.metrics import d_proj

N_MAPS, ROWS, ROWS_OF_FACES, ROWS_CLEAN = 24, (2, 4, 8, 16, 32, 100), (48,), (8, 32, 100)
OUT = Path(__file__).parents[1] / "results" / "pose"
KEYS = ("data", "part", "rows", "tone", "seed", "map", "method")
FOUND = ("family", "has_mask", "error_px", "error_gain", "d_proj", "seconds_fit", "seconds_transform")
CLEAN_KEYS = ("data", "part", "rows", "seed", "method")
CLEAN_FOUND = ("family", "is_clean", "error_px", "error_gain", "described", "d_proj", "seconds_fit")
COMMON = ("warned", "machine")


def measured(source, rows, seed, method, truth):
    """Run a method on rows that went through the truth; return the answer and its columns."""
    observed = truth(torch.from_numpy(rows)).numpy()
    answer = run(method, source.gan, observed, seed, f=truth)
    flat = (images.reshape(len(images), -1).clip(-1, 1) for images in (rows, answer.images))
    told = {
        "d_proj": f"{d_proj(*flat).mean():.4f}",
        "seconds_fit": f"{answer.seconds_fit:.2f}",
        "seconds_transform": f"{answer.seconds_transform:.2f}",
        "warned": " ".join(answer.warned),
        "machine": machine(),
    }
    if answer.surrogate is None:
        return answer, told
    learned = {
        "family": answer.surrogate.family,
        "error_px": f"{pixels_between(found_map(answer.surrogate), truth.matrix(), source.side):.4f}",
        "error_gain": f"{error_of_gain(answer.surrogate, truth.gain):.4f}",
    }
    return answer, told | learned


def one_map(case, source):
    """Measure a method on one map."""
    truth = draw_truths(case["map"] + 1, case["seed"], case["tone"])[-1]
    rows = draw_rows(source.images, case["rows"], case["seed"], case["map"])
    answer, told = measured(source, rows, case["seed"], case["method"], truth)
    has_mask = "" if answer.surrogate is None else int("fraction_masked" in answer.surrogate.describe())
    return case | told | {"has_mask": has_mask}


def one_clean(case, source):
    """Measure a method on rows that went through nothing."""
    rows = draw_rows(source.images, case["rows"], case["seed"], 0)
    answer, told = measured(source, rows, case["seed"], case["method"], Truth())
    described = answer.surrogate.describe()
    told = {name: value for name, value in told.items() if name in (*CLEAN_FOUND, *COMMON)}
    return case | told | {"is_clean": int(is_no_corruption(described)), "described": in_short(described)}


def cases_of(arguments):
    """List the cases, method by method on the same rows."""
    for name in arguments.data:
        all_rows = arguments.rows or (ROWS_OF_FACES if name == "faces64" else ROWS)
        for n, tone, seed, index in product(all_rows, arguments.tones, arguments.seeds, range(arguments.maps)):
            for method in arguments.methods:
                values = name, arguments.part, n, tone, seed, index, method
                yield dict(zip(KEYS, values, strict=True))


def clean_cases_of(arguments):
    """List the cases without a corruption."""
    for name, n, seed in product(arguments.data, arguments.rows or ROWS_CLEAN, arguments.seeds):
        for method in arguments.methods:
            values = name, arguments.part, n, seed, method
            yield dict(zip(CLEAN_KEYS, values, strict=True))


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    maps, clean = modes.add_parser("maps"), modes.add_parser("clean")
    maps.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    maps.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    maps.add_argument("--maps", type=int, default=N_MAPS, help="of each seed")
    maps.add_argument("--tones", nargs="+", choices=TONES, default=("none",), help="gain and bias, inverted or not")
    clean.add_argument("--data", nargs="+", choices=CLEAN, default=CLEAN)
    clean.add_argument("--methods", nargs="+", choices=LEARNERS, default=("affine", "auto"))
    for mode in (maps, clean):
        mode.add_argument("--rows", type=int, nargs="+")
        mode.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
        mode.add_argument("--part", choices=PARTS, default="report", help="which half of the held-out rows")
        mode.add_argument("--out", type=Path, help="the file of results")
        mode.add_argument(
            "--cache",
            type=Path,
            default=Path.home() / ".cache" / "skmimic" / "pose",
            help="folder of the generators that are trained here",
        )
    return parser.parse_args(words)


def main(words=None):
    """Measure what is missing."""
    arguments = parsed(words)
    torch.set_num_threads(1)
    is_maps = arguments.mode == "maps"
    list_cases, measure = (cases_of, one_map) if is_maps else (clean_cases_of, one_clean)
    keys, found = (KEYS, FOUND) if is_maps else (CLEAN_KEYS, CLEAN_FOUND)
    results = Results(arguments.out or OUT / f"{arguments.mode}.csv", (*keys, *found, *COMMON), keys)
    n_failed = 0
    for case in list_cases(arguments):
        if case in results:
            continue
        start = time.perf_counter()
        try:
            result = measure(case, source_of(case["data"], case["part"], arguments.cache))
        except (ValueError, RuntimeError, FileNotFoundError) as error:
            n_failed += 1
            print(f"failed: {case}: {error}", file=sys.stderr, flush=True)
            continue
        results.add(result)
        told = (f"{name} {result[name]}" for name in (*keys, *found) if result.get(name, "") != "")
        print(", ".join(told), f"({time.perf_counter() - start:.0f} s)", flush=True)
    return min(n_failed, 1)


if __name__ == "__main__":
    sys.exit(main())
