"""The user's own Pipeline on full sets: MNIST labels read USPS; then row by row after `adapt`.

    SKMIMIC_DATA=... python benchmarks/user_pipeline.py

Prints the accuracy on all USPS digits, and checks that after `adapt` one row, ten rows and all rows in another order
get the same predictions.
"""

import argparse
import sys
import time

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from skmimic import MimicDomainAligner, load_gan
from skmimic.datasets import load_mnist, load_usps


def main():
    """Fit, score, adapt, and compare predictions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, help="of the target, for tries")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    X_source, y_source = load_mnist("train", size=16, return_X_y=True)
    X_target, y_target = (array[: arguments.rows] for array in load_usps("all", return_X_y=True))
    aligner = MimicDomainAligner(load_gan("mnist16"), random_state=arguments.seed)
    pipe = Pipeline([("align", aligner), ("knn", KNeighborsClassifier(1))]).fit(X_source, y_source)
    print(f"without alignment {pipe[-1].score(X_target, y_target):.4f}", flush=True)
    start = time.perf_counter()
    pipe[0].adapt(X_target)
    aligned = pipe[0].transform(X_target)
    predicted = pipe[-1].predict(aligned)
    seconds = time.perf_counter() - start
    print(f"aligned {np.mean(predicted == y_target):.4f} in {seconds:.0f} s, {len(X_target)} rows", flush=True)
    order = np.random.default_rng(arguments.seed).permutation(len(X_target))
    same = {
        "1 row": np.array_equal(pipe.predict(X_target[:1]), predicted[:1]),
        "10 rows": np.array_equal(pipe.predict(X_target[order[:10]]), predicted[order[:10]]),
        "all rows in another order, bit for bit": np.array_equal(pipe[0].transform(X_target[order]), aligned[order]),
    }
    print(same)
    return 0 if all(same.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
