"""Perturbations found in rounds: one that all rows share, and one of each row."""

import torch

__all__ = ["OFFSETS", "clean_rows", "shared_offset"]


def _mean(values):
    return values.mean(0)


def _median(values):
    return values.median(0).values


OFFSETS = {"median": _median, "mean": _mean}


def shared_offset(project, observed, residual, n_rounds, centre="median"):
    """Find the perturbation m that rows share: ``m <- centre_j(Y_j - P(Y_j - m) - b)``, from m = 0.

    What no clean image P explains and clean images do not leave (b) is the perturbation, as far as the rows agree.

    Parameters
    ----------
    project : callable
        P: images (n, c, h, w) to clean images.
    observed : tensor (n, c, h, w)
        Y, at least one row.
    residual : tensor (c, h, w)
        b: mean of x - P(x) over clean images.
    n_rounds : int
    centre : {"median", "mean"}, default="median"
        Of the rows. The median holds until half of them are someone's who wants to steer it; the mean does not.

    Returns
    -------
    tensor (c, h, w)
    """
    offset = torch.zeros_like(observed[0])
    for _ in range(n_rounds):
        offset = OFFSETS[centre](observed - project(observed - offset) - residual)
    return offset


def clean_rows(project, observed, offset, residual, n_rounds, share):
    """Take off the shared perturbation m, and from each row a part of what is left: ``P(Y - m - s)``.

    ``s <- share * (Y - m - P(Y - m - s) - b)``, from s = 0. No row looks at another.

    Parameters
    ----------
    project : callable
        P: images (n, c, h, w) to clean images.
    observed : tensor (n, c, h, w)
        Y.
    offset, residual : tensor (c, h, w)
        m and b of `shared_offset`.
    n_rounds : int
    share : float
        In [0, 1]; 0 leaves all of it to the images, 1 none.

    Returns
    -------
    tensor (n, c, h, w)
    """
    shifted = observed - offset
    clean = project(shifted)
    for _ in range(n_rounds):
        clean = project(shifted - share * (shifted - clean - residual))
    return clean
