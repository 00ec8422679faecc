"""How well can the angle of a single digit be told, by a network that has seen 60,000 digits and their angles?

    SKMIMIC_DATA=... python benchmarks/angle_oracle.py

At the level `rotation_each_20` of Figure 4 every digit has an angle of its own, of N(20, 5) degrees. Test digits are
projected with the known angles, with those that the network tells, and with the mean angle. The network has seen clean
digits upright, which no method of the benchmark does, and may read traces of resampling besides slant; it shows what
one digit tells, not how to learn it without clean digits. The 100 angles are the same in all batches, since they are
drawn by position.
"""

import json
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from robustness_data import held_out, level_of, scaled
from robustness_methods import estimator_of
from robustness_units import environment, save_json
from torch import nn

from skmimic.corruptions import Rotation
from skmimic.datasets import load_mnist
from skmimic.metrics import d_proj

OUT = Path(__file__).parent / "results" / "robustness" / "angle_oracle.json"
LEVEL, MEAN, SD = "rotation_each_20", 20.0, 5.0
SEEDS, N_IMAGES, N_ROUNDS = (0, 1, 2), 100, 20
N_STEPS, BATCH = 6000, 128  # of the network


class Turned:
    """Turn the i-th image by the i-th angle; after the last angle the first follows."""

    def __init__(self, degrees):
        self.rotations = [Rotation(float(angle)) for angle in degrees]

    def __call__(self, images):
        """Turn images (n, c, h, w)."""
        return torch.cat([turn(image[None]) for turn, image in zip(cycle(self.rotations), images, strict=False)])


def angle_network():
    """Make a network from digits (n, 1, 28, 28) to angles (n, 1) in standard deviations."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(3136, 256), nn.ReLU(), nn.Linear(256, 1)),
    )


def trained(images):
    """Train the network to tell by how much each of the images was turned."""
    torch.manual_seed(0)
    network, random = angle_network(), np.random.default_rng(0)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, N_STEPS)
    for _ in range(N_STEPS):
        z = random.standard_normal(BATCH)
        turned = Turned(MEAN + SD * z)(images[random.integers(len(images), size=BATCH)])
        loss = (network(turned)[:, 0] - torch.from_numpy(z).float()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def measured(network, seed):
    """Tell the error of the angles of a batch, and d_proj with each kind of angles."""
    level, batch = level_of("mnist", LEVEL), held_out("mnist", N_IMAGES, seed)
    observed, truth = batch.corrupted(level.f), level.f.parameters(N_IMAGES)["degrees"]
    with torch.no_grad():
        told = MEAN + SD * network(torch.from_numpy(observed))[:, 0].numpy()
    found = {"seed": seed, "sd": truth.std(ddof=1), "sd_left": (told - truth).std(ddof=1)}
    for name, degrees in {"known": truth, "told": told, "mean": np.full(N_IMAGES, MEAN)}.items():
        projector = estimator_of("known", "mnist", replace(level, known=Turned(degrees)), seed, N_ROUNDS, N_IMAGES)
        found[f"d_proj_{name}"] = d_proj(batch.images, projector.fit(observed).transform(observed)).mean()
    return found


def main():
    """Train, measure three batches and write the figures."""
    network = trained(torch.from_numpy(scaled(load_mnist("train").images[:, None])))
    batches = [measured(network, seed) for seed in SEEDS]
    save_json(OUT, {"level": LEVEL, "batches": batches, **environment()})
    print(json.dumps(json.loads(OUT.read_text())["batches"], indent=1))


if __name__ == "__main__":
    main()
