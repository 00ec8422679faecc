"""Antialiased bilinear resizing, the one of the published 16x16 protocol."""

from numbers import Integral

import numpy as np
import torch
from torch.nn.functional import interpolate

from ..utils import as_images, as_rows, channels_axis, infer_image_shape, is_one_picture, shielded

__all__ = ["resize_images"]

CHUNK = 4096


def resize_images(images, size):
    """Resize images bilinearly, averaging over the pixels that merge when the image shrinks.

    Parameters
    ----------
    images : ndarray of shape (n, h, w), (n, c, h, w), (n, h, w, c) or (n, n_features)
        Of dtype uint8, float32 or float64. The last axis holds the channels if it has at most four entries and the
        second axis has more. Rows must be those of grey or RGB squares of at least 8x8 pixels.
    size : int or (int, int)
        New side, or new height and width, in pixels.

    Returns
    -------
    ndarray of shape (n, height, width), (n, c, height, width), (n, height, width, c) or (n, c*height*width)
        In the form of `images` and of the same dtype; integers are rounded. Agrees with Pillow's ``BILINEAR`` to one
        grey level.

    Raises
    ------
    TypeError
        If the dtype is another one.
    ValueError
        If `images` has another form, is one image (h, w, c), or does not tell its channels; if its rows are no squares,
        or `size` is not made of positive integers.

    Examples
    --------
    >>> import numpy as np
    >>> from skmimic.datasets import resize_images
    >>> resize_images(np.full((2, 28, 28), 200, np.uint8), 16).shape
    (2, 16, 16)
    """
    images = np.asarray(images)
    height, width = _height_and_width(size)
    if images.dtype not in (np.uint8, np.float32, np.float64):
        raise TypeError(f"resize_images: images must be uint8, float32 or float64, got {images.dtype}.")
    if images.ndim == 2:
        return as_rows(resize_images(as_images(images, _square(*images.shape)), size))
    if images.ndim not in (3, 4):
        raise ValueError(
            "resize_images: images must be (n, h, w), (n, c, h, w), (n, h, w, c) or rows (n, n_features), got shape "
            f"{images.shape}."
        )
    if _is_channels_last(images.shape):
        return np.ascontiguousarray(np.moveaxis(resize_images(np.moveaxis(images, -1, 1), size), 1, -1))
    if images.shape[-2:] == (height, width):
        return images.copy()
    resized = np.empty((*images.shape[:-2], height, width), images.dtype)
    for start in range(0, len(images), CHUNK):
        chunk = slice(start, start + CHUNK)
        resized[chunk] = _resize_chunk(images[chunk], (height, width))
    return resized


def _is_channels_last(shape):
    """Whether images are (n, h, w, c); one image (h, w, c) is not taken for grey ones, nor any axis for channels."""
    axis = channels_axis(shape[-3:])
    if is_one_picture(shape):
        raise ValueError(f"resize_images: shape {shape} looks like one image (h, w, c). Pass images[None].")
    if len(shape) == 4 and axis is None:
        raise ValueError(
            f"resize_images: images of shape {shape[1:]} may have their channels first or last. Pass planes (n, h, w): "
            "images.reshape(-1, *images.shape[2:]) of channels first."
        )
    return len(shape) == 4 and axis == -1


def _square(n, n_features):
    """Shape (c, h, w) of the square images that rows hold; one square image is not taken for rows."""
    shape = infer_image_shape(n_features)
    if shape[1] == 1 or n == n_features:
        reason = "are no grey or RGB squares of at least 8x8 pixels" if shape[1] == 1 else "may be one image as well"
        raise ValueError(
            f"resize_images: {n} rows of {n_features} values {reason}. Reshape them to images (n, c, h, w) first."
        )
    return shape


def _height_and_width(size):
    pair = (size, size) if isinstance(size, Integral) else tuple(size) if isinstance(size, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(side, Integral) and side > 0 for side in pair):
        raise ValueError(f"resize_images: size must be a positive integer or a pair of them, got {size!r}.")
    return pair


@shielded()
def _resize_chunk(images, size):
    is_integer = images.dtype == np.uint8
    planes = torch.from_numpy(np.ascontiguousarray(images, np.float32 if is_integer else images.dtype))
    planes = planes[:, None] if images.ndim == 3 else planes
    resized = interpolate(planes, size, mode="bilinear", antialias=True).numpy()
    if is_integer:
        resized = resized.round().clip(0, 255)
    return resized[:, 0] if images.ndim == 3 else resized
