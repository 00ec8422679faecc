"""What the rows show before anything is learned: pose, gain and bias, dead pixels, pixels lost row by row."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from ...surrogates import MissingPixels, warp
from ...utils import background_of, gaussian_blur
from .._unseen import completed, fill_in, first_seen, seen_pixels, spread
from ._evidence import scattered_pixels
from ._policy import Policy
from ._poses import Found, Pose, PoseSearch

__all__ = ["UNCHANGED", "Retrieval", "Tone", "dead_pixels", "retrieve", "retrieve_blurred"]

CONSTANT_SD = 1e-3  # of a pixel over the rows, below which it counts as constant
LEAST_SHARE = 0.02  # of dead pixels among the sure ones, before others are expected


class Tone(NamedTuple):
    """A gain and a bias of the values.

    Parameters
    ----------
    gain : float, default=1.0
    bias : float, default=0.0
    """

    gain: float = 1.0
    bias: float = 0.0

    def is_within(self, limit):
        """Whether it is upright, and the logarithm of its gain and its bias are smaller than a limit."""
        return self.gain > 0 and max(abs(math.log(self.gain)), abs(self.bias)) < limit


UNCHANGED = Tone()


@dataclass(frozen=True)
class Retrieval:
    """What the search found.

    Attributes
    ----------
    poses : tuple of Pose
        The shared affine map, the likeliest first; others are where the likeliest may be wrong.
    tone : Tone
        Gain and bias.
    dead : tensor (c, h, w) of bool
        Pixels that are constant over the rows although the generator's images vary there.
    values : tensor (c, h, w)
        What the pixels of the first row that has seen them show.
    missing : MissingPixels or None
        When every row has lost pixels of its own.
    rivals : tuple of Retrieval
        Others that distances do not rule out: a mask where a pose may have left the pixels empty that it hides.
    """

    poses: tuple[Pose, ...]
    tone: Tone
    dead: torch.Tensor
    values: torch.Tensor
    missing: MissingPixels | None = None
    rivals: tuple["Retrieval", ...] = ()

    @property
    def pose(self):
        """The likeliest pose; ``Pose()`` when the identity was kept."""
        return self.poses[0]

    @property
    def has_photometric(self):
        """Whether a gain or bias was found."""
        return self.tone != UNCHANGED

    @property
    def has_mask(self):
        """Whether dead pixels were found."""
        return bool(self.dead.any())


@torch.no_grad()
def retrieve(candidates, observed, policy=None, with_mask=True):
    """Find pose, gain, bias, dead pixels and scattered lost pixels that the rows share.

    The pose comes first. Pixels that are constant are looked at under the best one: a shift leaves an empty border, as
    a mask does. Where a pose does not explain them, it is searched anew without them.

    Parameters
    ----------
    candidates : Candidates
    observed : tensor (n, c, h, w)
        The first rows are used, see `Policy`.
    policy : Policy or None, default=None
    with_mask : bool, default=True
        Whether a mask may explain what a pose explains as well. Without, the search for it is spared.

    Returns
    -------
    Retrieval
    """
    policy = policy or Policy()
    images, observed = candidates.images, observed[: policy.n_rows]
    missing = scattered_pixels(observed, images)
    rows = _filled(observed, missing)

    def under(search, found):
        tone = _tone(search, found[0], policy)
        dead = _dead_under(images, observed, missing, found[0].pose, tone)
        return Retrieval(tuple(each.pose for each in found), tone, dead, first_seen(observed), missing)

    whole = PoseSearch(images, rows, policy)
    found = whole.run()
    explained = under(whole, found)
    dead = dead_pixels(images, observed, missing) | explained.dead
    is_posed = explained.dead.sum() < policy.explaining_below * dead.sum()
    if not bool(dead.any()) or (is_posed and not with_mask):
        return explained
    live = PoseSearch(images, rows.masked_fill(_constant(rows), torch.nan), policy)
    if not is_posed:
        return under(live, live.run())
    farther = live.look(found[0]) / max(live.look(live.near[0]), 1e-12)
    if farther < policy.posed_below:
        return explained
    masked = under(live, live.run())
    return masked if farther > policy.masked_above else replace(explained, rivals=(masked,))


def _filled(observed, missing):
    """Fill in the pixels that rows have lost one by one; what was not seen stays NaN."""
    seen = seen_pixels(observed)
    filled = fill_in(observed, missing)
    return filled if seen is None else filled.masked_fill(~seen, torch.nan)


def _constant(rows):
    return spread(completed(rows), seen_pixels(rows)) < CONSTANT_SD


def _tone(search, found, policy):
    """Read gain and bias off the rows and the samples that are most like them; unchanged where that is hardly seen."""
    tone = Tone(*search.tone(found))
    return UNCHANGED if tone.is_within(policy.unseen_tone) else tone


def _dead_under(images, observed, missing, pose, tone):
    """Find the pixels that are dead although a pose and a tone would have them alive."""
    warped = warp(images, pose.matrix.to(observed), fill=background_of(images))
    return dead_pixels(tone.gain * warped + tone.bias, observed, missing)


@torch.no_grad()
def retrieve_blurred(candidates, observed, sigma, policy=None):
    """Find what `retrieve` finds, and the blur with which the rows are nearest.

    Parameters
    ----------
    candidates : Candidates
    observed : tensor (n, c, h, w)
        The first rows are used, see `Policy`.
    sigma : float
        First guess of the standard deviation of the blur in pixels.
    policy : Policy or None, default=None

    Returns
    -------
    sigma : float
    found : Retrieval
    """
    policy = policy or Policy()
    observed = observed[: policy.n_rows]
    found = retrieve(candidates.through(lambda images: gaussian_blur(images, sigma)), observed, policy)
    rows, few = _filled(observed, found.missing), candidates.images[: policy.n_coarse_samples]
    is_inverted = found.tone.gain < 0
    guesses = [Found(0.0, pose, is_inverted) for pose in (found.pose, Pose(found.pose.rotation_deg))]

    def distance(width):
        search = PoseSearch(gaussian_blur(few, width), rows, policy)
        return min(search.look(guess) for guess in guesses)

    sigma = min((sigma * factor for factor in policy.blurs), key=distance)
    return sigma, retrieve(candidates.through(lambda images: gaussian_blur(images, sigma)), observed, policy)


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
    constant = _constant(observed)
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
