"""How many new normal digits the detector flags, over draws of the digits that it is fitted on.

    SKMIMIC_DATA=... python benchmarks/false_alarms.py --draws 50

Threes of MNIST's training set; every draw takes other ones, and 1,000 new ones to be judged.
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA

from skmimic import MimicAnomalyDetector
from skmimic.datasets import load_mnist

GENERATORS = {"gan=None": None, "PCA(32)": PCA(32, random_state=0)}
N_NEW, DIGIT = 1000, 3


def rates(gan, X, n, contamination, n_draws):
    """Part of new rows that is flagged, for each draw."""
    found = []
    for draw in range(n_draws):
        order = np.random.default_rng(draw).permutation(len(X))[: n + N_NEW]
        detector = MimicAnomalyDetector(gan, score_by="residual", contamination=contamination, random_state=0).fit(
            X[order[:n]]
        )
        found.append((detector.predict(X[order[n:]]) == -1).mean())
    return np.array(found)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--contamination", type=float, default=0.05)
    arguments = parser.parse_args()
    bunch = load_mnist("train")
    X = (bunch.images[bunch.target == DIGIT] / 127.5 - 1).astype(np.float32).reshape(-1, 784)
    print("| generator | rows of fit | flagged of new rows, mean | standard deviation over draws |\n|---|---|---|---|")
    for name, gan in GENERATORS.items():
        for n in (40, 100, 300, 1000):
            found = rates(gan, X, n, arguments.contamination, arguments.draws)
            print(f"| {name} | {n} | {found.mean():.3f} | {found.std():.3f} |", flush=True)


if __name__ == "__main__":
    main()
