"""Digit sets from OpenML, brought to the form of the archives."""

import numpy as np
from sklearn.datasets import fetch_openml

__all__ = ["fetch_split"]

DATA_IDS = {"mnist": 554, "usps": 41082, "fashion_mnist": 40996}
# The sets are the training images followed by the test images; the labels at both ends say whether that still holds.
CLASS_COUNTS = {
    "mnist": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "usps": (1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644),
    "fashion_mnist": (6000,) * 10,
}


def fetch_split(name, side):
    """Fetch a set and split it at the end of its training images.

    Parameters
    ----------
    name : {"mnist", "usps", "fashion_mnist"}
    side : int
        Height and width of the images.

    Returns
    -------
    dict
        ``{"train": (images, labels), "test": (images, labels)}``, uint8.

    Raises
    ------
    ValueError
        If what came is not the set that the package knows.
    """
    fetched = fetch_openml(data_id=DATA_IDS[name], as_frame=False, parser="liac-arff")
    pixels, labels = np.asarray(fetched.data, np.float64), fetched.target.astype(np.int64)
    if name == "usps":  # there: values in [-1, 1] and classes from 1 to 10
        pixels, labels = (pixels + 1) * 127.5, labels - 1
    n_train = sum(CLASS_COUNTS[name])
    counts = tuple(np.bincount(labels[:n_train].clip(0), minlength=10).tolist())
    if counts != CLASS_COUNTS[name] or pixels.shape[1] != side**2 or not 0 <= pixels.min() <= pixels.max() <= 255.5:
        raise ValueError(f"OpenML data set {DATA_IDS[name]} is no longer the {name} that skmimic knows.")
    images = np.round(pixels).astype(np.uint8).reshape(-1, side, side)
    return {"train": (images[:n_train], labels[:n_train]), "test": (images[n_train:], labels[n_train:])}
