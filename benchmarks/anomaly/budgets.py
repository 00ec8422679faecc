"""How long networks are trained, and where they are kept so that nothing is trained twice.

Delete the folder to measure other code of trainings.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

__all__ = ["BUDGETS", "Budget", "Kept", "Training", "kept"]

CACHE = Path.home() / ".cache" / "skmimic" / "anomaly"


@dataclass(frozen=True)
class Training:
    """How large a network is and how long it is trained.

    Attributes
    ----------
    width : int
        Channels of the map nearest to the image; 0 where the method has its own.
    steps, epochs : int
        One of them; the other is 0.
    batch : int
        Images of a step.
    rows : int or None
        Normals that are taken at most.
    """

    width: int
    steps: int = 0
    epochs: int = 0
    batch: int = 128
    rows: int | None = None

    def steps_for(self, n):
        """Steps in all on n images."""
        return self.steps or self.epochs * self.steps_of_epoch(n)

    def epochs_for(self, n):
        """Passes over n images, at least one; for methods that count so."""
        return self.epochs or max(self.steps // self.steps_of_epoch(n), 1)

    def steps_of_epoch(self, n):
        """Steps of a pass over n images."""
        return max(min(n, self.rows or n) // self.batch, 1)


SIDE = 28  # of the images that these are for: at most about 90 s each on one slow core
QUICK = {
    "dcgan": Training(16, steps=1500),
    "vae": Training(16, steps=1500),
    "bigan": Training(16, steps=1000),
    "ganomaly": Training(16, steps=600, batch=64),
    "pyod AutoEncoder": Training(0, epochs=10, batch=32, rows=6000),
    "pyod VAE": Training(0, epochs=30, batch=32, rows=6000),
    "pyod ALAD": Training(0, epochs=20, batch=32, rows=6000),
    "pyod AnoGAN": Training(0, epochs=30, batch=32, rows=1000),
}
# GANomaly's and PyOD's own; for the others the package's defaults, as the paper tells none.
PUBLISHED = {
    "dcgan": Training(64, epochs=20),
    "vae": Training(64, epochs=20),
    "bigan": Training(64, epochs=20),
    "ganomaly": Training(64, epochs=15, batch=64),
    "pyod AutoEncoder": Training(0, epochs=10, batch=32),
    "pyod VAE": Training(0, epochs=30, batch=32),
    "pyod ALAD": Training(0, epochs=200, batch=32),
    "pyod AnoGAN": Training(0, epochs=500, batch=32, rows=6000),
}
BUDGETS = {"quick": QUICK, "published": PUBLISHED}


@dataclass(frozen=True)
class Budget:
    """What may be spent on trainings.

    Attributes
    ----------
    name : str
        "quick", "published", or a number of steps with the widths of "quick".
    cache : Path
        Folder of the trained networks.
    """

    name: str = "quick"
    cache: Path = CACHE

    def training(self, kind, side=SIDE):
        """Return how long a kind of network is trained on images of a side; quickly, it is shorter on large ones."""
        if self.name not in BUDGETS:
            return replace(QUICK[kind], steps=int(self.name), epochs=0)
        training = BUDGETS[self.name][kind]
        if self.name == "quick" and side > SIDE:
            return replace(training, steps=training.steps * SIDE**2 // side**2)
        return training


class Kept(NamedTuple):
    """A trained network, and the seconds of processor time of its training if that was in an earlier call."""

    network: object
    seconds: float


def kept(path, train, load):
    """Read what was trained before, or train and keep it.

    Parameters
    ----------
    path : Path
        The seconds of the training stand beside it, and are written last. Of a training that was interrupted and went
        on from its checkpoint they are those after the last start.
    train : callable
        Writes the file at the path that it is given.
    load : callable
        Reads it.

    Returns
    -------
    Kept
    """
    seconds = path.with_name(path.name + ".seconds")
    if seconds.exists():
        return Kept(load(path), float(seconds.read_text(encoding="utf-8")))
    path.parent.mkdir(parents=True, exist_ok=True)
    start = time.process_time()
    train(path)
    seconds.write_text(f"{time.process_time() - start:.2f}", encoding="utf-8")
    return Kept(load(path), 0.0)
