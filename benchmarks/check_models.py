"""Do the generators of Section 4 show what they were trained on: all of it, and not by heart?

    pip install "skmimic[metrics]"
    SKMIMIC_DATA=... python benchmarks/check_models.py --work FOLDER

500 samples stand beside 500 held-out images and, as a control, 500 images drawn from a Gaussian of 100 principal
components. Every figure of samples is the mean over five draws:

- memorisation: mean distance of an image to the nearest training image. Far below that of held-out images it
  would mean that training images are repeated.
- diversity: mean distance between two images. Far below that of held-out images it would mean that few are shown.
- coverage: share of the held-out images that have one of the images nearer than their fifth neighbour among the
  held-out ones, by features [1]_. As many training images in place of samples give what can be expected.
- FID: Frechet distance between the features of the images and of all training images, by torchmetrics. The features
  are our own, so it compares with no one else's: for digits the last layer but one of a network that reads them,
  for faces the channel means of what the last layer sees of the discriminator trained on the other set of faces.

.. [1] M. F. Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML 2020.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from adaptation_classifiers import trained_network
from robustness_data import scaled
from robustness_units import environment, save_json
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances, pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from train_models import FOLDER, HELD_OUT, mirrored

from skmimic import Generator, load_gan
from skmimic.datasets import load_celeba, load_lfw, load_mnist

OUT = Path(__file__).parent / "results" / "models.json"
N_IMAGES, N_DRAWS, N_COMPONENTS, N_NEIGHBOURS, CHUNK = 500, 5, 100, 5, 250
N_PLACES = 16  # of the 4x4 maps at the end of a discriminator
FIGURES = ("memorisation", "diversity", "coverage", "fid")
SCALE = ("held_out", "training", "gaussian")  # what stands beside the samples


@dataclass(frozen=True)
class Subject:
    """A generator, the images in [-1, 1] it was trained on, others of the kind, and a module giving their features."""

    generator: Generator
    training: np.ndarray
    held_out: np.ndarray
    features: nn.Module


class DigitFeatures(nn.Module):
    """Map digits (n, 1, h, w) to what the last layer of a network that reads them at 16x16 sees, (n, 128)."""

    num_features = 128

    def __init__(self, work):
        super().__init__()
        X, y = load_mnist("train", size=16, return_X_y=True)
        self.network = trained_network(X, y, work / "digits16.pt")[:-1]

    def forward(self, images):
        """Compute the features."""
        return self.network(nn.functional.interpolate(images, (16, 16), mode="bilinear", antialias=True))


class FaceFeatures(nn.Module):
    """Map faces to the channel means of what the last layer of a discriminator sees."""

    def __init__(self, generator):
        super().__init__()
        self.loaded = generator.on("cpu")
        self.num_features = self(torch.zeros(1, *self.loaded.image_shape)).shape[1]

    def forward(self, images):
        """Compute the features."""
        with torch.no_grad():
            return self.loaded.features(images).reshape(len(images), -1, N_PLACES).mean(2)


def stored(name):
    """Read a generator of benchmarks/models."""
    return Generator.load(FOLDER / f"{name}_0.safetensors")


def digits(generator, work):
    """Digits of 28x28."""
    training, held_out = (load_mnist(part).images[:, None] for part in ("train", "test"))
    return Subject(generator, scaled(training), scaled(held_out[:N_IMAGES]), DigitFeatures(work))


def faces(load, generator, other):
    """Faces with their mirror images; the discriminator of the other set gives the features."""
    images = load().images
    training = scaled(mirrored(images[:-HELD_OUT]))
    return Subject(generator, training, scaled(images[-HELD_OUT:][:N_IMAGES]), FaceFeatures(stored(other)))


SUBJECTS = {
    "mnist": lambda work: digits(load_gan("mnist"), work),
    "bigan28_0": lambda work: digits(stored("bigan28"), work),
    "celeba64_0": lambda work: faces(load_celeba, stored("celeba64"), "lfw64"),
    "bigan_celeba64_0": lambda work: faces(load_celeba, stored("bigan_celeba64"), "lfw64"),
    "lfw64_0": lambda work: faces(load_lfw, stored("lfw64"), "celeba64"),
}


class Evaluator:
    """Measure sets of images against those of a subject.

    Parameters
    ----------
    subject : Subject
    """

    def __init__(self, subject):
        self.subject, self.seen = subject, subject.training.reshape(len(subject.training), -1)
        self.held_out = self._features(subject.held_out)
        neighbours = NearestNeighbors(n_neighbors=N_NEIGHBOURS + 1).fit(self.held_out)
        self.radius = neighbours.kneighbors(self.held_out)[0][:, -1]  # the first is the image itself
        self.frechet = FrechetInceptionDistance(feature=subject.features, reset_real_features=False)
        self._update(subject.training, real=True)

    def __call__(self, images):
        """Compute all figures of images (n, c, h, w); those of training images are near themselves."""
        rows = images.reshape(len(images), -1)
        half = len(rows) // 2
        covered = pairwise_distances_argmin_min(self.held_out, self._features(images))[1] < self.radius
        self.frechet.reset()
        self._update(images, real=False)
        found = (
            pairwise_distances_argmin_min(rows, self.seen)[1].mean(),
            pairwise_distances(rows[:half], rows[half:]).mean(),
            covered.mean(),
            float(self.frechet.compute()),
        )
        return dict(zip(FIGURES, map(float, found), strict=True))

    def _features(self, images):
        with torch.no_grad():
            return torch.cat([self.subject.features(part) for part in torch.from_numpy(images).split(CHUNK)]).numpy()

    def _update(self, images, real):
        with torch.no_grad():
            for part in torch.from_numpy(images).split(CHUNK):
                self.frechet.update(part, real=real)


def gaussian(images, random):
    """Draw images from the Gaussian of the first principal components."""
    pca = PCA(N_COMPONENTS, random_state=0).fit(images.reshape(len(images), -1))
    scores = random.standard_normal((N_IMAGES, N_COMPONENTS)) * np.sqrt(pca.explained_variance_)
    drawn = pca.inverse_transform(scores).clip(-1, 1).astype(np.float32)
    return drawn.reshape(N_IMAGES, *images.shape[1:])


def check(subject):
    """Compute the figures of samples, as mean, lowest and highest, and of what stands beside them."""
    evaluate, random = Evaluator(subject), np.random.default_rng(0)
    training = subject.training[random.choice(len(subject.training), N_IMAGES, replace=False)]
    beside = (subject.held_out, training, gaussian(subject.training, random))
    draws = [evaluate(subject.generator.sample(N_IMAGES, random_state=seed)) for seed in range(N_DRAWS)]
    samples = {key: [draw[key] for draw in draws] for key in FIGURES}
    return {"samples": samples, **{name: evaluate(images) for name, images in zip(SCALE, beside, strict=True)}}


def table(results):
    """Write the figures as markdown, one line for each generator and set of images."""
    lines = ["| generator | images | memorisation | diversity | coverage | FID |", "|---|---|---|---|---|---|"]
    for name, found in results.items():
        for images in ("samples", *SCALE):
            cells = [_cell(found[images][key]) for key in FIGURES]
            lines.append(
                f"| {name if images == 'samples' else ''} | {images.replace('_', ' ')} | {' | '.join(cells)} |"
            )
    return "\n".join(lines) + "\n"


def _cell(values):
    mean = f"{np.mean(values):.2f}"
    return f"{mean} ({min(values):.2f} to {max(values):.2f})" if isinstance(values, list) else mean


def main():
    """Check the generators that exist; write JSON and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SUBJECTS)}; all if none")
    parser.add_argument("--work", type=Path, required=True, help="folder of the network that reads digits")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - SUBJECTS.keys()
    if unknown:
        parser.error(f"unknown generators {sorted(unknown)}; there are {', '.join(SUBJECTS)}.")
    results = json.loads(OUT.read_text())["generators"] if OUT.exists() else {}
    for name in arguments.names or SUBJECTS:
        try:
            results[name] = check(SUBJECTS[name](arguments.work))
        except FileNotFoundError as error:
            print(f"skipped {name}: {error} Train it with train_models.py.", flush=True)
            continue
        save_json(OUT, {"generators": results, **environment()})
        OUT.with_suffix(".md").write_text(table(results), encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
