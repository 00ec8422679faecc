"""Image data: embedded samples, and readers for full sets.

`load_mnist_sample` and `load_digits_images` work offline after installation. The other loaders read numpy archives
``<name>.npz`` from the folder that the environment variable ``SKMIMIC_DATA`` names; MNIST, USPS and Fashion-MNIST can
instead come from OpenML with ``download=True``. Nothing is ever downloaded unasked.
"""

from ._archives import data_folder
from ._digits import load_fashion_mnist, load_mnist, load_usps
from ._embedded import load_digits_images, load_mnist_sample
from ._faces import load_celeba, load_lfw, load_orl
from ._medical import load_pneumonia
from ._resize import resize_images

__all__ = [
    "data_folder",
    "load_celeba",
    "load_digits_images",
    "load_fashion_mnist",
    "load_lfw",
    "load_mnist",
    "load_mnist_sample",
    "load_orl",
    "load_pneumonia",
    "load_usps",
    "resize_images",
]
