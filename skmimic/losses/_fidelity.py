"""Fidelity terms: the corruption-mimicking loss L_obs of the paper (section 3.1.2, a)."""

from ..utils import in_whole_vectors

__all__ = ["LOSSES", "charbonnier", "l1", "l2", "loss_function"]

CHARBONNIER_EPS = 0.1  # in units of half the pixel range


def l1(mimicked, observed):
    """Sum the absolute differences of each row, the paper's choice.

    Parameters
    ----------
    mimicked, observed : tensors (n, c, h, w)
        Images in [-1, 1].

    Returns
    -------
    tensor (n,)

    References
    ----------
    MimicGAN, section 3.1.2, L_obs.
    """
    return (mimicked - observed).abs().flatten(1).sum(1)


def l2(mimicked, observed):
    """Take the Euclidean norm (not squared) of each row's difference.

    Parameters
    ----------
    mimicked, observed : tensors (n, c, h, w)
        Images in [-1, 1].

    Returns
    -------
    tensor (n,)

    References
    ----------
    MimicGAN, section 3.1.2: "the l2 norm works reasonably as well".
    """
    squared = (mimicked - observed).square().flatten(1).sum(1)
    return (squared + 1e-12).sqrt()  # the root has no gradient at zero


def charbonnier(mimicked, observed):
    """Sum ``sqrt(difference^2 + 0.1^2) - 0.1`` over each row: L1 with a rounded corner.

    Parameters
    ----------
    mimicked, observed : tensors (n, c, h, w)
        Images in [-1, 1].

    Returns
    -------
    tensor (n,)
    """
    smooth = ((mimicked - observed).square() + CHARBONNIER_EPS**2).sqrt() - CHARBONNIER_EPS
    return smooth.flatten(1).sum(1)


LOSSES = {"l1": l1, "l2": l2, "charbonnier": charbonnier}


def loss_function(loss):
    """Look a loss up by name, or take a callable as it is.

    Parameters
    ----------
    loss : {"l1", "l2", "charbonnier"} or callable
        A callable takes two tensors (n, c, h, w) and returns a tensor (n,).

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if callable(loss):
        return in_whole_vectors(loss)
    if loss not in LOSSES:
        raise ValueError(f"loss={loss!r} is unknown. Use one of {sorted(LOSSES)} or a callable (n, c, h, w)^2 -> (n,).")
    return LOSSES[loss]
