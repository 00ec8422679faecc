"""Start of the shared corruption without gradients: compare the rows with warped prior samples."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ..surrogates import affine_matrix, warp

__all__ = ["Pose", "Retrieval", "dead_pixels", "retrieve"]

N_ROWS = 128
MAX_SIDE = 16  # the search runs on small pictures
ROTATIONS = range(-90, 91, 15)
ZOOMS = (0.7, 0.85, 1.0, 1.2, 1.4)
REFINEMENTS = (7, 3, 1)  # degrees; sixtieths of the zoom
PARSIMONY = 0.94  # a corruption must bring the distance below this fraction of the identity's
CONSTANT_SD = 1e-3


class Pose(NamedTuple):
    """A rotation and a zoom of the content.

    Parameters
    ----------
    rotation_deg : float, default=0.0
    zoom : float, default=1.0
    """

    rotation_deg: float = 0.0
    zoom: float = 1.0

    @property
    def matrix(self):
        """The sampling matrix (2, 3)."""
        return affine_matrix(self.rotation_deg, self.zoom)


@dataclass(frozen=True)
class Retrieval:
    """What the search found.

    Attributes
    ----------
    pose : Pose
        The shared affine map; ``Pose()`` when the identity was kept.
    gain, bias : float
        Photometric part; 1 and 0 when none was found.
    dead : tensor (c, h, w) of bool
        Pixels that are constant over the rows although the generator's images vary there.
    values : tensor (c, h, w)
        What the pixels of the first row show.
    """

    pose: Pose
    gain: float
    bias: float
    dead: torch.Tensor
    values: torch.Tensor

    @property
    def has_photometric(self):
        """Whether a gain or bias was found."""
        return self.gain != 1 or self.bias != 0

    @property
    def has_mask(self):
        """Whether dead pixels were found."""
        return bool(self.dead.any())


class _Search:
    """Mean distance of the rows to their nearest warped candidate, over the live pixels, at a small size."""

    def __init__(self, images, observed):
        constant = observed.flatten(1).std(0) < CONSTANT_SD
        live = (~constant).to(observed).view(1, *observed.shape[1:])
        self.weight = _small(live)
        self.images = _small(images)
        self.observed = _small(observed * live) if bool(constant.any()) else _small(observed)
        self.live = live

    def distance(self, pose, photometric=(1.0, 0.0)):
        """Mean distance of the rows to their nearest candidate under a pose, a gain and a bias."""
        gain, bias = photometric
        warped = gain * warp(self.images, pose.matrix.to(self.images)) + bias
        warped = (warped * self.weight).flatten(1)
        return torch.cdist(self.observed.flatten(1), warped).min(1).values.mean().item()


def _small(images):
    side = max(images.shape[-2:])
    if side <= MAX_SIDE:
        return images
    size = [max(round(s * MAX_SIDE / side), 1) for s in images.shape[-2:]]
    return F.interpolate(images, size=size, mode="area")


@torch.no_grad()
def retrieve(candidates, observed):
    """Find rotation, zoom, gain, bias and dead pixels that the rows share.

    Parameters
    ----------
    candidates : Candidates
    observed : tensor (n, c, h, w)
        The first 128 rows are used.

    Returns
    -------
    Retrieval
    """
    observed = observed[:N_ROWS]
    search = _Search(candidates.images, observed)
    gain, bias = _photometric(search, candidates.images, observed)
    pose = _affine(search, (gain, bias))
    mimicked = gain * warp(candidates.images, pose.matrix.to(observed)) + bias
    return Retrieval(pose, gain, bias, dead_pixels(mimicked, observed), observed[0])


def _affine(search, photometric):
    """Find the pose: a zoom, or a rotation and a zoom, each only if it brings the rows clearly nearer."""
    best = (search.distance(Pose(), photometric), Pose())
    for rotations, turns in (((0,), (0,)), (ROTATIONS, (-1, 0, 1))):
        found = _grid(search, photometric, rotations, turns)
        best = found if found[0] < PARSIMONY * best[0] else best
    return best[1]


def _grid(search, photometric, rotations, turns):
    """Search a grid, then around the best point three times; returns (distance, pose)."""
    poses = [Pose(rotation, zoom) for rotation in rotations for zoom in ZOOMS]
    best = min((search.distance(pose, photometric), pose) for pose in poses)
    for step in REFINEMENTS:
        rotation, zoom = best[1]
        zooms = [zoom * (1 - step / 60), zoom, zoom * (1 + step / 60)]
        around = [Pose(rotation + turn * step, each) for turn in turns for each in zooms]
        best = min((search.distance(pose, photometric), pose) for pose in around)
    return best


def _photometric(search, images, observed):
    """Match the range of the values, upright or inverted; unchanged unless that is clearly nearer."""
    low, high = _range(observed[:, search.live[0] > 0] if bool((search.live > 0).any()) else observed)
    from_low, from_high = _range(images)
    gain = (high - low) / max(from_high - from_low, 1e-6)
    options = [(1.0, 0.0), (gain, low - gain * from_low), (-gain, high + gain * from_low)]
    distances = [min(search.distance(Pose(turn), option) for turn in (-45, 0, 45)) for option in options]
    best = min(range(3), key=distances.__getitem__)
    return options[best] if distances[best] < PARSIMONY * distances[0] else options[0]


def _range(values):
    """Return the 1st and 99th percentile."""
    flat = values.flatten()
    flat = flat[:: max(len(flat) // 100_000, 1)]
    return torch.quantile(flat, 0.01).item(), torch.quantile(flat, 0.99).item()


@torch.no_grad()
def dead_pixels(mimicked, observed, tolerance=0.1, level=1e-3):
    """Find pixels that are constant over the rows and would hardly be so by chance.

    Parameters
    ----------
    mimicked : tensor (K, c, h, w)
        Corrupted prior samples.
    observed : tensor (n, c, h, w)
    tolerance : float, default=0.1
        A sample within this distance of the constant counts as showing it.
    level : float, default=1e-3
        Largest probability that n independent rows all show the constant.

    Returns
    -------
    tensor (c, h, w) of bool
    """
    constant = observed.std(0, correction=0) < CONSTANT_SD
    shows_it = ((mimicked - observed[:1]).abs() < tolerance).float().mean(0)
    return constant & (shows_it ** len(observed) < level)
