"""What comparing with normal images costs: processor seconds of `fit`, rows a second, and memory.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.cost.detection --report docs/cost.md

Each cell is measured in a fresh process. Normal images are digits, or faces of 64x64, slightly noisy copies of which
stand in for more than there are. Memory is the most that the process took beyond what it had with X loaded.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.cost.units import high_water, machine

CELLS = [("digits", n, "auto") for n in (500, 2_000, 42_000, 50_000)]
CELLS += [
    ("faces", n, score) for n in (5_000, 50_000) for score in ("auto", "patches") if (n, score) != (50_000, "patches")
]
N_NEW = {"digits": 1000, "faces": 100}
MARK, HEAD = (
    "<!-- detector -->",
    "| normals | score | stored, MiB | `fit`, s | memory of `fit`, MiB | rows/s | memory of a call, MiB |",
)


def images_of(data, n, seed):
    """Draw n images as bytes; beyond what there are, copies with noise."""
    from skmimic import datasets

    loaded = datasets.load_mnist("train") if data == "digits" else datasets.load_celeba()
    images, random = loaded.images, np.random.default_rng(seed)
    drawn = images[random.integers(len(images), size=n) if n > len(images) else random.permutation(len(images))[:n]]
    for start in range(0, n, 1000):  # in place and part by part, so that little memory is taken and given back
        part = drawn[start : start + 1000]
        noise = random.integers(-3, 4, size=part.shape, dtype=np.int8)
        drawn[start : start + 1000] = np.clip(part.astype(np.int16) + noise, 0, 255)
    return drawn


def measured(data, n, score):
    """Fit and score in this process."""
    from skmimic import MimicAnomalyDetector

    X, new = images_of(data, n, 0), images_of(data, N_NEW[data], 1)
    costs = {}
    detector = MimicAnomalyDetector(score_by=score, random_state=0)
    for name, work in (("fit", lambda: detector.fit(X)), ("call", lambda: detector.score_samples(new))):
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark falls to what is held now
        before, start = high_water(), time.process_time()
        work()
        costs |= {f"{name}_seconds": time.process_time() - start, f"{name}_memory": (high_water() - before) / 1024}
    return {
        "data": data,
        "n": n,
        "score": score,
        "stored": detector.normals_.memory.images.nbytes / 2**20,
        "rows_per_second": len(new) / costs["call_seconds"],
        "machine": machine(),
        **costs,
    }


def table(cells):
    """Write the cells as Markdown."""
    lines = [HEAD, "|---" * (HEAD.count("|") - 1) + "|"]
    for cell in cells:
        memory = [
            f"{cell[name]:.0f}" for name in ("stored", "fit_seconds", "fit_memory", "rows_per_second", "call_memory")
        ]
        lines.append(f"| {cell['n']:,} {cell['data']} | {cell['score']} | {' | '.join(memory)} |")
    return "\n".join(lines)


def main(words=None):
    """Measure every cell in a process of its own; write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", type=int, default=range(len(CELLS)), help="numbers of cells")
    parser.add_argument("--worker", type=int)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args(words)
    if arguments.worker is not None:
        print(json.dumps(measured(*CELLS[arguments.worker])))
        return
    cells = []
    for number in arguments.cells:
        command = [sys.executable, "-m", "benchmarks.cost.detection", "--worker", str(number)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        cells.append(json.loads(output.splitlines()[-1]))
        print(cells[-1], flush=True)
    if arguments.report is not None:
        kept = arguments.report.read_text(encoding="utf-8").split(MARK)[0]
        told = "`python -m benchmarks.cost.detection`, one run of each cell beside other work. Memory is beyond X."
        text = f"{kept.rstrip()}\n\n{MARK}\n{told} {cells[0]['machine']}.\n\n{table(cells)}\n"
        arguments.report.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
