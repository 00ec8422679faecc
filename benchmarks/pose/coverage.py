"""Whether the standard errors hold the truth: how often it lies within two of them.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.pose.coverage
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.pose.coverage --table

Each case, random rows under a random affine map, is a line of `benchmarks/results/pose/coverage.csv`; those that are
there are left out, so a second call goes on where the first stopped. The seeds are used for nothing else.
"""

import argparse
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch

from benchmarks.cost.units import machine
from benchmarks.pose.__main__ import OUT
from benchmarks.pose.data import PARTS, draw_rows, source_of
from benchmarks.pose.objective import draw_truths, found_map, pixels_between
from benchmarks.pose.results import Results, read
from skmimic import MimicGANProjector
from skmimic.surrogates import describe_affine

__all__ = ["covered", "table"]

NUMBERS = ("rotation_deg", "scale", "shear_deg", "shift_px")
ROWS = (2, 4, 8, 16, 32, 100)
WITHIN = 2.0  # standard errors
KEYS = ("data", "part", "rows", "seed", "map")
FOUND = ("error_px", *(f"{kind}_{name}" for name in NUMBERS for kind in ("error", "se")), "seconds_fit", "machine")
HEAD = (
    "data",
    "rows",
    "maps",
    "map: error, px",
    "rotation: error / standard error, degrees",
    "shift: error / standard error, px",
    f"numbers within {WITHIN:g}, %",
    f"maps with all six within {WITHIN:g}, %",
)


def one_case(case, source):
    """Learn a map; return its errors and their standard errors."""
    truth = draw_truths(case["map"] + 1, case["seed"])[-1]
    rows = draw_rows(source.images, case["rows"], case["seed"], case["map"])
    observed = truth(torch.from_numpy(rows)).numpy()
    estimator = MimicGANProjector(source.gan, surrogate="affine", random_state=case["seed"], data_range=(-1, 1))
    start = time.process_time()
    told = estimator.fit(observed).surrogate_.describe()
    seconds, true = time.process_time() - start, describe_affine(torch.from_numpy(truth.matrix()), rows.shape[1:])
    pixels = pixels_between(found_map(estimator.surrogate_), truth.matrix(), source.side)
    result = {"error_px": f"{pixels:.4f}", "seconds_fit": f"{seconds:.2f}", "machine": machine()}
    for name in NUMBERS:
        result[f"error_{name}"] = _written(np.subtract(told[name], true[name]))
        result[f"se_{name}"] = _written(told["standard_errors"][name])
    return case | result


def _written(values):
    return " ".join(f"{value:.5f}" for value in np.atleast_1d(values))


def covered(lines, name):
    """Tell which numbers (n, k) of one name lie within two standard errors of the truth.

    Parameters
    ----------
    lines : list of dict
        As read from the file.
    name : str
        One of `NUMBERS`.

    Returns
    -------
    ndarray of bool
    """
    return np.abs(_values(lines, f"error_{name}")) < WITHIN * _values(lines, f"se_{name}")


def _values(lines, column):
    return np.array([[float(one) for one in line[column].split()] for line in lines])


def table(lines):
    """Write a line for each data set and number of rows; errors are medians.

    Parameters
    ----------
    lines : list of dict

    Returns
    -------
    str
        Markdown.
    """
    places = sorted({(line["data"], int(line["rows"])) for line in lines})
    body = [_cells(place, [one for one in lines if (one["data"], int(one["rows"])) == place]) for place in places]
    body.append(_cells(("all", ""), lines))
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in (HEAD, ["---"] * len(HEAD), *body))


def _cells(place, lines):
    within = np.concatenate([covered(lines, name) for name in NUMBERS], 1)
    return (
        *place,
        len(lines),
        f"{np.median(_values(lines, 'error_px')):.3f}",
        _medians(lines, "rotation_deg", 2),
        _medians(lines, "shift_px", 3),
        f"{100 * within.mean():.1f}",
        f"{100 * within.all(1).mean():.1f}",
    )


def _medians(lines, name, n_places):
    error, se = (np.median(np.abs(_values(lines, f"{kind}_{name}"))) for kind in ("error", "se"))
    return f"{error:.{n_places}f} / {se:.{n_places}f}"


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["digits16", "digits28"])
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100])
    parser.add_argument("--maps", type=int, default=17, help="of each seed")
    parser.add_argument("--part", choices=PARTS, default="report", help="which half of the held-out rows")
    parser.add_argument("--out", type=Path, default=OUT / "coverage.csv")
    parser.add_argument("--table", action="store_true", help="only write the table of what is there")
    return parser.parse_args(words)


def main(words=None):
    """Measure what is missing."""
    arguments = parsed(words)
    torch.set_num_threads(1)
    if not arguments.table:
        results = Results(arguments.out, (*KEYS, *FOUND), KEYS)
        for seed, index, name, n in product(arguments.seeds, range(arguments.maps), arguments.data, arguments.rows):
            case = dict(zip(KEYS, (name, arguments.part, n, seed, index), strict=True))
            if case not in results:
                results.add(one_case(case, source_of(name, arguments.part)))
    print(table(read([arguments.out])))


if __name__ == "__main__":
    main()
