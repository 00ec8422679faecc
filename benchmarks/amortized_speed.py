"""Time phase B of the amortized solver on 1,000 MNIST digits at 28x28, beside Adam from zero and a plain Algorithm 1.

    SKMIMIC_DATA=... python benchmarks/amortized_speed.py --out benchmarks/results/amortized_speed.json

The rows are the first MNIST test digits, rotated by 20 degrees. All methods see the same rows and are judged by the
same loss (Charbonnier, under the surrogate that phase A of the amortized solver learned; Algorithm 1 under its own).
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from plain_algorithm_1 import plain_algorithm_1

import skmimic
from skmimic import MimicGANProjector, load_gan
from skmimic.corruptions import Rotation
from skmimic.datasets import load_mnist
from skmimic.engine import Problem


def observed_rows(n_rows):
    """Read the first test digits and rotate them; canonical range, as rows."""
    images = load_mnist(subset="test").images[:n_rows]
    tensor = torch.as_tensor(images).reshape(-1, 1, 28, 28).float() / 127.5 - 1
    return Rotation(20)(tensor).flatten(1).numpy()


def adam_from_zero(projector, rows, n_steps=300):
    """Minimise the same objective by torch's Adam from z = 0, the surrogate held; returns mean loss and seconds."""
    generator = projector.generator_.on("cpu")
    problem = Problem(generator, projector.surrogate_.to_torch(), deviation_sd=projector._adaptation.deviation_sd)
    losses, start = [], time.perf_counter()
    for part in torch.from_numpy(rows).reshape(-1, 1, 28, 28).split(256):
        latents = problem.latents(torch.zeros(len(part), generator.latent_dim)).fresh()
        groups = [
            {"params": [tensor], "lr": rate} for tensor, rate in zip(latents.tensors(), (0.05, 0.001), strict=False)
        ]
        optimiser = torch.optim.Adam(groups)
        for _ in range(n_steps):
            optimiser.zero_grad()
            problem.objective(part, latents).sum().backward()
            optimiser.step()
            with torch.no_grad():
                latents.z.clamp_(-1, 1)
        with torch.no_grad():
            images = generator.decode(latents.z)
            losses.append(problem.fidelity(part, images, latents.deviations))
    return torch.cat(losses).mean().item(), time.perf_counter() - start


def main():
    """Run all methods and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2, help="rounds of the plain Algorithm 1 that are timed, of 20")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = observed_rows(arguments.rows)
    gan = load_gan("mnist")
    projector = MimicGANProjector(gan, solver="amortized", random_state=arguments.seed)

    start = time.perf_counter()
    projector.fit(rows)
    phase_a = time.perf_counter() - start
    projector.transform(rows[:256])  # warm
    start = time.perf_counter()
    loss = -projector.score_samples(rows).mean()
    phase_b = time.perf_counter() - start
    adam_loss, adam_seconds = adam_from_zero(projector, rows)
    round_seconds = (
        plain_algorithm_1(gan, rows.reshape(-1, 1, 28, 28), T=arguments.rounds)["seconds"] / arguments.rounds
    )

    figures = {
        "rows": len(rows),
        "seed": arguments.seed,
        "phase_a_s": phase_a,
        "phase_b_s": phase_b,
        "phase_b_rows_per_s": len(rows) / phase_b,
        "loss_amortized": float(loss),
        "loss_adam_300_from_zero": adam_loss,
        "adam_300_s": adam_seconds,
        "plain_algorithm_1_s_extrapolated_to_20_rounds": 20 * round_seconds,
        "surrogate": projector.surrogate_.describe(),
        "threads": torch.get_num_threads(),
        "versions": {"skmimic": skmimic.__version__, "torch": torch.__version__, "numpy": np.__version__},
        "machine": platform.machine(),
    }
    text = json.dumps(figures, indent=1)
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
