"""Attacks by the Adversarial Robustness Toolbox on the classifier alone, which know of no defence.

They take the classifier's own answers for right, so that they need no labels. Pixels are in [0, 1].
"""

import hashlib
import os
import warnings

import numpy as np
import torch

from benchmarks.defence.data import GROUP
from skmimic.attacks import apply_universal, universal_perturbation

__all__ = ["OBLIVIOUS", "attacked_images", "toolbox_classifier"]

N_CLASSES = 10
FGSM_OF_UNIVERSAL = 0.15
SMALL = 0.15  # eps, up to which BIM and PGDM have the steps of the paper's table
DRAWS = 0  # seed of the random start of PGDM


def toolbox_classifier(network, image_shape=(1, 28, 28), preprocessing=None):
    """Wrap a classifier, with a defence before it or none."""
    from art.estimators.classification import PyTorchClassifier

    return PyTorchClassifier(
        network,
        torch.nn.CrossEntropyLoss(),
        image_shape,
        N_CLASSES,
        clip_values=(0.0, 1.0),
        preprocessing_defences=preprocessing,
        device_type="cpu",
    )


def _fgsm(target, eps):
    from art.attacks.evasion import FastGradientMethod

    return FastGradientMethod(target, eps=eps, batch_size=GROUP)


def _bim(target, eps):
    from art.attacks.evasion import BasicIterativeMethod

    return BasicIterativeMethod(target, **_steps(eps, 10, 5), batch_size=GROUP, verbose=False)


def _pgdm(target, eps):
    from art.attacks.evasion import ProjectedGradientDescent

    steps = _steps(eps, 20, 8)
    return ProjectedGradientDescent(target, **steps, num_random_init=1, batch_size=GROUP, verbose=False)


def _steps(eps, n, share):
    """Return steps of a share of the budget; larger budgets have twice as many, of a tenth."""
    if eps > SMALL:
        n, share = 2 * n, 10
    return {"eps": eps, "eps_step": eps / share, "max_iter": n}


def _deepfool(target, eps):
    from art.attacks.evasion import DeepFool

    return DeepFool(target, max_iter=50, batch_size=GROUP, verbose=False)


def _carlini_wagner(target, eps):
    from art.attacks.evasion import CarliniL2Method

    return CarliniL2Method(target, max_iter=10, binary_search_steps=9, batch_size=GROUP, verbose=False)


def _auto(target, eps):
    from art.attacks.evasion import AutoAttack

    return AutoAttack(target, eps=eps, eps_step=eps / 8, batch_size=GROUP, targeted=False)


TOOLBOX = {
    "BIM": _bim,
    "DeepFool": _deepfool,
    "FGSM": _fgsm,
    "Carlini-Wagner": _carlini_wagner,
    "PGDM": _pgdm,
    "AutoAttack": _auto,
}
OBLIVIOUS = ("clean", *TOOLBOX, "universal")


def attacked_images(world, attack, strength):
    """Attack the images of a world, or read what was attacked before.

    Parameters
    ----------
    world : World
    attack : str
        Of `OBLIVIOUS`.
    strength : float
        The budget eps, the factor of the universal perturbation, or 0 where there is none.

    Returns
    -------
    tensor (n, 1, 28, 28)
    """
    if attack == "clean":
        return world.images
    if attack == "universal":
        pattern = universal_perturbation(world.others, _cached(world, "FGSM", FGSM_OF_UNIVERSAL, world.others))
        return apply_universal(world.images, pattern, strength)
    return _cached(world, attack, strength, world.images)


def _cached(world, attack, strength, images):
    """Attack images; the file is named after them, the network and the attack."""
    told = hashlib.sha256(images.numpy().tobytes())
    for value in world.classifier.state_dict().values():
        told.update(value.numpy().tobytes())
    path = world.cache / f"{attack}_{strength:g}_{told.hexdigest()[:16]}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        found = _attack(world.classifier, attack, strength, images.numpy())
        part = path.with_name(f"part_{path.name}")
        np.savez_compressed(part, images=found)
        os.replace(part, path)
    with np.load(path) as file:
        return torch.from_numpy(file["images"])


def _attack(network, attack, strength, images):
    target = toolbox_classifier(network, images.shape[1:])
    state = np.random.get_state()  # noqa: NPY002 (the toolbox draws from it)
    np.random.seed(DRAWS)  # noqa: NPY002
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(DRAWS)
        found = TOOLBOX[attack](target, strength).generate(images)
    np.random.set_state(state)  # noqa: NPY002
    return found.clip(0, 1).astype(np.float32)
