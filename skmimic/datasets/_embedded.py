"""Data that is there after installation."""

from importlib import resources

import numpy as np
from sklearn.datasets import load_digits

from ._bunch import as_bunch

__all__ = ["load_digits_images", "load_mnist_sample"]


def load_mnist_sample(size=28, *, return_X_y=False):
    """Load 2,000 test images of MNIST, 200 of each digit, that ship inside the package.

    They were drawn without regard to their content from the 10,000 official test images, so generators trained on the
    official training images have not seen them.

    Parameters
    ----------
    size : int, default=28
        Side of the images in pixels; 28 is native, others are resized.
    return_X_y : bool, default=False
        Whether to return the pair ``(data, target)`` instead.

    Returns
    -------
    Bunch
        `data` (2000, size * size) uint8, `images` (2000, size, size) uint8, white on black, `target` (2000,) digits,
        `indices` (2000,) positions among the official test images, `DESCR`.

    References
    ----------
    Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits". CC BY-SA 3.0.

    Examples
    --------
    >>> from skmimic.datasets import load_mnist_sample
    >>> load_mnist_sample(size=16).images.shape
    (2000, 16, 16)
    """
    folder = resources.files(__package__) / "data"
    with (folder / "mnist_sample.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        images, labels, indices = archive["images"], archive["labels"], archive["indices"].astype(np.int64)
    description = (folder / "README.md").read_text(encoding="utf-8")
    bunch = as_bunch(images, labels, size=size, description=description, indices=indices)
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_digits_images(size=16, *, return_X_y=False):
    """Load scikit-learn's 1,797 handwritten digits as larger images: another hand, scanner and crop than MNIST.

    Parameters
    ----------
    size : int, default=16
        Side of the images in pixels; the native 8x8 images are enlarged bilinearly.
    return_X_y : bool, default=False
        Whether to return the pair ``(data, target)`` instead.

    Returns
    -------
    Bunch
        `data` (1797, size * size) uint8, `images` (1797, size, size) uint8, white on black, `target` (1797,) digits,
        `DESCR`.

    See Also
    --------
    sklearn.datasets.load_digits : The native images, with values 0 to 16.

    Examples
    --------
    >>> from skmimic.datasets import load_digits_images
    >>> load_digits_images().data.shape
    (1797, 256)
    """
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    bunch = as_bunch(images, digits.target, size=size, description=digits.DESCR)
    return (bunch.data, bunch.target) if return_X_y else bunch
