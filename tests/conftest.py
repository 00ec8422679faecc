"""Fixtures of the whole suite."""

import os
from pathlib import Path

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read when scipy is imported; scikit-learn's contract suite asks for it
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny problems: more threads only wait for one another

import numpy as np
import pytest
import torch
from hypothesis import settings

settings.register_profile("skmimic", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("skmimic")


@pytest.fixture(scope="session")
def realdata():
    """Open an archive of real data by its name, or skip the test when it is not there."""

    def open_dataset(name):
        folder = os.environ.get("SKMIMIC_DATA")
        path = Path(folder or ".", f"{name}.npz")
        if not folder or not path.is_file():
            pytest.skip(f"data set {name!r} is not available (set SKMIMIC_DATA)")
        return np.load(path, allow_pickle=False)

    return open_dataset


def pytest_collection_modifyitems(items):
    """Skip what needs a CUDA device where there is none."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
