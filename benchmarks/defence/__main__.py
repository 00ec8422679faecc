"""Figure 9 of the paper and what it leaves out: attacks that know the defence, poisoned batches.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.defence --methods none skmimic --seeds 0 1 2
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.defence --part settings --methods Defense-GAN --seeds 0
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.defence adaptive --rows 200 --seeds 0
    python -m benchmarks.defence.report

One line a case is added to benchmarks/results/defence; what is there is not run again. Weights come from
`benchmarks.defence.networks`.
"""

import argparse
import csv
import subprocess
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.defence.data import OBLIVIOUS, attacked, rows
from benchmarks.defence.methods import (
    GENERATORS,
    GROUP,
    METHODS,
    PAPERS,
    PLAIN,
    SLOW_ROWS,
    defence_of,
    fitted,
    generator,
)
from benchmarks.defence.networks import load_classifier
from skmimic.attacks import Budget, bpda_attack, exact_gradient_attack, latent_walk, margin_attack, poison_batch

OUT = Path(__file__).parent.parent / "results" / "defence"
KEYS = ("part", "method", "generator", "seed", "attack", "rows")
COLUMNS = (*KEYS, "accuracy", "seconds", "commit")
GRADIENTS = {"exact": exact_gradient_attack, "bpda": bpda_attack, "margin": margin_attack}
ADAPTIVE = {  # attack, eps in pixels of [0, 1], restarts
    **{f"exact {eps:g}": ("exact", eps, 1) for eps in (0.05, 0.1, 0.15, 0.3)},
    **{f"bpda {eps:g}": ("bpda", eps, 1) for eps in (0.05, 0.1, 0.15, 0.3)},
    "margin 0.1": ("margin", 0.1, 2),
    "latent walk 0.1": ("latent", 0.1, 3),
    **{f"poison {n}": ("poison", n, 1) for n in (5, 20, 50)},
}
N_STEPS = 20


def hits(network, clean, images, labels):
    """Share of rows that are read rightly after a defence, group by group."""
    groups = range(0, len(images), GROUP)
    with torch.no_grad():
        found = [network(torch.from_numpy(np.float32(clean(images[i : i + GROUP])))).argmax(1).numpy() for i in groups]
    return float(np.mean(np.concatenate(found) == labels))


def oblivious(case, work):
    """Accuracy under an attack that does not know the defence."""
    images, labels = attacked(case["attack"], case["part"])[: case["rows"]], rows(case["part"])[1][: case["rows"]]
    network = load_classifier("fashion28_robust_cnn" if case["method"] == "robust classifier" else "fashion28_cnn")
    return hits(network, defence_of(case["method"], case["generator"], case["seed"], work), images, labels)


def adaptive(case, work):
    """Accuracy under an attack that knows the defence; of the rows that are not the attacker's, where it poisons."""
    images, labels = (part[: case["rows"]] for part in rows(case["part"]))
    name = "fashion28_robust_cnn" if case["method"] == "robust classifier" else "fashion28_cnn"
    network, module = load_classifier(name), None
    if case["method"] == "skmimic":
        defence = fitted(case["generator"], case["seed"], work).module()

        def module(batch):
            return defence(batch * 255) / 255

    kind, amount, n_restarts = ADAPTIVE[case["attack"]]
    if kind == "poison":
        result = poison_batch(module, network, images, labels, amount, group_size=GROUP, random_state=0)
    elif kind == "latent":
        budget = Budget(amount, N_STEPS, n_restarts=n_restarts, norm="rms")
        result = latent_walk(generator(case["generator"], case["seed"]), network, images, labels, budget, clean=module)
    else:
        budget = Budget(amount, N_STEPS, n_restarts=n_restarts)
        result = GRADIENTS[kind](module, network, images, labels, budget, group_size=GROUP, random_state=0)
    return result.accuracy


def read(path):
    """Return the lines of the results."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(case, measure, work, path):
    """Run a case that has no line yet."""
    key = [str(case[name]) for name in KEYS]
    if any([line[name] for name in KEYS] == key for line in read(path)):
        return
    start = time.process_time()
    accuracy = 100 * measure(case, work)
    line = {**case, "accuracy": f"{accuracy:.2f}", "seconds": f"{time.process_time() - start:.1f}", "commit": commit()}
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(line)
    print(" ".join(f"{name} {value}" for name, value in line.items()), flush=True)


def commit():
    """Short name of the present commit."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("kind", nargs="?", choices=["oblivious", "adaptive"], default="oblivious")
    add("--methods", nargs="+", choices=METHODS)
    add("--generators", nargs="+", choices=GENERATORS, default=["vae"])
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--attacks", nargs="+", choices=[*OBLIVIOUS, *ADAPTIVE])
    add("--rows", type=int, help="of the part; 100 of slow methods unless said")
    add("--part", choices=["report", "settings"], default="report")
    add("--work", type=Path, default=Path.home() / ".cache" / "skmimic" / "defence")
    add("--out", type=Path, default=OUT)
    return parser.parse_args(words)


def main(words=None):
    """Run what is missing."""
    arguments = parsed(words)
    is_adaptive = arguments.kind == "adaptive"
    measure, every = (adaptive, tuple(ADAPTIVE)) if is_adaptive else (oblivious, OBLIVIOUS)
    arguments.work.mkdir(parents=True, exist_ok=True)
    for method in arguments.methods or (("skmimic",) if is_adaptive else METHODS):
        usual = SLOW_ROWS if method in PAPERS or method == "PGD" else len(rows(arguments.part)[0])
        pairs = [("-", 0)] if method in PLAIN else [(g, s) for g in arguments.generators for s in arguments.seeds]
        for kind, seed in pairs:
            for attack in arguments.attacks or every:
                known = {"method": method, "generator": kind, "seed": seed, "attack": attack}
                case = {"part": arguments.part, **known, "rows": arguments.rows or usual}
                run(case, measure, arguments.work, arguments.out / f"{arguments.kind}.csv")


if __name__ == "__main__":
    main()
