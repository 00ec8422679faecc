"""Scores by generators that are trained on the normals: what the paper compares, and its own method as printed.

Projections are searched for on images of half the side, 16x16 for digits and clothes as in the paper's adaptation of
domains, whose settings the paper takes; at 28x28 they cost four times as much.
"""

import functools
import warnings

import numpy as np
import torch

from benchmarks.anomaly.budgets import kept
from benchmarks.anomaly.data import as_images
from benchmarks.anomaly.ganomaly import ganomaly
from benchmarks.anomaly.learned import Learned
from skmimic import DCGAN, VAE, BiGAN, Generator, MimicAnomalyDetector, PGDProjector, from_paper
from skmimic.datasets import resize_images
from skmimic.generators import DiscriminatorFeatures

__all__ = ["NETWORKS", "PROJECTIONS", "train"]

KINDS = {"dcgan": DCGAN, "vae": VAE, "bigan": BiGAN}
SIDES = {28: 16, 64: 32}  # of images that projections are searched for on; others keep theirs
ROWS_TOGETHER = 500
ROWS_OF_PHASE_A = (
    125  # a fifth of them is held out, so that f^ is learned from 100; on 1,000 it takes ten times as long
)
WEIGHT_OF_FEATURES = 0.1  # EGBAD's, against the reconstruction


def train(kind, task, budget, shrink=False):
    """Train a generator on the normals of a task, or read the one that was.

    Parameters
    ----------
    kind : {"dcgan", "vae", "bigan"}
    task : Task
    budget : Budget
    shrink : bool, default=False
        Whether on images of half the side.

    Returns
    -------
    generator : Generator
    taken : dict
        `steps` and `seconds` for `Learned`.
    """
    side = _side_of(task.normal, shrink)
    training = budget.training(kind, side)
    steps = training.steps_for(len(task.normal))

    def fit(path):
        settings = {"n_epochs": steps, "max_steps": steps, "batch_size": training.batch, "random_state": task.seed}
        checkpoint = path.with_suffix(".checkpoint")
        maker = KINDS[kind](width=training.width, checkpoint=checkpoint, data_range=(0, 1), **settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # short trainings give rough images, which is part of what is measured
            maker.fit(as_images(_resized(task.normal, side)).numpy()).generator_.save(path)
        checkpoint.unlink(missing_ok=True)

    name = f"{task.name}_{kind}_{side}_width_{training.width}_{steps}.safetensors"
    generator, seconds = kept(budget.cache / name, fit, Generator.load)
    return generator, {"steps": steps, "seconds": seconds}


def vae(task, budget):
    """Squared error of a VAE's reconstruction.

    With one variance for all pixels it orders rows as An and Cho's reconstruction probability at the mean does.
    """
    generator, taken = train("vae", task, budget)

    def score(images):
        return (_reconstructed(generator, images) - images).square().flatten(1).sum(1)

    return Learned(_by_parts(score), **taken)


def egbad(task, budget):
    """Reconstruction and discriminator of a BiGAN (Zenati et al., 2018), .9 to .1.

    The published score compares what the discriminator sees in (x, E(x)) and in (G(E(x)), E(x)); here the second image
    stands with its own encoding, as the discriminator of the package pairs images so.
    """
    generator, taken = train("bigan", task, budget)
    features = DiscriminatorFeatures(generator)

    def score(images):
        found = _reconstructed(generator, images)
        error = (found - images).abs().flatten(1).sum(1)
        seen = (features(found) - features(images)).abs().flatten(1).sum(1)
        return (1 - WEIGHT_OF_FEATURES) * error + WEIGHT_OF_FEATURES * seen

    return Learned(_by_parts(score), **taken)


def pgd(task, budget):
    """L1 residual of the projection on a DCGAN by the paper's PGD; AnoGAN's without its discriminator term."""
    generator, taken = train("dcgan", task, budget, shrink=True)
    projector = PGDProjector(generator, random_state=task.seed, data_range=(0, 1), **from_paper("pgd"))
    projector.fit(_projected(task.normal[:ROWS_OF_PHASE_A]))

    def score(rows):
        rows = _projected(rows)
        return np.abs(projector.transform(rows) - rows).reshape(len(rows), -1).sum(axis=1)

    return Learned(score, **taken)


def printed(experiment, task, budget):
    """Score rows by the paper's method with its settings, f^ learned from 100 normals and then kept."""
    generator, taken = train("dcgan", task, budget, shrink=True)
    settings = {"score_by": "residual", "random_state": task.seed, "data_range": (0, 1)}
    detector = MimicAnomalyDetector(generator, **settings, **from_paper(experiment))
    detector.fit(_projected(task.normal[:ROWS_OF_PHASE_A]))
    return Learned(lambda rows: -detector.score_samples(_projected(rows)), **taken)


def _reconstructed(generator, images):
    loaded = generator.on("cpu")
    return loaded.decode(loaded.encode(images))


def _by_parts(score):
    """Score rows of bytes by a function of images in [-1, 1]."""

    @torch.no_grad()
    def whole(rows):
        parts = as_images(rows).split(ROWS_TOGETHER)
        return np.concatenate([score(2 * part - 1).numpy() for part in parts])

    return whole


def _projected(rows):
    return as_images(_resized(rows, _side_of(rows, shrink=True))).numpy()


def _side_of(rows, shrink):
    side = rows.shape[-1]
    return SIDES.get(side, side) if shrink else side


def _resized(rows, side):
    return rows if rows.shape[-1] == side else resize_images(rows, side)


PROJECTIONS = {  # two to fifteen rows a second
    "MimicGAN as printed, M->U": functools.partial(printed, "anomaly:mnist->usps"),
    "MimicGAN as printed, U->M": functools.partial(printed, "anomaly:usps->mnist"),
    "PGD/AnoGAN": pgd,
}
NETWORKS = {"EGBAD": egbad, "VAE": vae, "GANomaly": ganomaly}
