"""Detectors of scikit-learn and PyOD, with their defaults.

PyOD is no dependency: `pip install -c constraints.txt pyod tqdm`. It is imported when a method of it is asked for.
"""

import contextlib
import io
from importlib import import_module

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.svm import OneClassSVM

from benchmarks.anomaly.learned import Learned
from benchmarks.anomaly.neighbours import N_COMPONENTS, flat

__all__ = ["PYOD", "PYOD_NETWORKS", "SCIKIT_LEARN"]

ROWS_OF_SVM = 5000  # its time grows with the square of the rows
ROWS_OF_KNN = 6000  # PyOD's tree is no faster than all distances in 784 dimensions
MODULES = {"KNN": "knn", "AutoEncoder": "auto_encoder", "VAE": "vae", "ALAD": "alad", "AnoGAN": "anogan"}


def isolation_forest(task):
    """Isolation forest on 30 principal components; on the pixels it isolates by the border."""
    return _scikit_learn(IsolationForest(random_state=task.seed), task.normal)


def one_class_svm(task):
    """One-class SVM on 30 principal components of 5,000 rows."""
    return _scikit_learn(OneClassSVM(), task.normal[:ROWS_OF_SVM])


def _scikit_learn(detector, rows):
    fitted = make_pipeline(PCA(N_COMPONENTS, random_state=0), detector).fit(flat(rows).numpy())
    return lambda new: -fitted.score_samples(flat(new).numpy())


def pyod_knn(task):
    """PyOD's nearest neighbours on 6,000 rows: distance to the fifth."""
    return _pyod("KNN", task, task.normal[:ROWS_OF_KNN])


def _pyod_network(name):
    def learn(task, budget):
        training = budget.training(f"pyod {name}")
        rows = task.normal[: training.rows]
        epochs = training.epochs_for(len(rows))
        how_many = {"epochs" if name in ("ALAD", "AnoGAN") else "epoch_num": epochs}
        score = _pyod(name, task, rows, batch_size=training.batch, **how_many)
        return Learned(score, epochs * training.steps_of_epoch(len(rows)))

    return learn


def _pyod(name, task, rows, **options):
    """Fit a detector of PyOD, which draws from torch's global state and prints its progress."""
    detector = _import_pyod(name)(**options)
    if "random_state" in detector.get_params():
        detector.set_params(random_state=task.seed)
    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.manual_seed(task.seed)
        detector.fit(flat(rows).numpy())
    return lambda new: np.asarray(detector.decision_function(flat(new).numpy()))


def _import_pyod(name):
    try:
        return getattr(import_module(f"pyod.models.{MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"pyod {name}: {error.name} is not installed. Run `pip install -c constraints.txt pyod tqdm` first, or "
            "leave the methods of PyOD out."
        ) from error


SCIKIT_LEARN = {"isolation forest": isolation_forest, "one-class SVM": one_class_svm}
PYOD = {"pyod KNN": pyod_knn}
PYOD_NETWORKS = {f"pyod {name}": _pyod_network(name) for name in MODULES if name != "KNN"}
