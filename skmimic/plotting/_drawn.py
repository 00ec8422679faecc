"""Whatever an estimator takes or gives, as images to draw."""

import numpy as np

from ..estimators._inputs import as_array
from ..estimators._layout import rows_in, shapes_in
from ..utils import as_images

__all__ = ["as_drawn"]


def as_drawn(subject, images, image_shape, n_images=None):
    """Bring the first images into one form.

    Parameters
    ----------
    subject : str
        Who asks, for messages.
    images : array-like, as in the `transform` of an estimator
    image_shape : tuple (C, H, W)
    n_images : int or None, default=None
        None takes all.

    Returns
    -------
    masked array (n, C, H, W)
        Pixels that were not seen are masked.
    """
    array = np.asarray(as_array(subject, images))[:n_images]
    _, told = shapes_in(subject, array, image_shape)
    return np.ma.masked_invalid(as_images(array if told is None else rows_in(array, told), image_shape))
