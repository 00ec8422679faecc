"""What is compared: each method learns from normal rows and gives new ones a score, higher is stranger."""

from benchmarks.anomaly.data import as_images
from benchmarks.anomaly.learned import Learned
from benchmarks.anomaly.libraries import PYOD, PYOD_NETWORKS, SCIKIT_LEARN
from benchmarks.anomaly.neighbours import NEIGHBOURS
from benchmarks.anomaly.networks import NETWORKS, PROJECTIONS
from skmimic.detection import MatchSettings, NormalImages

__all__ = ["DEFAULT", "METHODS", "OURS", "QUOTED", "TRAINED", "learn"]

OURS = {"mimic auto": "auto", "mimic edges": "edges", "raw 3-NN": "neighbors", "patches": "patches"}
QUOTED = {
    "VAE": (0.34, 0.18),
    "PGD/AnoGAN": (0.44, 0.07),
    "GANomaly": (0.78, 0.11),
    "EGBAD": (0.50, 0.13),
    "MimicGAN as printed, M->U": (0.78, 0.14),
    "MimicGAN as printed, U->M": (0.78, 0.14),
}  # mean and standard deviation over the ten digits, Table 2


def _ours(score):
    def learn_ours(task):
        normals = task.normals
        if score != "auto":  # the same memory, so only calibrated
            normals = NormalImages(normals.memory, as_images(task.held_out), MatchSettings(score))
        return lambda rows: normals.scores(as_images(rows))

    return learn_ours


BUILT_IN = {name: _ours(score) for name, score in OURS.items()} | NEIGHBOURS | SCIKIT_LEARN
PLAIN = BUILT_IN | PYOD
TRAINED = NETWORKS | PROJECTIONS | PYOD_NETWORKS
METHODS = PLAIN | TRAINED
DEFAULT = (*BUILT_IN, *NETWORKS)  # others have to be asked for: projections are slow, and PyOD is no dependency


def learn(method, task, budget):
    """Let a method learn.

    Parameters
    ----------
    method : str
        Of `METHODS`.
    task : Task
    budget : Budget
        What trainings may take.

    Returns
    -------
    Learned
    """
    return TRAINED[method](task, budget) if method in TRAINED else Learned(PLAIN[method](task))
