"""Show that `transform` of a memory-mapped array takes memory for its answer and no more.

    python benchmarks/memory.py --rows 4000 16000 64000

For each size a fresh process transforms float32 rows of 16x16 digits, memory-mapped, and reports its largest resident
memory; what 1,000,000 rows need follows from the slope. The answer itself is 1 GiB for a million rows, and the pages
of the map that were read count as resident too until the system wants them back.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def worker(path):
    """Transform the rows of a file and print figures."""
    from skmimic import MimicGANProjector, load_gan

    rows = np.load(path, mmap_mode="r")
    projector = MimicGANProjector(load_gan("mnist16"), surrogate="identity", solver="joint", T=1, T2=1).fit(rows[:500])
    start = time.perf_counter()
    clean = projector.transform(rows)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": len(clean), "peak_MiB": round(peak), "seconds": round(seconds, 1)}))


def main():
    """Run one process for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[4000, 16000, 64000])
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(arguments.worker)
    from skmimic.datasets import load_mnist_sample

    digits = load_mnist_sample(size=16, return_X_y=True)[0].astype(np.float32) / 127.5 - 1
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for n_rows in arguments.rows:
            path = Path(folder, f"{n_rows}.npy")
            np.save(path, np.resize(digits, (n_rows, digits.shape[1])))
            command = [sys.executable, __file__, "--worker", str(path)]
            figures.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            print(figures[-1], flush=True)
    slope = (figures[-1]["peak_MiB"] - figures[0]["peak_MiB"]) / (figures[-1]["rows"] - figures[0]["rows"])
    at_a_million = figures[0]["peak_MiB"] + slope * (1_000_000 - figures[0]["rows"])
    print(f"{1024 * slope:.2f} KiB a row; 1,000,000 rows: {at_a_million:.0f} MiB")


if __name__ == "__main__":
    main()
