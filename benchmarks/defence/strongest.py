"""The strongest attack on `MimicDefense` at a large budget: the margin, many steps, exact gradient.

SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.defence.strongest
"""

import torch

from benchmarks.defence.data import fashion_world
from benchmarks.defence.methods import learn
from skmimic.attacks import Budget, margin_attack

EPS, N_STEPS, STEP, N_ROWS = 0.3, 120, 0.03, 100
SEED = 2  # of the VAE


def main():
    """Print what is left."""
    torch.set_num_threads(1)
    world = fashion_world()
    rows, learned = world.first(N_ROWS), learn("MimicDefense", world, "vae", SEED)
    budget = Budget(EPS, N_STEPS, step_size=STEP)
    result = margin_attack(learned.module, learned.classifier, rows.images, rows.labels, budget, random_state=0)
    print(f"eps {EPS}, {N_STEPS} steps of {STEP}: {100 * result.accuracy:.1f} % of {N_ROWS} images")


if __name__ == "__main__":
    main()
