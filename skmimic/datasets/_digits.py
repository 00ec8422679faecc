"""MNIST, USPS and Fashion-MNIST in full."""

import numpy as np

from ._archives import find_archive, open_archive, read_images, read_labels
from ._bunch import as_bunch, check_subset
from ._openml import fetch_split

__all__ = ["load_fashion_mnist", "load_mnist", "load_usps"]

SIDES = {"mnist": 28, "usps": 16, "fashion_mnist": 28}
DESCRIPTIONS = {
    "mnist": "MNIST handwritten digits; LeCun, Cortes, Burges; CC BY-SA 3.0.",
    "usps": "USPS zip-code digits of the neural network group at AT&T research labs; research use.",
    "fashion_mnist": "Fashion-MNIST, ten classes of clothes; Zalando SE; MIT licence.",
}


def load_mnist(subset="train", *, size=28, return_X_y=False, download=False):
    """Load the full MNIST set of handwritten digits, in the official order.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        60,000 training images, 10,000 test images, or both in this order.
    size : int, default=28
        Side of the images in pixels; others than 28 are resized.
    return_X_y : bool, default=False
        Whether to return the pair ``(data, target)`` instead.
    download : bool, default=False
        Whether to fetch the set from OpenML when ``$SKMIMIC_DATA/mnist.npz`` is not there.

    Returns
    -------
    Bunch
        `data` (n, size * size) uint8, `images` (n, size, size) uint8, white on black, `target` (n,) digits, `DESCR`.

    Raises
    ------
    FileNotFoundError
        If the archive is not there and `download` is false.
    ValueError
        If the file is damaged or `subset` is unknown.

    See Also
    --------
    load_mnist_sample : 2,000 of the test images, inside the package.
    """
    return _load("mnist", subset, size, return_X_y, download)


def load_usps(subset="train", *, size=16, return_X_y=False, download=False):
    """Load the full USPS set of zip-code digits.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        7,291 training images, 2,007 test images, or both in this order.
    size : int, default=16
        Side of the images in pixels; others than 16 are resized.
    return_X_y : bool, default=False
        Whether to return the pair ``(data, target)`` instead.
    download : bool, default=False
        Whether to fetch the set from OpenML when ``$SKMIMIC_DATA/usps.npz`` is not there.

    Returns
    -------
    Bunch
        `data` (n, size * size) uint8, `images` (n, size, size) uint8, white on black, `target` (n,) digits, `DESCR`.

    Raises
    ------
    FileNotFoundError
        If the archive is not there and `download` is false.
    ValueError
        If the file is damaged or `subset` is unknown.

    See Also
    --------
    load_digits_images : Another set of digits, inside scikit-learn.
    """
    return _load("usps", subset, size, return_X_y, download)


def load_fashion_mnist(subset="train", *, size=28, return_X_y=False, download=False):
    """Load the full Fashion-MNIST set of clothes, in the official order.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        60,000 training images, 10,000 test images, or both in this order.
    size : int, default=28
        Side of the images in pixels; others than 28 are resized.
    return_X_y : bool, default=False
        Whether to return the pair ``(data, target)`` instead.
    download : bool, default=False
        Whether to fetch the set from OpenML when ``$SKMIMIC_DATA/fashion_mnist.npz`` is not there.

    Returns
    -------
    Bunch
        `data` (n, size * size) uint8, `images` (n, size, size) uint8, white on black, `target` (n,) classes, `DESCR`.
        The classes are T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Raises
    ------
    FileNotFoundError
        If the archive is not there and `download` is false.
    ValueError
        If the file is damaged or `subset` is unknown.
    """
    return _load("fashion_mnist", subset, size, return_X_y, download)


def _load(name, subset, size, return_X_y, download):
    loader = f"load_{name}"
    check_subset(loader, subset, ("train", "test", "all"))
    parts = ("train", "test") if subset == "all" else (subset,)
    try:
        path = find_archive(name, loader=loader, otherwise=", or pass download=True to fetch it from OpenML")
    except FileNotFoundError:
        if not download:
            raise
        split = fetch_split(name, SIDES[name])
    else:
        split = _read_split(path, parts, SIDES[name])
    images, labels = (np.concatenate(arrays) for arrays in zip(*(split[part] for part in parts), strict=True))
    bunch = as_bunch(images, labels, size=size, description=DESCRIPTIONS[name])
    return (bunch.data, bunch.target) if return_X_y else bunch


def _read_split(path, parts, side):
    split = {}
    with open_archive(path) as archive:
        for part in parts:
            images = read_images(archive, f"images_{part}", (side, side))
            split[part] = images, read_labels(archive, f"labels_{part}", len(images), n_classes=10)
    return split
