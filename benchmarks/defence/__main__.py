"""Figure 9: what defences leave of a classifier's accuracy under attack, by those who know of them and who don't.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.defence
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.defence --methods none MimicDefense --rows 200 \\
        --attacks exact bpda margin walk poison
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.defence --methods Defense-GAN INC Cowboy --rows 100
    python -m benchmarks.defence.report

Each case is a line of `benchmarks/results/defence/attacks.csv`; those that are there are left out, so a second call
goes on where the first stopped. Attacked images and trained encoders are kept in a folder. Networks are those of
`benchmarks/models` (`python -m benchmarks.defence.networks`). Accuracies are in %, seconds are of processor time.
`--part settings` measures on 300 other images, on which settings are chosen.
"""

import argparse
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path

import torch

from benchmarks.defence.attacks import GROUPS, Attack, measured
from benchmarks.defence.data import CACHE, PARTS, fashion_world
from benchmarks.defence.methods import METHODS, SLOW, TAKES_GENERATOR, Learned, learn
from benchmarks.defence.networks import KINDS
from benchmarks.pose.results import Results, read
from skmimic.exceptions import SkmimicError

OUT = Path(__file__).parents[1] / "results" / "defence" / "attacks.csv"
KEYS = ("data", "generator", "seed", "method", "attack", "strength", "gradient", "rows")
FOUND = ("accuracy", "undefended", "seconds", "rows_per_second", "commit")
DEFAULT_METHODS = [method for method in METHODS if method not in SLOW]
DEFAULT_ATTACKS = ["clean", "paper", "universal", "large"]


class Runner:
    """Measures cases that are not in a file of results.

    Parameters
    ----------
    world : World
    out : Path
    """

    def __init__(self, world, out):
        self.world, self.out = world, out
        self.results = Results(out, (*KEYS, *FOUND), KEYS)

    def run(self, method, kind, seed, attack, rows):
        """Measure a case that is missing; return its accuracy."""
        case = self.case(method, kind, seed, attack, rows)
        if case not in self.results:
            told = measured(attack, self.world.first(rows), self._learned(method, kind, seed, attack), seed)
            told |= {"undefended": self._undefended(method, kind, seed, attack, rows, told), "commit": commit()}
            self.results.add(case | told)
            print(", ".join(f"{name} {value}" for name, value in (case | told).items()), flush=True)
        return self._accuracy(case)

    def case(self, method, kind, seed, attack, rows):
        """Return the keys; what needs no generator is measured once."""
        if not _has_generator(method, attack):
            kind, seed = "-", 0
        rows = min(rows, len(self.world.images))
        values = {"data": self.world.name, "generator": kind, "seed": seed, "method": method, "rows": rows}
        return values | attack.key

    def _undefended(self, method, kind, seed, attack, rows, told):
        """Accuracy without a defence under the same attack, by the gradient of the classifier."""
        if method == "none":
            return told["accuracy"]
        alone = Attack(attack.name, attack.strength, "exact") if attack.gradient == "bpda" else attack
        return self.run("none", kind, seed, alone, rows)

    def _accuracy(self, case):
        wanted = {name: str(value) for name, value in case.items()}
        return next(line["accuracy"] for line in read([self.out]) if wanted.items() <= line.items())

    def _learned(self, method, kind, seed, attack):
        found = self._learned_once(method, kind, seed)
        if attack.walks and found.generator is None:
            generator = self.world.generator(kind, seed)
            return Learned(found.clean, found.classifier, found.module, found.has_module, generator)
        return found

    @cache  # noqa: B019 (a runner lives as long as the process)
    def _learned_once(self, method, kind, seed):
        return learn(method, self.world, kind, seed)


def _has_generator(method, attack):
    return method in TAKES_GENERATOR or attack.walks


@cache
def commit():
    """Return the commit of the code, with a plus if files differ from it."""
    words = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        told = subprocess.run(words, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def parsed(words=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=DEFAULT_METHODS)
    parser.add_argument("--attacks", nargs="+", choices=GROUPS, default=DEFAULT_ATTACKS)
    parser.add_argument("--generators", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", type=int, default=500, help="images, at most")
    parser.add_argument("--part", choices=PARTS, default="report")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of attacked images and trainings")
    parser.add_argument("--out", type=Path, default=OUT, help="the file of results")
    return parser.parse_args(words)


def main(words=None, world=None):
    """Measure what is missing; a world of one's own takes the place of Fashion-MNIST."""
    arguments = parsed(words)
    torch.set_num_threads(1)
    runner = Runner(world or fashion_world(arguments.part, arguments.cache), arguments.out)
    attacks = [attack for group in arguments.attacks for attack in GROUPS[group]]
    places = product(arguments.seeds, arguments.generators, arguments.methods)
    n_failed = 0
    for (seed, kind, method), attack in product(places, attacks):
        try:
            runner.run(method, kind, seed, attack, arguments.rows)
        except (ValueError, RuntimeError, FileNotFoundError, SkmimicError) as error:
            n_failed += 1
            told = f"{method}, {kind} {seed}, {attack.name} {attack.strength:g} {attack.gradient}"
            print(f"failed: {told}: {error}", file=sys.stderr, flush=True)
    return min(n_failed, 1)


if __name__ == "__main__":
    sys.exit(main())
