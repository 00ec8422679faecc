"""Which attacks are made, and what a defence leaves under each of them."""

import time
import warnings
from dataclasses import dataclass

from benchmarks.defence.oblivious import OBLIVIOUS, attacked_images
from skmimic.attacks import Budget, bpda_attack, exact_gradient_attack, latent_walk, margin_attack, poison_batch

__all__ = ["GROUPS", "Attack", "measured"]

N_STEPS = 40
WALK = {"n_steps": 60, "n_restarts": 2, "norm": "rms"}
MARGIN = {"n_steps": 40, "n_restarts": 2}
EPS = (0.05, 0.1, 0.15, 0.3)


@dataclass(frozen=True)
class Attack:
    """One column of the table.

    Attributes
    ----------
    name : str
    strength : float
        The budget eps in pixels in [0, 1], the factor of the universal perturbation, or the poisoned rows of 100.
    gradient : {"none", "undefended", "exact", "bpda"}
        Whose gradient the attacker has: nobody's, the classifier's alone, that of the defence, too, or that with the
        defence taken for the identity.
    """

    name: str
    strength: float = 0.0
    gradient: str = "undefended"

    @property
    def key(self):
        """Columns of the results."""
        return {"attack": self.name, "strength": f"{self.strength:g}", "gradient": self.gradient}

    @property
    def is_oblivious(self):
        """Whether the attacked images are the same for all defences."""
        return self.name in OBLIVIOUS

    @property
    def walks(self):
        """Whether it needs a generator of its own."""
        return self.name == "latent walk"


GROUPS = {
    "clean": [Attack("clean", gradient="none")],
    "paper": [
        Attack("BIM", 0.1),
        Attack("DeepFool"),
        Attack("FGSM", 0.15),
        Attack("Carlini-Wagner"),
        Attack("PGDM", 0.1),
    ],
    "universal": [Attack("universal", strength) for strength in (0.5, 1, 2, 4, 8)],
    "large": [Attack(name, 0.3) for name in ("BIM", "FGSM", "PGDM")],
    "auto": [Attack("AutoAttack", 0.1)],
    "exact": [Attack("gradient", eps, "exact") for eps in EPS],
    "bpda": [Attack("gradient", eps, "bpda") for eps in EPS],
    "margin": [Attack("margin", 0.1, "exact")],
    "walk": [Attack("latent walk", eps, "exact") for eps in (0.1, 0.15)],
    "poison": [Attack("poison", rows, "exact") for rows in (5, 20, 50)],
}


def measured(attack, world, learned, seed):
    """Attack, clean and read.

    Parameters
    ----------
    attack : Attack
    world : World
        With as many images as are attacked.
    learned : Learned
    seed : int
        Of attacks that draw random numbers.

    Returns
    -------
    dict
        `accuracy` in %, `seconds` of processor time, and `rows_per_second` where the defence alone was timed.

    Raises
    ------
    ValueError
        If the attack needs a gradient that the defence does not have.
    """
    if attack.is_oblivious:
        images, start = attacked_images(world, attack.name, attack.strength), time.process_time()
        is_right = learned.answers(images) == world.labels
        seconds = time.process_time() - start
        speed = f"{len(images) / seconds:.1f}"
        return _told(float(is_right.float().mean()), seconds) | {"rows_per_second": speed}
    start = time.process_time()
    return _told(_adaptive(attack, world, learned, seed).accuracy, time.process_time() - start)


def _told(accuracy, seconds):
    return {"accuracy": f"{100 * accuracy:.2f}", "seconds": f"{seconds:.2f}"}


def _adaptive(attack, world, learned, seed):
    told = (learned.classifier, world.images, world.labels)
    if attack.gradient == "bpda":
        return bpda_attack(learned.clean, *told, Budget(attack.strength, N_STEPS), random_state=seed)
    if not learned.has_module:
        raise ValueError("The defence has no gradient. Attack it with bpda.")
    module = learned.module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if attack.name == "gradient":
            return exact_gradient_attack(module, *told, Budget(attack.strength, N_STEPS), random_state=seed)
        if attack.name == "margin":
            return margin_attack(module, *told, Budget(attack.strength, **MARGIN), random_state=seed)
        if attack.name == "poison":
            return poison_batch(module, *told, int(attack.strength), random_state=seed)
        return latent_walk(learned.generator, *told, Budget(attack.strength, **WALK), clean=module, random_state=seed)
