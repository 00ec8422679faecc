"""Show that a Dask backend, through joblib, gives the same bits as one process.

pip install "dask[distributed]"
python benchmarks/dask_backend.py
"""

import joblib
import numpy as np
from dask.distributed import Client, LocalCluster

from skmimic import MimicGANProjector, load_gan
from skmimic.datasets import load_mnist_sample


def main():
    """Project 600 digits in one process and on two Dask workers."""
    digits = load_mnist_sample(size=16, return_X_y=True)[0][:600]
    settings = {"surrogate": "identity", "solver": "joint", "T": 1, "T2": 5, "batch_size": 128, "random_state": 0}
    alone = MimicGANProjector(load_gan("mnist16"), **settings).fit(digits).transform(digits)
    projector = MimicGANProjector(load_gan("mnist16"), n_jobs=2, **settings).fit(digits)
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with Client(cluster), joblib.parallel_config(backend="dask"):
        spread = projector.transform(digits)
    print("same bits:", np.array_equal(alone, spread))


if __name__ == "__main__":
    main()
