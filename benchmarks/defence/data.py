"""Rows of Fashion-MNIST's test images, and what attacks on the undefended classifier make of them."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from art.attacks.evasion import (
    BasicIterativeMethod,
    CarliniL2Method,
    DeepFool,
    FastGradientMethod,
    ProjectedGradientDescent,
)
from art.estimators.classification import PyTorchClassifier

from benchmarks.defence.networks import load_classifier
from skmimic.attacks import apply_universal, universal_perturbation
from skmimic.datasets import load_fashion_mnist

PARTS = {"report": slice(0, 500), "settings": slice(500, 800)}  # settings are chosen on rows that are never reported
N_UNIVERSAL = 15  # rows that the universal perturbation is made of, as in the paper; they are settings rows
STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
CACHE = Path.home() / ".cache" / "skmimic" / "defence"


@cache
def rows(part="report"):
    """Images (n, 1, 28, 28) in [0, 1], float32, and their classes."""
    data = load_fashion_mnist("test")
    chosen = np.random.default_rng(2026).permutation(len(data.images))[PARTS[part]]
    return data.images[chosen, None].astype(np.float32) / 255, np.asarray(data.target)[chosen].astype(np.int64)


def toolbox_classifier(defences=None):
    """The classifier as the toolbox wants it, defended or not."""
    loss = torch.nn.CrossEntropyLoss()
    options = {"input_shape": (1, 28, 28), "nb_classes": 10, "clip_values": (0.0, 1.0), "device_type": "cpu"}
    return PyTorchClassifier(load_classifier(), loss, preprocessing_defences=defences, **options)


TOOLBOX = {  # on the classifier's own predictions, as the toolbox does without labels; eps in pixels of [0, 1]
    "BIM": lambda net: BasicIterativeMethod(net, eps=0.1, eps_step=0.02, max_iter=10, batch_size=100, verbose=False),
    "DeepFool": lambda net: DeepFool(net, max_iter=50, batch_size=100, verbose=False),
    "FGSM": lambda net: FastGradientMethod(net, eps=0.15, batch_size=100),
    "CW": lambda net: CarliniL2Method(net, max_iter=10, binary_search_steps=9, batch_size=100, verbose=False),
    "PGDM": lambda net: ProjectedGradientDescent(
        net, eps=0.1, eps_step=0.0125, max_iter=20, num_random_init=1, batch_size=100, verbose=False
    ),
    "FGSM .3": lambda net: FastGradientMethod(net, eps=0.3, batch_size=100),
    "BIM .3": lambda net: BasicIterativeMethod(net, eps=0.3, eps_step=0.03, max_iter=20, batch_size=100, verbose=False),
    "PGDM .3": lambda net: ProjectedGradientDescent(
        net, eps=0.3, eps_step=0.03, max_iter=40, num_random_init=1, batch_size=100, verbose=False
    ),
}
OBLIVIOUS = ("clean", *TOOLBOX, *(f"universal {strength:g}" for strength in STRENGTHS))


def attacked(attack, part="report"):
    """Images of a part after an attack that does not know the defence; made once."""
    images = rows(part)[0]
    if attack == "clean":
        return images
    if attack.startswith("universal"):
        return apply_universal(images, universal_pattern(), float(attack.split()[1]), (0.0, 1.0))
    path = CACHE / f"{part}_{attack.replace(' ', '_')}.npy"
    if not path.exists():
        np.random.seed(0)  # noqa: NPY002 - the toolbox draws from there
        path.parent.mkdir(parents=True, exist_ok=True)
        found = TOOLBOX[attack](toolbox_classifier()).generate(images).astype(np.float32)
        if not np.isfinite(found).all():
            raise FloatingPointError(f"{attack}: the toolbox gave rows that are not finite.")
        np.save(path, found)
    return np.load(path)


@cache
def universal_pattern():
    """Mean of attacked minus clean over 15 rows, FGSM at .15."""
    images = rows("settings")[0][:N_UNIVERSAL]
    return universal_perturbation(images, attacked("FGSM", "settings")[:N_UNIVERSAL])
