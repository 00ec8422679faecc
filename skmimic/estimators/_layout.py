"""Layout of images: which axis of X holds what, what does not fit and what to do about it, and the form of answers."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from ..exceptions import GeneratorMismatchError
from ..generators import load_gan
from ..utils import MOST_CHANNELS, as_images, as_rows, channels_axis, n_values

__all__ = [
    "Form",
    "as_came",
    "check_fits",
    "check_order",
    "cure_of_folded",
    "cure_of_rows",
    "known_image_shape",
    "mismatch",
    "rows_in",
    "shapes_in",
]

ONE_IMAGE = "If X is one image, pass X[None]: the first axis counts the images."
RESIZE = "Resize X (skmimic.datasets.resize_images) or pass a generator for images of that size."


@dataclass(frozen=True)
class Form:
    """Form in which images come and go.

    Attributes
    ----------
    shape : tuple of int
        Of one sample as it came: (n_features,), (H, W), (C, H, W) or (H, W, C).
    image_shape : tuple of int or None
        (C, H, W) that this tells; None for rows.
    dtype : numpy dtype
        Of the answers: the dtype of X when it is floating, else float32.
    """

    shape: tuple
    image_shape: tuple | None
    dtype: np.dtype

    @property
    def is_channels_last(self):
        """Whether the channels came behind height and width."""
        return _is_channels_last(self.shape, self.image_shape)

    def answer(self, rows):
        """Give rows (n, C*H*W) the form in which X came."""
        return as_came(rows, self.shape, self.image_shape)


def shapes_in(subject, X, image_shape=None):
    """Decide how images lie in an array: the one rule of the package.

    A shape that is known decides, be it that of the generator, of `image_shape` or of the images of `fit`. Otherwise
    the channels are last if the last axis has at most four entries and the second axis has more; else they are first,
    but where both axes have more than four entries and height and width would differ, nobody can tell.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    X : ndarray (n, ...) or anything else
        Everything but an array of three or four axes is taken for rows.
    image_shape : tuple of int or None
        (C, H, W), if known.

    Returns
    -------
    tuple of int or None
        Shape of one sample as it is, None for rows.
    tuple of int or None
        (C, H, W) of it, None for rows.

    Raises
    ------
    GeneratorMismatchError
        If there are other than three or four axes, four channels that nobody asked for, or either axis may hold the
        channels.
    """
    if not isinstance(X, np.ndarray) or X.ndim < 3:
        return None, None
    shape = tuple(X.shape[1:])
    if len(shape) == 2:
        return shape, (1, *shape)
    if len(shape) != 3:
        raise GeneratorMismatchError(
            f"{subject}: X has the shape {X.shape}; expected rows (n, C*H*W) or images (n, H, W), (n, C, H, W) or "
            "(n, H, W, C). Reshape X to one of these."
        )
    last = (shape[2], *shape[:2])
    if image_shape in (shape, last):
        return shape, image_shape
    axis = channels_axis(shape)
    if image_shape is None and axis is None:
        raise GeneratorMismatchError(
            f"{subject}: X has images of shape {shape}, whose channels may be the first axis or the last. Pass "
            f"image_shape=(channels, height, width): {shape} or {last}."
        )
    found = last if axis == -1 else shape
    if image_shape is None and found[0] == MOST_CHANNELS:
        colours = "X[..., :3]" if found is last else "X[:, :3]"
        raise GeneratorMismatchError(
            f"{subject}: X has images of four channels, {_layout(shape, found)}, as pictures with transparency (RGBA) "
            f"have. Drop the fourth, {colours}, or pass image_shape={found} if these are four channels of their own."
        )
    return shape, found


def _is_channels_last(shape, image_shape):
    return image_shape is not None and len(shape) == 3 and shape != image_shape


def _layout(shape, image_shape):
    """Name the axes of images."""
    axes = {1: "rows", 2: "(n, H, W)", 3: "(n, H, W, C)" if _is_channels_last(shape, image_shape) else "(n, C, H, W)"}
    return f"{axes[len(shape)]} = {('n', *shape)}".replace("'", "")


def rows_in(images, image_shape):
    """Flatten images, channels first whatever their layout.

    Parameters
    ----------
    images : ndarray (n, H, W), (n, C, H, W) or (n, H, W, C)
    image_shape : tuple (C, H, W)

    Returns
    -------
    ndarray (n, C*H*W)
    """
    if _is_channels_last(images.shape[1:], image_shape):
        images = np.moveaxis(images, -1, 1)
    return as_rows(images)


def as_came(rows, shape, image_shape):
    """Give rows or images (n, C, H, W) the form of the samples of X.

    Parameters
    ----------
    rows : ndarray (n, C*H*W) or (n, C, H, W)
    shape : tuple of int
        Of one sample.
    image_shape : tuple (C, H, W)

    Returns
    -------
    ndarray (n, ...)
    """
    if not _is_channels_last(shape, image_shape):
        return rows.reshape(len(rows), *shape)
    return np.ascontiguousarray(np.moveaxis(as_images(rows, image_shape), 1, -1))


def known_image_shape(image_shape, gan):
    """Return (C, H, W) that the parameters tell before X is read, or None.

    Parameters
    ----------
    image_shape : sequence of int or None
        The parameter, checked.
    gan : Generator, module, pair, estimator, str or None

    Returns
    -------
    tuple of int or None
    """
    gan = load_gan(gan) if isinstance(gan, str) else gan
    gan = gan[0] if isinstance(gan, (tuple, list)) and len(gan) else gan
    told = (image_shape, getattr(getattr(gan, "generator_", gan), "image_shape", None))
    return next((tuple(int(side) for side in one) for one in told if _is_shape(one)), None)


def _is_shape(value):
    sides = value if isinstance(value, (tuple, list, np.ndarray)) else ()
    return len(sides) == 3 and all(isinstance(side, Integral) for side in sides)


def check_fits(subject, X, told, image_shape):
    """Hold later data to the images of `fit`.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    X : array-like
        As read.
    told : tuple of int or None
        (C, H, W) that X tells.
    image_shape : tuple (C, H, W)
        Of `fit`.

    Raises
    ------
    GeneratorMismatchError
        If X has images of another shape, or is one image.
    """
    if not isinstance(X, np.ndarray):
        return
    if told not in (None, image_shape):
        raise GeneratorMismatchError(
            f"{subject}: was fitted on images of shape {image_shape}, but X has images of shape {told}. "
            f"{_cure(X.shape, told, image_shape)}"
        )
    if X.shape == image_shape[1:] and X.shape[1] != n_values(image_shape):
        raise GeneratorMismatchError(f"{subject}: X has the shape {X.shape} of one image. {ONE_IMAGE}")


def check_order(subject, form):
    """Refuse colour images (n, H, W, C) for a decomposition that was fitted on rows: in which order is unknown.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    form : Form
        Of X.

    Raises
    ------
    GeneratorMismatchError
    """
    if form.is_channels_last and form.image_shape[0] > 1:
        raise GeneratorMismatchError(
            f"{subject}: X has images (n, H, W, C) of shape {form.shape}, but the decomposition was fitted on rows, "
            "which may hold their values in this order or in that of (n, C, H, W). Let X = np.moveaxis(X, -1, 1), and "
            "fit the decomposition on X.reshape(len(X), -1)."
        )


def mismatch(subject, shape, told, image_shape, cure=None):
    """Make the error for images that do not fit a generator.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    shape : tuple of int
        Of X, (n, ...).
    told : tuple of int or None
        (C, H, W) of its images, if known.
    image_shape : tuple (C, H, W)
        Of the generator.
    cure : str or None, default=None
        What to do with rows, where that is known.

    Returns
    -------
    GeneratorMismatchError
    """
    gives = f"{subject}: generator gives images of shape {image_shape}"
    if told is not None:
        cure = _cure(shape, told, image_shape)
        return GeneratorMismatchError(f"{gives}, but X has images of shape {told}. {cure}")
    cure = cure or cure_of_rows(shape, image_shape)
    return GeneratorMismatchError(f"{gives}, {n_values(image_shape)} values, but X has {shape[1]} features. {cure}")


def _cure(shape, told, wanted):
    """Say what to do with images (n, ...) of a shape that is not the wanted one."""
    if _is_one_image(shape, wanted):
        return ONE_IMAGE
    folded = cure_of_folded(shape, wanted)
    if folded is not None:
        return folded
    if told[1:] == wanted[1:]:
        return _cure_of_channels(shape, told, wanted)
    if told[1:] == (wanted[2], wanted[1]):
        return f"Height and width are exchanged: pass X.swapaxes({'1, 2' if len(shape) == 3 else '2, 3'})."
    if n_values(told) == n_values(wanted):
        return "Transpose X to (n, C, H, W), or pass a generator for that shape."
    return RESIZE


def cure_of_folded(shape, wanted):
    """Say how to unfold images whose height and width lie in one axis.

    Parameters
    ----------
    shape : tuple of int
        Of X, (n, ...).
    wanted : tuple (C, H, W)

    Returns
    -------
    str or None
        None where they do not, or unfolded would not fit.
    """
    channels, *sides = wanted
    if 1 in sides or len(shape) < 3:
        return None
    n_pixels = sides[0] * sides[1]
    told, first, last = map(_without_ones, (shape[1:], (channels, n_pixels), (n_pixels, channels)))
    if told not in (first, last):
        return None
    is_last = told != first or (channels == 1 and shape[-1] == 1)
    unfolded = (*sides, channels) if is_last else wanted
    return f"Height and width of X lie in one axis: pass X.reshape(len(X), {', '.join(map(str, unfolded))})."


def _without_ones(shape):
    return tuple(side for side in shape if side != 1)


def _is_one_image(shape, wanted):
    """Whether what came as n samples has the shape of one image without the axis of the samples."""
    return shape in (wanted[1:], wanted, (*wanted[1:], wanted[0])) and len(shape) < 4


def _cure_of_channels(shape, told, wanted):
    """Say how to get as many channels as are wanted."""
    has, wants = told[0], wanted[0]
    is_last = _is_channels_last(shape[1:], told)
    axis, first = (-1, "X[..., :3]") if is_last else (1, "X[:, :3]")
    if has == 1 and wants == 3:
        grey = "X[:, None]" if len(shape) == 3 else "X"
        cure = f"X is grey, the generator in colour: repeat the channel, np.repeat({grey}, 3, axis={axis})."
    elif has == 3 and wants == 1:
        cure = f"X is in colour, the generator grey: average the channels, X.mean(axis={axis}, keepdims=True)."
    elif has == 4 and wants in (1, 3):
        grey = f".mean(axis={axis}, keepdims=True)" if wants == 1 else ""
        cure = f"X has four channels, as pictures with transparency (RGBA) have: drop the fourth, {first}{grey}."
    else:
        cure = f"X has {has} channels, the generator {wants}: choose or combine channels."
    return f"{cure} Or pass a generator for images of {has} channel{'s' * (has > 1)}."


def cure_of_rows(shape, wanted):
    """Say what to do with rows that have another number of values.

    Parameters
    ----------
    shape : tuple of int
        Of X, (n, n_features).
    wanted : tuple (C, H, W)

    Returns
    -------
    str
    """
    n_features, channels, n_wanted = shape[1], wanted[0], n_values(wanted)
    if _is_one_image(shape, wanted):
        return ONE_IMAGE
    if channels == 3 and 3 * n_features == n_wanted:
        return "X is grey, the generator in colour: repeat the channel, np.tile(X, 3), or pass a grey generator."
    if channels == 1 and n_features == 3 * n_wanted:
        return (
            "X is in colour, the generator grey: average the channels, X.reshape(len(X), 3, -1).mean(axis=1), or pass "
            "a generator in colour."
        )
    if channels in (1, 3) and channels * n_features == 4 * n_wanted:
        return "X has four channels, as pictures with transparency (RGBA) have: drop the fourth."
    return RESIZE
