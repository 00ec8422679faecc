"""One perturbation for all images."""

from ..exceptions import AttackError
from ._inputs import as_came, as_pixels, read_bounds

__all__ = ["apply_universal", "universal_perturbation"]


def universal_perturbation(X_clean, X_attacked):
    """Average what an attack changed, a perturbation that is the same for all images.

    .. math:: \\nu = \\frac{1}{n} \\sum_i (\\tilde{x}_i - x_i)

    The formula in section 5.2 of the paper, the mean of clean minus attacked images, has the opposite sign: added to
    images it would walk away from the attack.

    Parameters
    ----------
    X_clean : array or tensor (n, c, h, w)
        Images of floating point, in any units.
    X_attacked : array or tensor (n, c, h, w)
        The same rows after an attack, in the same units.

    Returns
    -------
    array or tensor (c, h, w)
        Of the kind that `X_clean` is.

    Raises
    ------
    AttackError
        If the shapes differ, or values are not finite.

    References
    ----------
    R. Anirudh et al., "MimicGAN: Robust projection onto image manifolds with corruption mimicking", IJCV 2020, section
    5.2, with the sign turned.

    Examples
    --------
    >>> import numpy as np
    >>> from skmimic.attacks import apply_universal, universal_perturbation
    >>> X = np.array([0.25, 0.5]).reshape(2, 1, 1, 1)
    >>> pattern = universal_perturbation(X, X + 0.125)
    >>> apply_universal(X, pattern, strength=4).ravel()
    array([0.75, 1.  ])
    """
    name, everywhere = "universal_perturbation", None
    clean = as_pixels(name, X_clean, everywhere, subject="X_clean")
    attacked = as_pixels(name, X_attacked, everywhere, subject="X_attacked").to(clean)
    if clean.shape != attacked.shape:
        raise AttackError(
            f"{name}: X_clean and X_attacked must be the same rows, got shapes {tuple(clean.shape)} and "
            f"{tuple(attacked.shape)}."
        )
    return as_came((attacked - clean).mean(dim=0), X_clean)


def apply_universal(X, pattern, strength=1.0, bounds=(0.0, 1.0)):
    """Add a perturbation to all images, and clip them to the bounds.

    Parameters
    ----------
    X : array or tensor (n, c, h, w)
        Images of floating point in `bounds`.
    pattern : array or tensor (c, h, w)
        What `universal_perturbation` gives.
    strength : float, default=1.0
        Factor of the pattern.
    bounds : pair of float, default=(0.0, 1.0)
        Values of black and white.

    Returns
    -------
    array or tensor (n, c, h, w)
        Of the kind that X is.

    Raises
    ------
    AttackError
        If rows leave the bounds, values are not finite, or the pattern has another shape.
    """
    name = "apply_universal"
    bounds = read_bounds(name, bounds)
    images = as_pixels(name, X, bounds)
    added = as_pixels(name, pattern[None], None, subject="pattern").to(images)
    if added.shape[1:] != images.shape[1:]:
        raise AttackError(
            f"{name}: pattern must have the shape {tuple(images.shape[1:])} of one image, got {tuple(added.shape[1:])}."
        )
    return as_came((images + float(strength) * added).clamp_(*bounds), X)
