"""How far projected images are from the true ones."""

import numpy as np

__all__ = ["d_proj", "psnr"]


def d_proj(X_true, X_projected, *, data_range=(-1.0, 1.0)):
    r"""Compute the projection distance of every image, in units of the range [-1, 1].

    .. math:: d_{proj} = \lVert X - G(z^*) \rVert_2

    Parameters
    ----------
    X_true : array-like of shape (n_samples, ...)
        Clean images, as rows or in any image shape.
    X_projected : array-like of the same shape
        Their projections.
    data_range : (low, high), default=(-1, 1)
        Values of black and white in both; ``(0, 255)`` for uint8.

    Returns
    -------
    ndarray of shape (n_samples,)
        Distances, float64. Their mean over images is the number that the paper plots.

    Raises
    ------
    ValueError
        If the shapes differ, the range is not a pair ``low < high``, or the images are in other units: beyond the range
        by more than its width, booleans where it is not (0, 1), bytes (uint8) where it does not begin at 0, or integers
        beside floats in [-1, 1].

    See Also
    --------
    psnr : The same difference in decibels.

    References
    ----------
    R. Anirudh, J. J. Thiagarajan, B. Kailkhura, P.-T. Bremer, "MimicGAN: Robust Projection onto Image Manifolds with
    Corruption Mimicking", IJCV 2020, equation 5.

    Examples
    --------
    >>> from skmimic.metrics import d_proj
    >>> d_proj([[0, 0, 0, 0]], [[255, 255, 255, 255]], data_range=(0, 255))
    array([4.])
    """
    difference, span = _difference(X_true, X_projected, data_range)
    return np.sqrt((difference**2).sum(axis=1)) * (2 / span)


def psnr(X_true, X_projected, *, data_range=(-1.0, 1.0)):
    """Compute the peak signal-to-noise ratio of every image, in decibels.

    Parameters
    ----------
    X_true : array-like of shape (n_samples, ...)
        Clean images, as rows or in any image shape.
    X_projected : array-like of the same shape
        Their projections.
    data_range : (low, high), default=(-1, 1)
        Values of black and white in both; ``(0, 255)`` for uint8.

    Returns
    -------
    ndarray of shape (n_samples,)
        ``20 log10((high - low) / rmse)``, float64; infinity for equal images.

    Raises
    ------
    ValueError
        If the shapes differ, the range is not a pair ``low < high``, or the images are in other units: beyond the range
        by more than its width, booleans where it is not (0, 1), bytes (uint8) where it does not begin at 0, or integers
        beside floats in [-1, 1].

    See Also
    --------
    d_proj : The distance of the paper.

    Examples
    --------
    >>> from skmimic.metrics import psnr
    >>> psnr([[0.0, 0.0]], [[0.2, -0.2]])
    array([20.])
    """
    difference, span = _difference(X_true, X_projected, data_range)
    with np.errstate(divide="ignore"):
        return 20 * np.log10(span / np.sqrt((difference**2).mean(axis=1)))


def _difference(X_true, X_projected, data_range):
    """Return the differences as float64 rows, and the span of the range."""
    from ..utils import Bounds  # brings torch, which the import of the metrics does not

    X_true, X_projected, bounds = np.asarray(X_true), np.asarray(X_projected), Bounds.of(data_range)
    if X_true.shape != X_projected.shape or X_true.ndim < 2:
        raise ValueError(
            f"X_true and X_projected must have one shape (n_samples, ...), got {X_true.shape} and "
            f"{X_projected.shape}. Bring them to the same rows or images."
        )
    if not (_is_in(X_true, bounds) and _is_in(X_projected, bounds)) or _differ_in_unit(X_true, X_projected):
        raise ValueError(
            f"X_true is {_in_words(X_true)}, X_projected {_in_words(X_projected)}, and data_range={tuple(bounds)}. "
            "Bring both to one unit, and pass data_range=(low, high) of it: (0, 255) for bytes, (0, 1) for booleans."
        )
    difference = X_true.astype(np.float64) - X_projected.astype(np.float64)
    return difference.reshape(len(difference), -1), bounds.high - bounds.low


def _is_in(images, bounds):
    """Whether images may be in a range: booleans are 0 and 1, bytes begin at 0, the others may be noisy."""
    from ..utils import BYTES, UNIT, is_far_outside

    if images.dtype == bool:
        return bounds == UNIT
    if images.dtype == np.uint8:
        return bounds.low == 0 and (bounds == BYTES or not images.size or images.max() <= bounds.high)
    return not is_far_outside(images, *bounds)


def _differ_in_unit(X_true, X_projected):
    """Whether integers that count further than to 1 stand beside floats that do not."""
    from ..utils import ends_of

    kinds = {array.dtype.kind in "iu": array for array in (X_true, X_projected)}
    if len(kinds) < 2 or not X_true.size:
        return False
    return kinds[True].max() > 1 >= max(map(abs, ends_of(kinds[False])))


def _in_words(images):
    from ..utils import ends_of

    low, high = ends_of(images)
    return f"{images.dtype} from {low:g} to {high:g}"
