"""How far rows go from the affine map that they share: rows under one map, rows of their own maps, other data sets.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.pose.deviations
    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.pose.deviations --seeds 10

Prints a table: what deviations of each row's own leave of the residual of the shared map, and their root mean square in
standard deviations of their prior, both of 32 rows; and how many times as wide as those of samples of one angle the
angles spread that a glance reads off all rows (`engine/identification/_row_angles.py`). So ``surrogate="auto"`` sees
at first whether rows differ (`Policy.loose_below`, `Policy.deviating_above`); then it asks more rows. The seeds are
reported nowhere else.
"""

import argparse
from functools import partial

import numpy as np
import torch

from benchmarks.pose.data import draw_rows, in_range, source_of
from benchmarks.pose.objective import draw_truths
from skmimic import as_generator
from skmimic.corruptions import Compose, MissingPixels
from skmimic.datasets import load_digits_images, load_mnist, load_usps
from skmimic.engine import Candidates, Problem, Settings
from skmimic.engine.identification import Bench, Policy, glance, learn_surrogate
from skmimic.surrogates import Affine, Blur, Composition, Identity, Mask, Photometric, affine_matrix, warp

N_ROWS, OWN_SD, OWN_DEG, LOST = 100, 0.1, 5.0, 1 / 3
HEAD = "| rows | generator | seed | rows differ | residual | deviations, sd | told apart | angles |"


def under_one_map(source, seed):
    """Rows under one random map."""
    return draw_truths(1, seed)[0](torch.from_numpy(draw_rows(source.images, N_ROWS, seed, 0)))


def masked(source, seed):
    """Rows under one random map, a third of the pixels lost, the same in all."""
    corruption = Compose(draw_truths(1, seed)[0], MissingPixels(LOST, random_state=seed))
    return corruption(torch.from_numpy(draw_rows(source.images, N_ROWS, seed, 0)))


def each_its_own(source, seed):
    """Rows each under a map of its own, near the identity."""
    rows = torch.from_numpy(draw_rows(source.images, N_ROWS, seed, 0))
    own = OWN_SD * torch.randn(N_ROWS, 6, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return Affine(tuple(rows.shape[1:]))(rows, own)


def each_turned(source, seed):
    """Rows under one random map, each turned by an angle of its own before."""
    rows = torch.from_numpy(draw_rows(source.images, N_ROWS, seed, 0))
    degrees = OWN_DEG * torch.randn(N_ROWS, generator=torch.Generator().manual_seed(seed))
    turned = torch.cat([warp(row[None], affine_matrix(float(angle))) for row, angle in zip(rows, degrees, strict=True)])
    return draw_truths(1, seed)[0](turned)


def of_another(read, source, seed):
    """Rows of another data set."""
    images = read(size=source.side).images
    chosen = np.random.default_rng(seed).permutation(len(images))[:N_ROWS]
    return torch.from_numpy(in_range(images.reshape(-1, source.side, source.side)[chosen]))


SCANNED = partial(of_another, load_digits_images)
CASES = (
    ("one map", "digits16", under_one_map, (), False),
    ("one map", "digits28", under_one_map, (), False),
    ("one map", "fashion28", under_one_map, (), False),
    ("one map, a third lost", "digits16", masked, (partial(Mask, learn=False),), False),
    ("each its own angle", "digits16", each_turned, (), True),
    ("each its own angle", "digits28", each_turned, (), True),
    ("each its own angle", "fashion28", each_turned, (), True),
    ("each its own map", "digits16", each_its_own, (), True),
    ("each its own map", "digits28", each_its_own, (), True),
    ("scikit-learn's digits", "digits16", SCANNED, (Blur, Photometric), True),
    ("scikit-learn's digits", "digits28", SCANNED, (Blur, Photometric), True),
    ("USPS", "digits16", partial(of_another, partial(load_usps, "train")), (Photometric,), True),
    ("MNIST", "usps16", partial(of_another, partial(load_mnist, "train")), (Photometric,), True),
)


def measured(source, observed, others):
    """Learn the shared map; return what deviations leave of the residual, how far they go, how wide angles spread."""
    generator, random, policy = as_generator(source.gan).on("cpu"), torch.Generator().manual_seed(0), Policy()
    candidates, settings = Candidates(generator, random), Settings(solver="joint")
    bench = Bench(Problem(generator, Identity()), observed, settings, candidates, random, lambda sentence: None)
    shape = tuple(observed.shape[1:])
    composed = Composition([kind(shape) for kind in (Affine, *others)])
    surrogate = learn_surrogate(bench, composed, "affine and others").surrogate
    shared, loose = (bench.project(surrogate, "affine", sd) for sd in (None, policy.loose_sd))
    deviations = loose.latents.deviations.square().mean().sqrt().item() / policy.loose_sd
    angles, _ = glance(bench, surrogate)
    return loose.residual / shared.residual, deviations, angles


def main(words=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12])
    torch.set_num_threads(1)
    policy = Policy()
    print(HEAD)
    print("|---" * HEAD.count(" | ") + "|---|")
    for name, data, draw, others, differ in CASES:
        source = source_of(data, "settings")
        for seed in parser.parse_args(words).seeds:
            residual, deviations, angles = measured(source, draw(source, seed), others)
            told = residual < policy.loose_below and deviations > policy.deviating_above
            cells = name, data, seed, "yes" if differ else "no", f"{residual:.2f}", f"{deviations:.2f}"
            cells = *cells, "yes" if told else "no", f"{angles:.2f}"
            print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


if __name__ == "__main__":
    main()
