"""What "auto" and the known corruption make of rows that principal components draw roughly; where least squares lose.

    SKMIMIC_DATA=... python benchmarks/linear_generators.py
    SKMIMIC_DATA=... python benchmarks/linear_generators.py --data fashion --seeds 0 1 2

One line a corruption: root mean square errors in [-1, 1] of what came in, of "auto", of the known corruption as the
package projects it, and of plain least squares; the least power that the corruption leaves of an image; the family. The
rows of each seed are others, and none was seen by the components.
"""

import argparse
import warnings

import numpy as np
import torch
from sklearn.decomposition import PCA

from skmimic import MimicGANProjector, as_generator
from skmimic.datasets import load_celeba, load_fashion_mnist, load_mnist_sample
from skmimic.engine._closed_form import ClosedForm
from skmimic.exceptions import SkmimicWarning
from skmimic.surrogates import Affine, Blur, Composition, Mask, Photometric

DATA = {
    "digits": (40, 1000, lambda: load_mnist_sample(size=16).images[:, None]),
    "digits100": (100, 1000, lambda: load_mnist_sample(size=16).images[:, None]),
    "fashion": (60, 3000, lambda: load_fashion_mnist("test").images[:, None]),
    "faces": (100, 2000, lambda: load_celeba().images),
}
N_ROWS = 100


def affine(shape, degrees=0.0, zoom=1.0, shift=0.0):
    """Build a map that turns, zooms and shifts to the right and down, in half sides."""
    surrogate, turn = Affine(shape, -1.0), np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn), shift], [np.sin(turn), np.cos(turn), shift]])
    matrix[:, :2] /= zoom
    with torch.no_grad():
        surrogate.theta.copy_(torch.tensor(matrix))
    return surrogate


def mask(shape, first, last):
    """Build a mask of a square, whose corners are parts of the side."""
    surrogate, dead = Mask(shape, learn=False), torch.zeros(shape, dtype=torch.bool)
    inside = slice(int(first * shape[1]), int(last * shape[1]))
    dead[:, inside, inside] = True
    surrogate.set_dead(dead, torch.full(shape, -1.0))
    return surrogate


def tone(shape, gain, bias):
    """Build a gain and a bias."""
    surrogate = Photometric(shape)
    with torch.no_grad():
        surrogate.gain.fill_(gain)
        surrogate.bias.fill_(bias)
    return surrogate


def corruptions(shape):
    """List what the rows go through."""
    return {
        "none": affine(shape),
        "turn 9": affine(shape, 9),
        "turn 40": affine(shape, 40),
        "zoom 1.4": affine(shape, zoom=1.4),
        "zoom 0.5": affine(shape, zoom=0.5),
        "shift": affine(shape, shift=0.3),
        "blur": Blur(shape, 2.0),
        "mask": mask(shape, 0.33, 0.62),
        "half mask": mask(shape, 0.5, 1.0),
        "gain 0.5": tone(shape, 0.5, 0.0),
        "gain 0.6, bias 0.3": tone(shape, 0.6, 0.3),
        "gain 0.85, bias 0.1": tone(shape, 0.85, 0.1),
        "gain 0.6, bias 0.3, mask": Composition([tone(shape, 0.6, 0.3), mask(shape, 0.33, 0.62)]),
    }


def error(images, clean):
    """Root mean square error."""
    return float(np.square(np.asarray(images) - clean).mean() ** 0.5)


def measure(data, seed):
    """Print the lines of one data set and seed."""
    n_components, n_train, load = DATA[data]
    order = np.random.default_rng(seed).permutation(len(images := load()))
    images = images[order] / 127.5 - 1
    clean, train = images[:N_ROWS], images[N_ROWS : N_ROWS + n_train]
    pca = PCA(n_components, random_state=seed).fit(train.reshape(len(train), -1))
    generator, shape = as_generator(pca, data_range=(-1, 1), image_shape=clean.shape[1:]), clean.shape[1:]
    best = error(pca.inverse_transform(pca.transform(clean.reshape(N_ROWS, -1))).reshape(clean.shape), clean)
    print(f"{data}, seed {seed}: the components themselves {best:.3f}", flush=True)
    for name, surrogate in corruptions(shape).items():
        with torch.no_grad():
            rows = surrogate(torch.tensor(clean, dtype=torch.float32))
        known, auto = (
            MimicGANProjector(generator, surrogate=each, data_range=(-1, 1), random_state=seed).fit(rows.numpy())
            for each in (surrogate.requires_grad_(False), "auto")
        )
        form = ClosedForm(*generator.linear_map(), surrogate.float().double(), shape)
        errors = [error(each.transform(rows.numpy()), clean) for each in (auto, known)]
        least = error(form(rows.double())[1].clamp(-1, 1), clean)
        print(
            f"  {name:25} came {error(rows, clean):.3f}  auto {errors[0]:.3f}  known {errors[1]:.3f}  least squares "
            f"{least:.3f}  left {form.least_left:.1e}  {auto.surrogate_.describe()['family']}",
            flush=True,
        )


def main():
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", SkmimicWarning)
    for data in arguments.data:
        for seed in arguments.seeds:
            measure(data, seed)


if __name__ == "__main__":
    main()
