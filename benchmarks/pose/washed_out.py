"""Power of clean rows, and of other data sets, against samples of a generator, where it is lowest over frequencies.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.pose.washed_out

Prints a table, without learning anything. Above `Policy.washed_out_above` samples lack contrast at every frequency, and
``surrogate="auto"`` tries no convolution block, which would make up for the generator. The seeds are reported nowhere.
"""

import argparse
from functools import partial
from pathlib import Path

import torch

from benchmarks.pose.data import draw_rows, source_of
from benchmarks.pose.deviations import of_another
from skmimic import as_generator
from skmimic.datasets import load_mnist, load_usps
from skmimic.engine import Candidates
from skmimic.engine.identification._evidence import lowest_power

ROWS, N_SAMPLES = (8, 32, 100), 600
CLEAN = ("vae1200", "vae_nine_digits", "dcgan1200", "digits16", "digits28", "fashion28")
OTHERS = {"digits16": partial(load_usps, "train"), "usps16": partial(load_mnist, "train")}


def clean(source, seed):
    """Held-out rows as they are."""
    return torch.from_numpy(draw_rows(source.images, max(ROWS), seed, 0))


def main(words=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[700, 701, 702])
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "skmimic" / "pose")
    arguments = parser.parse_args(words)
    cases = [(data, "clean", clean) for data in CLEAN]
    cases += [(data, "of another", partial(of_another, read)) for data, read in OTHERS.items()]
    print("| generator | rows | number | lowest power |\n|---|---|---|---|")
    for data, name, draw in cases:
        source = source_of(data, "settings", arguments.cache)
        candidates = Candidates(as_generator(source.gan).on("cpu"), torch.Generator().manual_seed(0), N_SAMPLES)
        drawn = [draw(source, seed) for seed in arguments.seeds]
        for n in ROWS:
            found = (lowest_power(rows[:n], candidates.images) for rows in drawn)
            print(f"| {data} | {name} | {n} | {' '.join(f'{value:.2f}' for value in found)} |", flush=True)


if __name__ == "__main__":
    main()
