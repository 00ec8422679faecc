"""Second half of the demo: a classifier of MNIST reads the digits of another scanner."""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from ..datasets import load_digits_images, load_mnist_sample
from ..estimators import MimicDomainAligner
from ..utils import as_images
from ._stopwatch import Duration, Stopwatch

__all__ = ["Alignment", "align"]


@dataclass(frozen=True)
class Alignment:
    """Target digits before and after alignment with the source.

    Attributes
    ----------
    target, aligned : ndarray (n, h, w)
        In [0, 255].
    labels : ndarray (n,)
    accuracy_before, accuracy_after : float
        Of the 1-nearest-neighbour classifier of the source.
    duration : Duration
        Of the alignment.
    """

    target: np.ndarray
    aligned: np.ndarray
    labels: np.ndarray
    accuracy_before: float
    accuracy_after: float
    duration: Duration


def align(gan, *, n_target, class_prior, seed, effort, report):
    """Fit a pipeline on MNIST digits and let it read those of scikit-learn.

    Parameters
    ----------
    gan : Generator
    n_target : int
        How many of the 1,797 target digits.
    class_prior : {"source"} or None
        Of the aligner.
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
    how = "alignment" if class_prior is None else "alignment with the labels of MNIST"
    report(f"{n_target} digits of another scanner: {how}")
    watch = Stopwatch()
    aligner = MimicDomainAligner(gan, class_prior=class_prior, random_state=seed, **effort)
    pipe = Pipeline([("align", aligner), ("knn", KNeighborsClassifier(1))]).fit(X_source, y_source)
    aligned = pipe[:-1].transform(X_target)  # pipe.score(X_target, y_target) in two steps, to keep the pictures
    before, after = pipe[-1].score(X_target, y_target), pipe[-1].score(aligned, y_target)
    target, aligned = (as_images(rows, (side, side)) for rows in (X_target, aligned))
    return Alignment(target, aligned, y_target, float(before), float(after), watch.read())
