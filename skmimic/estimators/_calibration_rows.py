"""Which normal rows a detector learns from, which it is calibrated on, and the threshold that these give."""

import numpy as np

from ..exceptions import DetectionError, SkmimicWarning
from ..utils import is_vector, warn_user

__all__ = [
    "FEWEST_DISTINCT",
    "FEWEST_NORMALS",
    "choose_score",
    "split",
    "threshold",
    "warn_if_too_few",
    "warn_of_residual",
]

HELD_OUT, FEWEST_HELD_OUT = 0.2, 40  # share of the distinct normal rows, and how many at least where half of them do
FEWEST_WARNED = 10  # held-out rows; with fewer every threshold is rough, and the default of 0.1 cannot be set
FEWEST_NORMALS = 10  # that rows are compared with
FEWEST_DISTINCT = 12  # normal images: these, and two to calibrate on
MOST_HELD_OUT = 2_000  # images, whose scores cost time; p-values from 0.0005 up, a rate of 0.05 to within 0.005


def choose_score(subject, score_by, shape, n_distinct):
    """Decide what rows are judged by.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    score_by : {"auto", "edges", "neighbors", "patches", "residual"}
    shape : tuple (C, H, W)
        Of the images.
    n_distinct : int
        Normal rows that differ from one another.

    Returns
    -------
    str
        The score; "residual" for "auto" where images cannot be compared.

    Raises
    ------
    DetectionError
        If another score cannot be.
    """
    is_enough, needs_places = n_distinct >= FEWEST_DISTINCT, score_by != "neighbors"
    if score_by == "residual" or (is_enough and not (needs_places and is_vector(shape))):
        return score_by
    if score_by == "auto":
        return "residual"
    if is_enough:
        came = f"rows of {max(shape)} values"
        cure = 'Pass image_shape=(channels, height, width) if they are images, or score_by="neighbors"'
    else:
        came, cure = f"{n_distinct} distinct rows", "Pass more"
    wanted = "normal images" if needs_places else "normal rows"
    raise DetectionError(
        f"{subject}: score_by={score_by!r} compares with {wanted}, at least {FEWEST_DISTINCT} that differ"
        f'{" and have height and width" if needs_places else ""}, got {came}. {cure}, or score_by="residual".'
    )


def warn_of_residual(subject, score_by, shape, n_distinct):
    """Warn where "auto" has too few images to compare with, and takes the residual.

    Parameters
    ----------
    subject, score_by, shape, n_distinct : as those of `choose_score`

    Warns
    -----
    SkmimicWarning
    """
    if score_by == "auto" and not is_vector(shape) and n_distinct < FEWEST_DISTINCT:
        warn_user(
            f"{subject}: {n_distinct} distinct images are too few to compare new ones with, at least {FEWEST_DISTINCT} "
            "are needed. Rows are scored by what a clean image leaves of them, which cannot tell things that look "
            'alike. Pass more normal images, or score_by="residual" if this is meant.',
            SkmimicWarning,
        )


def split(order, n_kept, most=None):
    """Split rows into those that are learned from and those that are held out.

    Parameters
    ----------
    order : ndarray (n,) of int
        Of distinct rows, in an order that their content tells.
    n_kept : int
        How many are learned from at least.
    most : int or None, default=None
        How many are held out at most.

    Returns
    -------
    seen, held_out : ndarray of int
    """
    can_be_spared = min(len(order) // 2, len(order) - n_kept)
    n_held_out = max(int(HELD_OUT * len(order)), min(FEWEST_HELD_OUT, can_be_spared))
    n_held_out = min(n_held_out, most or n_held_out)
    return order[n_held_out:], order[:n_held_out]


def threshold(scores, contamination):
    """Compute the score below which a new normal row lies with a probability.

    That is on average over draws of the scores: of m exchangeable ones the k-th lowest has a share of k / (m + 1) of
    new ones below it, whatever their distribution.

    Parameters
    ----------
    scores : ndarray (m,)
    contamination : float
        The probability.

    Returns
    -------
    float
    """
    return float(np.percentile(scores, 100 * contamination, method="weibull"))


def warn_if_too_few(subject, n_held_out, contamination, fewest=FEWEST_WARNED):
    """Warn where fewer false alarms are asked for than held-out rows can set.

    Parameters
    ----------
    subject : str
        Name of the estimator, for the message.
    n_held_out : int
    contamination : float
    fewest : int, default=10
        Of fewer held-out rows nothing is said.

    Warns
    -----
    SkmimicWarning
    """
    lowest = 1 / (n_held_out + 1)
    if n_held_out >= fewest and contamination < lowest:
        warn_user(
            f"{subject}: contamination={contamination:g} asks for fewer false alarms than {n_held_out} held-out rows "
            f"can set; {lowest:.2g} of new normal rows are to be expected. Pass more rows.",
            SkmimicWarning,
        )
