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
        If the shapes differ, the range is not a pair ``low < high``, or bytes (uint8) are compared with floats that are
        not in (0, 255).

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
        If the shapes differ, the range is not a pair ``low < high``, or bytes (uint8) are compared with floats that are
        not in (0, 255).

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
    X_true, X_projected = np.asarray(X_true), np.asarray(X_projected)
    _refuse_mixed_units(X_true, X_projected, data_range)
    X_true, X_projected = X_true.astype(np.float64), X_projected.astype(np.float64)
    if X_true.shape != X_projected.shape or X_true.ndim < 2:
        raise ValueError(
            f"X_true and X_projected must have one shape (n_samples, ...), got {X_true.shape} and "
            f"{X_projected.shape}. Bring them to the same rows or images."
        )
    low, high = map(float, data_range)
    if not low < high:
        raise ValueError(f"data_range must be (low, high) with low < high, got {data_range!r}.")
    return (X_true - X_projected).reshape(len(X_true), -1), high - low


def _refuse_mixed_units(X_true, X_projected, data_range):
    """Bytes go from 0 to 255, so floats beside them must, too, and `data_range` must say so."""
    kinds = {array.dtype == np.uint8: array for array in (X_true, X_projected)}
    if len(kinds) < 2:
        return
    floats, is_told = kinds[False], tuple(map(float, data_range)) == (0.0, 255.0)
    if not is_told or (kinds[True].size and kinds[True].max() > 1 >= np.abs(floats).max()):
        raise ValueError(
            f"X_true is {X_true.dtype} and X_projected {X_projected.dtype}: bytes go from 0 to 255, the floats from "
            f"{floats.min():g} to {floats.max():g}, and data_range={tuple(data_range)!r}. Bring both to one unit, and "
            "pass data_range=(low, high) of it; (0, 255) for bytes."
        )
