"""What clean streams show by chance: gain, bias, and how much nearer an affine map brings normal images to them.

    SKMIMIC_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.anomaly.clean_streams

Limits of `skmimic.detection` lie above these figures. The classes are among those that choices were made on.
"""

import numpy as np
import torch

from benchmarks.anomaly.data import as_images, draw_task
from skmimic.detection import NormalImages, StreamJudge
from skmimic.detection._streams import refined, tone_of

TASKS = (
    ("mnist", 1, 2000),
    ("mnist", 9, 500),
    ("mnist", 7, 2000),
    ("fashion_mnist", 1, 1000),
    ("fashion_mnist", 8, 1000),
)
N_STREAMS = 6  # of each
STRANGE = (6, 64)  # of 70 and 128 rows


def stream_of(task, seed):
    """Draw 64 normal rows, and few or as many anomalies."""
    random = np.random.default_rng(seed)
    fresh = random.permutation(len(task.fresh))[:64]
    strange = random.permutation(len(task.strange))[: STRANGE[seed % 2]]
    rows = np.concatenate([task.fresh[fresh], task.strange[strange]])
    return as_images(random.permutation(rows))


@torch.no_grad()
def main():
    """Print a line a stream, and the largest: gain less one and bias, in standard errors, too, and what a map gains."""
    torch.set_num_threads(1)
    found = []
    for data, left_out, memory in TASKS:
        task = draw_task(data, "random", left_out, seed=7, memory=memory, held_out=200, rows=600)
        normals = NormalImages.fit(as_images(task.normal), as_images(task.held_out), score="edges")
        for seed in range(N_STREAMS):
            judge = StreamJudge(normals, stream_of(task, seed))
            gain, bias = tone_of(judge, lambda images: images)
            _, nearer = refined(judge, [], (1, 28, 28), -1.0)
            far = [abs(float(part.value) - usual) for part, usual in ((gain, 1), (bias, 0))]
            in_errors = [value / float(part.error) for value, part in zip(far, (gain, bias), strict=True)]
            found.append((*far, *in_errors, nearer))
            print(f"{data} {left_out}: " + ", ".join(f"{value:.3f}" for value in found[-1]), flush=True)
    print("largest: " + ", ".join(f"{value:.3f}" for value in np.max(found, 0)))


if __name__ == "__main__":
    main()
