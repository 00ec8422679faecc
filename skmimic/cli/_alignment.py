"""Second half of the demo: a classifier of MNIST reads the digits of another scanner."""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from ..datasets import load_digits_images, load_mnist_sample
from ..estimators import MimicDomainAligner
from ..utils import as_images
from ._stopwatch import Duration, Stopwatch

__all__ = ["Alignment", "Reading", "align"]


@dataclass(frozen=True)
class Reading:
    """What a pipeline makes of the target digits.

    Attributes
    ----------
    images : ndarray (n, h, w)
        The aligned digits, in [0, 255].
    accuracy : float
        Of the 1-nearest-neighbour classifier of the source.
    duration : Duration
        Of the alignment.
    """

    images: np.ndarray
    accuracy: float
    duration: Duration


@dataclass(frozen=True)
class Alignment:
    """Target digits before and after alignment with the source.

    Attributes
    ----------
    target : ndarray (n, h, w)
        In [0, 255].
    labels : ndarray (n,)
    accuracy_before : float
    without_labels : Reading
    with_labels : Reading or None
        With ``class_prior="source"``; None for a batch too small for it.
    """

    target: np.ndarray
    labels: np.ndarray
    accuracy_before: float
    without_labels: Reading
    with_labels: Reading | None

    @property
    def readings(self):
        """List the readings that there are."""
        return [reading for reading in (self.without_labels, self.with_labels) if reading is not None]


def align(gan, *, n_target, use_labels, seed, effort, report):
    """Fit pipelines on MNIST digits and let them read those of scikit-learn.

    Parameters
    ----------
    gan : Generator
    n_target : int
        How many of the 1,797 target digits.
    use_labels : bool
        Whether to align a second time, with the labels of the source.
    seed : int
    effort : dict
        Parameters of the aligner.
    report : callable
        Called with a sentence before each piece of work.

    Returns
    -------
    Alignment
    """
    side = gan.image_shape[-1]
    X_source, y_source = load_mnist_sample(size=side, return_X_y=True)
    X_target, y_target = load_digits_images(size=side, return_X_y=True)
    chosen = np.random.default_rng(seed).permutation(len(X_target))[:n_target]
    X_target, y_target = X_target[chosen], y_target[chosen]

    def read(sentence, **labels):
        report(f"{n_target} digits of another scanner: {sentence}")
        watch = Stopwatch()
        aligner = MimicDomainAligner(gan, random_state=seed, **effort, **labels)
        pipe = Pipeline([("align", aligner), ("knn", KNeighborsClassifier(1))]).fit(X_source, y_source)
        aligned = pipe[:-1].transform(X_target)  # pipe.score(X_target, y_target) in two steps, to keep the pictures
        accuracy = float(pipe[-1].score(aligned, y_target))
        return Reading(as_images(aligned, (side, side)), accuracy, watch.read())

    before = KNeighborsClassifier(1).fit(X_source, y_source).score(X_target, y_target)
    without = read("alignment")
    labelled = read("alignment with the labels of MNIST", class_prior="source") if use_labels else None
    return Alignment(as_images(X_target, (side, side)), y_target, float(before), without, labelled)
