"""Simple corruptions that each row is compared with: which rows share one, and whether the rows can tell."""

from typing import NamedTuple

import torch
from scipy.stats import t as student

from ...surrogates import warp
from ...utils import background_of, is_vector
from .._unseen import completed, distances_to, seen_pixels
from ._poses import Pose, shrunk

__all__ = ["Hypothesis", "distances", "hypotheses_for", "is_identifiable"]

N_IMAGES = 2000
SIDE = 16  # of the pictures that are compared
ROTATIONS = range(-90, 91, 15)
ZOOMS = (0.7, 0.85, 1.0, 1.2, 1.4)
N_ROWS = 32  # rows that a test of identifiability looks at
LEVEL = 0.1  # of the test against each rival
NEAR_DEGREES, NEAR_ZOOM = 15.5, 1.25  # one step of the grid; nearer poses are no rivals
RANGE_STEP = 0.5  # ranges of the values are told apart at this step
FEWEST = 0.1  # share of the rows that must show a range


class Hypothesis(NamedTuple):
    """A corruption with few numbers, ``gain * warp(image) + bias``.

    Parameters
    ----------
    pose : Pose
    gain : float, default=1.0
    bias : float, default=0.0
    """

    pose: Pose
    gain: float = 1.0
    bias: float = 0.0

    def is_rival_of(self, other):
        """Whether it differs from another by an inversion or by more than a step of the grid of poses."""
        turn = abs(self.pose.rotation_deg - other.pose.rotation_deg)
        zooms = self.pose.zoom_x, other.pose.zoom_x
        is_near = turn < NEAR_DEGREES and max(zooms) < NEAR_ZOOM * min(zooms)
        return not is_near or self.gain * other.gain < 0


def hypotheses_for(images, observed):
    """List the grid of poses, with the ranges of values that the rows show, upright and inverted.

    Parameters
    ----------
    images : tensor (K, c, h, w)
        Prior samples.
    observed : tensor (n, c, h, w)

    Returns
    -------
    list of Hypothesis
        The poses of one gain and bias stand together. Images of one row or column are not turned.
    """
    poses = [Pose(rotation, zoom, zoom) for rotation in ROTATIONS for zoom in ZOOMS]
    if is_vector(observed.shape[1:]):
        poses = [Pose()]
    return [Hypothesis(pose, *option) for option in _photometric_options(images, observed) for pose in poses]


def _photometric_options(images, observed):
    """Gains and biases that bring the range of the images to those of the rows, besides (1, 0)."""
    own = _rounded_ranges(images).median(0).values
    ranges, counts = _rounded_ranges(observed).unique(dim=0, return_counts=True)
    options = [(1.0, 0.0), (-1.0, float(own.sum()))]
    for (low, high), count in zip(ranges.tolist(), counts.tolist(), strict=True):
        if low == high or count < FEWEST * len(observed) or [low, high] == own.tolist():
            continue
        gain = (high - low) / max(float(own[1] - own[0]), RANGE_STEP)
        options += [(gain, low - gain * float(own[0])), (-gain, high + gain * float(own[0]))]
    return list(dict.fromkeys(options))


def _rounded_ranges(images):
    """Lowest and highest values (n, 2) that each image shows, one in a hundred left out, in coarse steps."""
    rows = images.flatten(1)
    ends = torch.nanquantile(rows, torch.tensor([0.01, 0.99]).to(rows), dim=1).T
    return (ends / RANGE_STEP).round() * RANGE_STEP


@torch.no_grad()
def distances(images, observed, hypotheses):
    """Measure how far each row is from its nearest image under each hypothesis.

    Parameters
    ----------
    images : tensor (K, c, h, w)
        Prior samples.
    observed : tensor (n, c, h, w)
    hypotheses : list of Hypothesis

    Returns
    -------
    tensor (len(hypotheses), n)
        Euclidean, over what the row has seen, on pictures whose shorter side has at most 16 pixels.
    """
    aspect, seen = images.shape[-2] / images.shape[-1], seen_pixels(observed)
    images, rows = shrunk(images, SIDE), shrunk(completed(observed), SIDE).flatten(1)
    weights = None if seen is None else shrunk(seen.to(observed), SIDE).flatten(1)
    warped, fill = {}, background_of(images)
    for pose in dict.fromkeys(hypothesis.pose for hypothesis in hypotheses):
        warped[pose] = images if pose == Pose() else warp(images, pose.matrix.to(images), aspect, fill=fill)
    return torch.stack([distances_to(rows, _rows(warped[h.pose], h), weights).amin(1) for h in hypotheses])


def _rows(warped, hypothesis):
    return (hypothesis.gain * warped + hypothesis.bias).flatten(1)


def is_identifiable(images, observed):
    """Test whether the rows tell the rotation, the zoom and the inversion that they share.

    The hypothesis with the smallest mean distance is tested against every rival, a paired one-sided t test over the
    rows at the level 0.1. Only if all rivals are rejected is the corruption called identified; one row rejects none.

    Parameters
    ----------
    images : tensor (K, c, h, w)
        Prior samples; at most the first 2,000 are used.
    observed : tensor (n, c, h, w)
        At most the first 32 rows are used.

    Returns
    -------
    bool
    """
    images, observed = images[:N_IMAGES], observed[:N_ROWS]
    hypotheses = hypotheses_for(images, observed)
    if len(observed) < 2:
        return False
    values = distances(images, observed, hypotheses).double()
    best = int(values.mean(1).argmin())
    rivals = [index for index, other in enumerate(hypotheses) if other.is_rival_of(hypotheses[best])]
    margins = values[rivals] - values[best]
    errors = margins.std(1) / len(observed) ** 0.5
    limit = float(student.ppf(1 - LEVEL, len(observed) - 1))
    return bool((margins.mean(1) > limit * errors).all())
