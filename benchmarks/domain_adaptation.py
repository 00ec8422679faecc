"""Regenerate Table 1 and Figure 8 of the paper: MNIST to USPS and back, all rows, every method in its own process.

    SKMIMIC_DATA=... python benchmarks/domain_adaptation.py
    SKMIMIC_DATA=... python benchmarks/domain_adaptation.py --domains more
    SKMIMIC_DATA=... python benchmarks/domain_adaptation.py --rows 300 --methods none ours --seeds 0

One JSON a direction, method and generator seed is written; what exists is not run again. The generators are those of
`train_models.py`; subspace alignment and optimal transport need ``pip install "skmimic[baselines]"``.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from adaptation_classifiers import cnn_hits, nearest_neighbour_hits, trained_network
from adaptation_domains import DIRECTIONS, MORE, PAIRS, load_pair, model_path
from adaptation_methods import METHODS as PROJECTIONS
from adaptation_methods import SEEDED, SHRUNK_BY_AREAS, Options
from adaptation_report import draw_figure, read_results, table

import skmimic
from skmimic import Generator

OUT = Path(__file__).parent / "results" / "domain_adaptation"
GROUPS = {"table1": DIRECTIONS, "more": MORE}
BASELINES = ("subspace", "ot", "ot_map")
METHODS = (*PROJECTIONS, *BASELINES)
MORE_METHODS = ("none", "pgd", "pgd_tuned", "ours", "ours_labelled")
PACKAGES = ("numpy", "torch", "scikit-learn", "skada", "POT")


def peak_mib():
    """Tell the highest resident memory of this process so far; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def packages():
    """Versions of what takes part, None where it is not installed."""
    versions = {"python": platform.python_version(), "skmimic": skmimic.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions


def implementation(method):
    """Find the function of a method; skada and POT are needed only for theirs."""
    if method in PROJECTIONS:
        return PROJECTIONS[method]
    import adaptation_baselines

    return adaptation_baselines.METHODS[method]


def figure_rows(pair):
    """Choose the digits of Figure 8: of each class the first two in the random order."""
    labels = pair.y_target[pair.order]
    return np.concatenate([pair.order[labels == label][:2] for label in np.unique(labels)])


def judge(pair, alignment, work):
    """Accuracy of both classifiers on the rows outside of the validation set, and of 1-NN on that set."""
    accuracy = {"knn": None, "cnn": None, "knn_validation": None}
    y, is_validation = pair.y_target[alignment.rows], np.isin(alignment.rows, pair.validation)
    if alignment.X is not None:
        hits = nearest_neighbour_hits(alignment.X_source, alignment.y_source, alignment.X, y)
        accuracy["knn"] = float(hits[~is_validation].mean())
        accuracy["knn_validation"] = float(hits[is_validation].mean())
    if alignment.images is not None:
        weights = work / f"cnn_{zlib.crc32(pair.X_source.tobytes()):08x}.pt"
        network = trained_network(pair.X_source, pair.y_source, weights)
        accuracy["cnn"] = float(cnn_hits(network, alignment.images, y)[~is_validation].mean())
    return accuracy


def keep_images(pair, alignment, path):
    """Write the digits of Figure 8, if all of them were aligned."""
    chosen = figure_rows(pair)
    if alignment.images is None or not np.isin(chosen, alignment.rows).all():
        return None
    order = np.argsort(alignment.rows)
    places = order[np.searchsorted(alignment.rows, chosen, sorter=order)]
    aligned = alignment.images[places].round().astype(np.uint8)
    np.savez_compressed(path, target=pair.X_target[chosen], aligned=aligned, rows=chosen)
    return path.name


def measure(direction, method, seed, options, arguments, path):
    """Run one method in this process and write its result."""
    pair = load_pair(direction, by_areas=method in SHRUNK_BY_AREAS).limited(arguments.rows)
    gan = Generator.load(model_path(direction, seed)) if method in SEEDED else None
    align, before = implementation(method), peak_mib()
    start = time.perf_counter()
    alignment = align(pair, gan, seed, options)
    seconds, peak = time.perf_counter() - start, peak_mib()
    result = {
        "direction": direction,
        "label": label_of(method, options),
        "seed": seed,
        "accuracy": judge(pair, alignment, arguments.work),
        "seconds": seconds,
        "seconds_all_rows": seconds * alignment.scale,
        "scale": alignment.scale,
        "peak_mib": peak,
        "peak_mib_before": before,
        "n_source": len(pair.X_source),
        "n_rows": len(pair.X_target),
        "n_aligned": len(alignment.rows),
        "n_reported": int((~np.isin(alignment.rows, pair.validation)).sum()),
        "parameters": alignment.parameters,
        "kept": keep_images(pair, alignment, path.with_suffix(".npz")),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "threads": torch.get_num_threads(),
        "versions": packages(),
    }
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(result, indent=1) + "\n")
    unfinished.replace(path)


def label_of(method, options):
    """Name a row of the table: the method and how its preset was changed."""
    changes = options.preset if method == "mimicgan" else {}
    return "+".join([method, *(f"{name}={value}" for name, value in sorted(changes.items()))])


def planned(arguments):
    """List the runs that were asked for, each as direction, method and seed."""
    directions = arguments.directions or GROUPS[arguments.domains]
    for direction in directions:
        allowed = METHODS if direction in DIRECTIONS else MORE_METHODS
        for method in [method for method in arguments.methods if method in allowed]:
            for seed in arguments.seeds if method in SEEDED else [0]:
                yield direction, method, seed


def can_run(direction, method, seed):
    """Tell whether the generator is there, and say so when it is not."""
    path = model_path(direction, seed)
    if method not in SEEDED or path.exists():
        return True
    print(f"skipped {direction} {method} seed {seed}: {path} is missing; train it with train_models.py", flush=True)
    return False


def run_all(arguments, options, out):
    """Run what is missing, each in its own process so that its peak memory is its own; returns what failed."""
    failed = []
    for direction, method, seed in planned(arguments):
        path = out / f"{direction.replace('->', '-')}_{label_of(method, options)}_{seed}.json"
        if (path.exists() and not arguments.again) or not can_run(direction, method, seed):
            continue
        print(f"{direction} {label_of(method, options)} seed {seed} ...", flush=True)
        command = [sys.executable, __file__, *sys.argv[1:], "--one", direction, method, str(seed), str(path)]
        if subprocess.run(command, check=False).returncode:
            failed.append(f"{direction} {method} seed {seed}")
            print(f"failed: {failed[-1]}", flush=True)
    return failed


def setting(text):
    """Read NAME=VALUE, the value as JSON if it is."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def parsed():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--domains", choices=GROUPS, default="table1", help="the paper's two directions, or other domains")
    add("--directions", nargs="+", choices=PAIRS, help="only these of the domains")
    add("--methods", nargs="+", choices=METHODS, default=METHODS)
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the generators and of the methods that use them")
    add("--rows", type=int, help="cut the target to so many rows, for tries; written to a folder of their own")
    add("--paper-rows", type=int, default=1000, help="rows of Algorithm 1, the time is extrapolated")
    add("--pgd-rows", type=int, default=2000, help="rows of PGD, the time is extrapolated")
    add(
        "--preset", type=setting, nargs="+", default=[], help="changes of the paper's preset, as T=40 optimizer=rmsprop"
    )
    add("--plain-rounds", type=int, default=1, help="rounds of the plain Algorithm 1 that are timed, of 20")
    add("--out", type=Path, default=OUT)
    add("--work", type=Path, default=Path.home() / ".cache" / "skmimic", help="folder of the CNN's weights")
    add("--again", action="store_true", help="run what exists, too")
    add("--table-only", action="store_true", help="only write the table and the figure")
    add("--one", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Run what is missing, then write the table and the figure."""
    arguments = parsed()
    options = Options(arguments.paper_rows, arguments.pgd_rows, dict(arguments.preset), arguments.plain_rounds)
    if arguments.one:
        direction, method, seed, path = arguments.one
        return measure(direction, method, int(seed), options, arguments, Path(path))
    out = arguments.out / f"rows_{arguments.rows}" if arguments.rows else arguments.out
    out.mkdir(parents=True, exist_ok=True)
    failed = [] if arguments.table_only else run_all(arguments, options, out)
    results = read_results(out)
    text = table(results)
    (out / "table.md").write_text(text, encoding="utf-8")
    print(text)
    draw_figure(results, out, out / "figure_8.png")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
