"""Where rows start on a generator with an encoder of its own: nearest sample against encoder, the corruption given.

    SKMIMIC_DATA=... python benchmarks/encoder_start.py
    SKMIMIC_DATA=... python benchmarks/encoder_start.py --data fashion --seeds 0 1 2

Prints the mean objective of the rows, and their distance to the clean images, after some evaluations of objective and
gradient. Lower is better in both. The rows are drawn from the first half of the test images, on which nothing was
chosen.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from skmimic import Generator
from skmimic.datasets import load_fashion_mnist, load_mnist
from skmimic.engine import Adaptation, Settings
from skmimic.metrics import d_proj
from skmimic.surrogates import Affine, Composition, FittedSurrogate, Identity, Photometric, affine_matrix

MODELS = Path(__file__).parent / "models"
DATA = {
    "mnist": (load_mnist, "bigan28_0.safetensors"),
    "fashion": (load_fashion_mnist, "fashion28_vae_0.safetensors"),
}
SHAPE, N_POOL = (1, 28, 28), 5000
EVALUATIONS = (10, 20, 40, 167)
STARTS = {"nearest samples": "nearest", "own encoder": "auto"}


def turned():
    """Turn by 30 degrees, shrink and shift."""
    surrogate = Affine(SHAPE)
    surrogate.theta.data.copy_(affine_matrix(30, 0.85, (0.1, -0.05)))
    return surrogate


def turned_and_inverted():
    """Turn as `turned` does, then invert and dim."""
    photometric = Photometric(SHAPE)
    photometric.gain.data.fill_(-0.6)
    photometric.bias.data.fill_(0.2)
    return Composition([turned(), photometric])


CORRUPTIONS = {"none": Identity, "turned by 30, zoom 0.85": turned, "turned, inverted and dimmed": turned_and_inverted}


def drawn(data, seed, n_rows):
    """Draw test images in [-1, 1]."""
    images = DATA[data][0]("test").data[:N_POOL].reshape(-1, *SHAPE)
    chosen = np.random.default_rng(seed).choice(N_POOL, n_rows, replace=False)
    return torch.tensor(images[chosen] / 127.5 - 1, dtype=torch.float32)


def measured(generator, surrogate, clean, start, n_evaluations, seed):
    """Project rows and return their mean objective and mean distance to the clean images."""
    settings = Settings(solver="joint", start=start, T=1, T2=3 * n_evaluations)
    adaptation = Adaptation(FittedSurrogate(surrogate, "given"), settings, seed=seed)
    with torch.no_grad():
        observed = surrogate(clean)
    _, images, _, _, objectives = adaptation.row_projector(generator, len(clean)).evaluated(observed)
    return float(objectives.mean()), float(d_proj(images.numpy(), clean.numpy()).mean())


def main():
    """Print a line for each corruption and start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=DATA, default="mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the rows and of the samples")
    parser.add_argument("--rows", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    generator = Generator.load(MODELS / DATA[arguments.data][1]).on("cpu")
    print("objective / d_proj after evaluations:", *EVALUATIONS)
    for corruption, make in CORRUPTIONS.items():
        for name, start in STARTS.items():
            cells = []
            for count in EVALUATIONS:
                each = [
                    measured(generator, make(), drawn(arguments.data, seed, arguments.rows), start, count, seed)
                    for seed in arguments.seeds
                ]
                cells.append("{:.2f} / {:.2f}".format(*np.mean(each, 0)))
            print(f"{corruption}, {name}:", *cells, sep="  ", flush=True)


if __name__ == "__main__":
    main()
