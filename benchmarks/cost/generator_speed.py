"""Processor time and error of PGD in this checkout and in another one, in turn, one thread.

    SKMIMIC_DATA=... python benchmarks/cost/generator_speed.py --other CHECKOUT --data mnist --rows 250 --seeds 20 23
    SKMIMIC_DATA=... python benchmarks/cost/generator_speed.py --other CHECKOUT --data celeba --rows 32 \
        --batch-size 32

The rows are digits of the training set, or faces that the generator was trained on: none that is reported elsewhere.
0.1.0 pads few rows to the batch size, 256; where rows are fewer, only the same batch size compares the same work.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parents[2]


def measure(data, n_rows, batch_size, seed):
    """Project rows and return seconds and the mean d_proj."""
    from skmimic import Generator, PGDProjector, load_gan
    from skmimic.datasets import load_celeba, load_mnist
    from skmimic.metrics import d_proj

    images = load_mnist("train").images if data == "mnist" else load_celeba().images[:-500]
    rows = np.random.default_rng(seed).choice(len(images), n_rows, replace=False)
    X = images[rows].reshape(n_rows, -1).astype(np.float32) / 127.5 - 1
    gan = load_gan("mnist") if data == "mnist" else Generator.load(HERE / "benchmarks/models/celeba64_0.safetensors")
    projector = PGDProjector(gan, batch_size=batch_size, random_state=seed).fit(X[:4])
    start = time.process_time()
    projected = projector.transform(X)
    return {"seconds": time.process_time() - start, "d_proj": float(d_proj(X, projected).mean())}


def in_checkout(checkout, arguments, seed):
    """Measure in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--data", arguments.data, "--rows", str(arguments.rows)]
    command += ["--batch-size", str(arguments.batch_size), "--one", str(seed)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def main():
    """Print one line a seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", type=Path, help="a checkout to compare with")
    parser.add_argument("--data", choices=("mnist", "celeba"), default="mnist")
    parser.add_argument("--rows", type=int, default=250)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--seeds", type=int, nargs="+", default=[20])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(measure(arguments.data, arguments.rows, arguments.batch_size, arguments.one)))
        return
    for seed in arguments.seeds:
        other, here = (in_checkout(place, arguments, seed) for place in (arguments.other, HERE))
        ratio = here["seconds"] / other["seconds"]
        print(f"seed {seed}: {other} -> {here}, ratio of the seconds {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
