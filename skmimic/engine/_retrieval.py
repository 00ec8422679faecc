"""Start of the shared corruption without gradients: compare the rows with warped prior samples."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ..surrogates import MissingPixels, affine_matrix, warp
from ..utils import background_of, gaussian_blur
from ._evidence import fill_in, scattered_pixels
from ._unseen import completed, distances_to, first_seen, seen_pixels, spread, surroundings

__all__ = ["Pose", "Retrieval", "dead_pixels", "retrieve", "retrieve_blurred", "shrink"]

N_ROWS = 128
N_SAMPLES = 500  # whose range of values is looked at
N_BACKGROUND = 256  # whose borders are looked at
MAX_SIDE = 16  # the search runs on pictures whose shorter side is no longer
MOST_SQUARES = 4  # of that side, whose pixels an oblong picture may have: content is as small as the shorter side
MAX_BLURRED_SIDE, N_BLURRED = 32, 1000  # where fine detail counts
BLURS = (0.75, 0.87, 1.0, 1.15, 1.3, 1.5, 1.75)  # times the first guess
ROTATIONS = range(-90, 91, 15)
ZOOMS = (0.7, 0.85, 1.0, 1.2, 1.4)
REFINEMENTS = (7, 3, 1)  # degrees; sixtieths of the zoom
PARSIMONY = 0.94  # a corruption must bring the distance below this fraction of the identity's
TONE_PARSIMONY = 0.98  # the same for a gain and a bias beside a pose that was found without
SLIGHT_TONE = 0.25  # of the logarithm of a gain, and of a bias, up to which a tone is hardly seen
LEAST_SHARE = 0.02  # of dead pixels among the sure ones, before others are expected
CONSTANT_SD = 1e-3
FRAMED_ABOVE = 0.9  # part of the pixels at the edges that are dead, from where a zoom may have left a frame
EXPLAINING_BELOW = 0.5  # a pose that leaves less than this part of the dead pixels has explained them
CLEARLY = 0.9  # whole pictures nearer than the live pixels alone by this are framed, farther by as much they are not


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


class Tone(NamedTuple):
    """A gain and a bias of the values.

    Parameters
    ----------
    gain : float, default=1.0
    bias : float, default=0.0
    """

    gain: float = 1.0
    bias: float = 0.0

    @property
    def is_slight(self):
        """Whether it is upright and hardly seen."""
        return self.gain > 0 and max(abs(math.log(self.gain)), abs(self.bias)) < SLIGHT_TONE


UNCHANGED = Tone()


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
        What the pixels of the first row that has seen them show.
    missing : MissingPixels or None
        When every row has lost pixels of its own.
    rivals : tuple of Retrieval
        Others that distances do not rule out: a mask where the edges may be dead as a zoom left a frame or as a mask
        hides them; a gain and a bias that the range of the values asks for.
    """

    pose: Pose
    gain: float
    bias: float
    dead: torch.Tensor
    values: torch.Tensor
    missing: MissingPixels | None = None
    rivals: tuple["Retrieval", ...] = ()

    @property
    def tone(self):
        """Gain and bias in one."""
        return Tone(self.gain, self.bias)

    @property
    def has_photometric(self):
        """Whether a gain or bias was found."""
        return self.tone != UNCHANGED

    @property
    def has_mask(self):
        """Whether dead pixels were found."""
        return bool(self.dead.any())


class _Search:
    """Mean distance of the rows to their nearest warped candidate, over the live pixels or all, at a small size."""

    def __init__(self, images, observed, seen=None, side=MAX_SIDE, everywhere=False):
        varies = spread(observed, seen)[None] >= CONSTANT_SD
        live = torch.logical_or(varies, torch.tensor(everywhere)).to(observed)
        shown, weight = observed * live, live
        if _shrinking(*observed.shape[-2:], side) < 1:  # a small pixel may cover live and dead ones
            weight = (F.max_pool2d(live, 3, stride=1, padding=1) > 0).to(observed)
            shown = torch.where(live > 0, observed, surroundings(observed, live)) * weight
        self.weight, self.observed = shrink(weight, side), shrink(shown, side)
        self.seen = None if seen is None else shrink(seen.to(observed), side).flatten(1)
        self.images, self.aspect = shrink(images, side), images.shape[-2] / images.shape[-1]
        is_live = live[0] > 0
        is_read = is_live.expand_as(observed) & (True if seen is None else seen)
        self.observed_range = _range(observed[is_read] if bool(is_read.any()) else observed)
        self.samples, self.fill = images[:N_SAMPLES], background_of(images[:N_BACKGROUND])

    def distance(self, pose, tone=UNCHANGED):
        """Mean distance of the rows to their nearest candidate under a pose, a gain and a bias.

        Divided by the root of the gain: a weak gain alone would bring all candidates nearer to any row.
        """
        warped = tone.gain * warp(self.images, pose.matrix.to(self.images), self.aspect, fill=self.fill) + tone.bias
        warped = (warped * self.weight).flatten(1)
        nearest = distances_to(self.observed.flatten(1), warped, self.seen).amin(1).mean().item()
        return nearest / math.sqrt(max(abs(tone.gain), 1e-6))


def shrink(images, side=MAX_SIDE):
    """Shrink images (n, c, h, w) to a shorter side; the other is rounded, so that pixels may not be square."""
    height, width = images.shape[-2:]
    factor = _shrinking(height, width, side)
    if factor >= 1:
        return images
    size = [max(round(factor * each), 1) for each in (height, width)]
    return F.interpolate(images, size=size, mode="area")


def _shrinking(height, width, side):
    """Factor that brings the shorter side to a length, and very long pictures to few pixels."""
    return min(side / min(height, width), math.sqrt(MOST_SQUARES * side**2 / (height * width)))


@torch.no_grad()
def retrieve(candidates, observed):
    """Find rotation, zoom, gain, bias, dead pixels and scattered lost pixels that the rows share.

    Parameters
    ----------
    candidates : Candidates
    observed : tensor (n, c, h, w)
        The first 128 rows are used.

    Returns
    -------
    Retrieval
    """
    images, observed = candidates.images, observed[:N_ROWS]
    missing = scattered_pixels(observed, images)
    filled, seen = fill_in(observed, missing), seen_pixels(observed)
    search = _Search(images, filled, seen)

    def under(pose, tone):
        return Retrieval(pose, *tone, _dead_under(images, observed, missing, pose, tone), first_seen(observed), missing)

    pose, tone = _pose_and_tone(search)
    found = _with_toned(search, under(pose, tone), under)
    if not _is_framed(dead_pixels(images, observed, missing)):
        return found
    whole = _Search(images, filled, seen, everywhere=True)
    framing = _pose_and_tone(whole)
    framed = under(*framing)
    distance = whole.distance(*framing) / max(search.distance(pose, tone), 1e-12)
    if framed.dead.sum() >= EXPLAINING_BELOW * found.dead.sum() or distance > 1 / CLEARLY:
        return found
    framed = _with_toned(whole, framed, under)
    return framed if distance < CLEARLY else replace(framed, rivals=(*framed.rivals, found, *found.rivals))


def _with_toned(search, found, under):
    """Where no gain and bias were found, add those that match the range of the values as a rival, unless slight.

    A weak gain brings candidates nearer to all rows, so distances tell a gain only where candidates come near; a pose
    found without it may have stood in for it, and is looked for again.
    """
    tone = _matching_tones(search, found.pose)[0]
    if found.has_photometric or tone.is_slight:
        return found
    pose = _affine(search, tone)
    refound = _matching_tones(search, pose)[0]
    rival = under(found.pose, tone) if refound.is_slight else under(pose, refound)
    return replace(found, rivals=(rival,))


def _dead_under(images, observed, missing, pose, tone):
    """Find the pixels that are dead although a pose and a tone would have them alive."""
    warped = warp(images, pose.matrix.to(observed), fill=background_of(images[:N_BACKGROUND]))
    mimicked = tone.gain * warped + tone.bias
    return dead_pixels(mimicked, observed, missing)


def _is_framed(dead):
    """Tell whether the pixels at the edges are dead, as a zoom leaves them."""
    edges = [dead[:, 0], dead[:, -1], dead[..., 0], dead[..., -1]]
    return torch.cat(edges, -1).float().mean() > FRAMED_ABOVE


def _pose_and_tone(search):
    """Find the pose alone, and a pose with a gain and a bias where that brings the rows clearly nearer."""
    pose = _affine(search, UNCHANGED)
    tone = _photometric(search, Pose())
    if tone == UNCHANGED:
        return pose, UNCHANGED
    turned = _affine(search, tone)
    tone = _photometric(search, turned)  # a pose changes the range of the values
    turned = _affine(search, tone)
    is_nearer = search.distance(turned, tone) < TONE_PARSIMONY * search.distance(pose)
    return (turned, tone) if is_nearer else (pose, UNCHANGED)


@torch.no_grad()
def retrieve_blurred(candidates, observed, sigma):
    """Find what `retrieve` finds, and the blur with which the rows are nearest.

    Parameters
    ----------
    candidates : Candidates
    observed : tensor (n, c, h, w)
        The first 128 rows are used.
    sigma : float
        First guess of the standard deviation of the blur in pixels.

    Returns
    -------
    sigma : float
    found : Retrieval
    """
    observed = observed[:N_ROWS]
    found = retrieve(candidates.through(lambda images: gaussian_blur(images, sigma)), observed)
    guesses = [(found.pose, found.tone), (Pose(found.pose.rotation_deg), UNCHANGED)]

    def distance(width):
        images = gaussian_blur(candidates.images[:N_BLURRED], width)
        search = _Search(images, fill_in(observed, found.missing), seen_pixels(observed), MAX_BLURRED_SIDE)
        return min(search.distance(*guess) for guess in guesses)

    sigma = min((sigma * factor for factor in BLURS), key=distance)
    return sigma, retrieve(candidates.through(lambda images: gaussian_blur(images, sigma)), observed)


def _affine(search, tone):
    """Find the pose: a zoom, or a rotation and a zoom, each only if it brings the rows clearly nearer."""
    best = (search.distance(Pose(), tone), Pose())
    for rotations, turns in (((0,), (0,)), (ROTATIONS, (-1, 0, 1))):
        found = _grid(search, tone, rotations, turns)
        best = found if found[0] < PARSIMONY * best[0] else best
    return best[1]


def _grid(search, tone, rotations, turns):
    """Search a grid, then around the best point three times; returns (distance, pose)."""
    poses = [Pose(rotation, zoom) for rotation in rotations for zoom in ZOOMS]
    best = min((search.distance(pose, tone), pose) for pose in poses)
    for step in REFINEMENTS:
        rotation, zoom = best[1]
        zooms = [zoom * (1 - step / 60), zoom, zoom * (1 + step / 60)]
        around = [Pose(rotation + turn * step, each) for turn in turns for each in zooms]
        best = min((search.distance(pose, tone), pose) for pose in around)
    return best


def _photometric(search, pose):
    """Match the range of the values under a pose, upright or inverted; unchanged unless that is clearly nearer."""
    options = [UNCHANGED, *_matching_tones(search, pose)]
    turns = (-45, 0, 45) if pose == Pose() else (0,)
    poses = [Pose(pose.rotation_deg + turn, pose.zoom) for turn in turns]
    distances = [min(search.distance(each, option) for each in poses) for option in options]
    best = min(range(3), key=distances.__getitem__)
    return options[best] if distances[best] < PARSIMONY * distances[0] else UNCHANGED


def _matching_tones(search, pose):
    """Match the range of the values under a pose, upright and inverted."""
    low, high = search.observed_range
    from_low, from_high = _range(warp(search.samples, pose.matrix.to(search.samples), fill=search.fill))
    gain = max(high - low, 1e-6) / max(from_high - from_low, 1e-6)
    return Tone(gain, low - gain * from_low), Tone(-gain, high + gain * from_low)


def _range(values):
    """Return the 1st and 99th percentile."""
    flat = values.flatten()
    flat = flat[:: max(len(flat) // 100_000, 1)]
    return torch.quantile(flat, 0.01).item(), torch.quantile(flat, 0.99).item()


@torch.no_grad()
def dead_pixels(mimicked, observed, missing=None, tolerance=0.1, level=1e-3):
    """Find pixels that are constant over the rows that have seen them and would hardly be so by chance.

    Where clearly dead pixels abound, others are expected: then a pixel counts that is likelier dead than not.

    Parameters
    ----------
    mimicked : tensor (K, c, h, w)
        Corrupted prior samples.
    observed : tensor (n, c, h, w)
    missing : MissingPixels or None
        What the rows lose one by one; a pixel may show its value for that reason, too.
    tolerance : float, default=0.1
        A sample within this distance of the constant counts as showing it.
    level : float, default=1e-3
        Largest probability that n independent rows all show the constant, for pixels that are looked at first.

    Returns
    -------
    tensor (c, h, w) of bool
    """
    seen, value = seen_pixels(observed), first_seen(observed)[None]
    n_rows = len(observed) if seen is None else seen.sum(0)
    constant = spread(completed(observed), seen) < CONSTANT_SD
    if seen is not None:
        constant = constant & (n_rows > 1)  # one row alone tells nothing
    shows_it = ((mimicked - value).abs() < tolerance).float().mean(0)
    if missing is not None:
        lost = missing.fraction * missing.shows_value(value)[0]
        shows_it = lost + (1 - lost) * shows_it
    chance = shows_it**n_rows
    sure = chance < level
    share = float((constant & sure).sum()) / max(int(sure.sum()), 1)
    if share < LEAST_SHARE:
        return constant & sure
    return constant & ((1 - share) * chance < share)
