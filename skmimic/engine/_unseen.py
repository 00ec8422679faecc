"""Pixels that a row has not seen, NaN in the observed images: they never count, and are filled in for networks."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from ..utils import LastTensor, aligned_linear, squared_distances

__all__ = [
    "agreeing",
    "completed",
    "distances_to",
    "fill_in",
    "first_seen",
    "mean_seen",
    "n_together",
    "partial_rows",
    "seen_pixels",
    "spread",
    "surroundings",
    "with_holes",
]

MOST_ROUNDS = 64  # pixels that surroundings reach into a hole; what lies deeper gets the mean of the row
VALUES_TOGETHER = 2**20  # of images that are decoded, corrupted or squared at a time: networks hold some ten times them
MOST_TOGETHER, FEWEST_TOGETHER = 1000, 16  # images


class _Sight(NamedTuple):
    """Which pixels were seen, and the images with the others filled in."""

    seen: torch.Tensor
    filled: torch.Tensor


_last = LastTensor()


def _sight(observed):
    """Look at observed images (n, c, h, w) once; None where all pixels were seen."""
    return _last(observed, _looked_at)


@torch.no_grad()
def _looked_at(observed):
    unseen = observed.isnan()
    return _Sight(~unseen, _filled(observed, ~unseen)) if bool(unseen.any()) else None


def seen_pixels(observed):
    """Tell which pixels (n, c, h, w) were seen; None where all were."""
    sight = _sight(observed)
    return None if sight is None else sight.seen


def partial_rows(observed):
    """List the rows with unseen pixels: their index, and what they have seen, (c * h * w,) of bool."""
    seen = seen_pixels(observed)
    if seen is None:
        return []
    flat = seen.flatten(1)
    return [(index, flat[index]) for index in torch.nonzero(~flat.all(1))[:, 0].tolist()]


def completed(observed):
    """Fill in unseen pixels from their surroundings, each row alone.

    Parameters
    ----------
    observed : tensor (n, c, h, w)

    Returns
    -------
    tensor (n, c, h, w)
        `observed` itself where all pixels were seen.
    """
    sight = _sight(observed)
    return observed if sight is None else sight.filled


def agreeing(mimicked, observed):
    """Let the mimicked and the observed images agree where nothing was seen, so that no loss charges these pixels.

    Both show the surroundings of the hole there. What was mimicked has no part in the loss and no gradient, whatever
    the loss.

    Parameters
    ----------
    mimicked, observed : tensor (n, c, h, w)

    Returns
    -------
    mimicked, observed : tensor (n, c, h, w)
        Without NaN.
    """
    sight = _sight(observed)
    if sight is None:
        return mimicked, observed
    return torch.where(sight.seen, mimicked, sight.filled), sight.filled


@torch.no_grad()
def with_holes(images, seen, random=None):
    """Let images be seen as rows were: each gets the unseen pixels of one row.

    Parameters
    ----------
    images : tensor (K, c, h, w)
    seen : tensor (n, c, h, w) of bool, or None
        Of the rows, see `seen_pixels`.
    random : torch.Generator or None, default=None
        Draws the row for each image; None takes them by turns.

    Returns
    -------
    tensor (K, c, h, w)
        `images` themselves where all pixels of the rows were seen; then nothing is drawn.
    """
    if seen is None:
        return images
    if random is None:
        which = torch.arange(len(images), device=seen.device) % len(seen)
    else:
        which = torch.randint(len(seen), (len(images),), generator=random).to(seen.device)
    return images.masked_fill(~seen[which], torch.nan)


def _filled(observed, seen):
    """Fill holes from their edges inwards; a round changes no row that has none left."""
    filled, known = torch.where(seen, observed, 0), seen
    for _ in range(min(max(observed.shape[-2:]), MOST_ROUNDS)):
        if bool(known.all()):
            break
        reached = ~known & (_spread_out(known.to(filled)) > 0)
        filled = torch.where(reached, surroundings(filled, known.to(filled)), filled)
        known = known | reached
    sums, counts = (part.flatten(1).sum(1) for part in (torch.where(seen, observed, 0), seen))
    return torch.where(known, filled, (sums / counts.clamp_min(1)).view(-1, 1, 1, 1))


@torch.no_grad()
def fill_in(observed, missing, n_rounds=3):
    """Replace pixels that were not seen, or show the value of lost ones, by their surroundings, to find a start.

    Parameters
    ----------
    observed : tensor (n, c, h, w)
    missing : MissingPixels or None
    n_rounds : int, default=3
        Each looks one pixel further.

    Returns
    -------
    tensor (n, c, h, w)
    """
    observed = completed(observed)
    if missing is None:
        return observed
    shown = missing.shows_value(observed)
    usual = shown.float().mean((1, 2, 3), keepdim=True)  # of each row: its neighbours do not matter
    present = ((usual - missing.fraction) / usual.clamp_min(1e-6)).clamp(0.0, 1.0)  # of those that show the value
    weight = torch.where(shown, present.clamp_min(1e-3), 1.0)
    filled = observed
    for _ in range(n_rounds):
        filled = torch.where(shown, surroundings(filled, weight), observed)
    return filled


def surroundings(images, weight):
    """Average each pixel's three by three surroundings with weights that are not negative; 0 where there is none.

    Parameters
    ----------
    images, weight : tensors that broadcast to (n, c, h, w)

    Returns
    -------
    tensor (n, c, h, w)
    """
    return _spread_out(weight * images) / _spread_out(weight).clamp_min(1e-6)


def _spread_out(images):
    return F.avg_pool2d(F.pad(images, [1] * 4, mode="replicate"), 3, stride=1)


def spread(images, seen=None):
    """Compute the standard deviation (c, h, w) of each pixel over the rows that have seen it; 0 where none has.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        Without NaN.
    seen : tensor (n, c, h, w) of bool, or None
        None are all.
    """
    if seen is None:
        return images.std(0, correction=0)
    centred = torch.where(seen, images - _mean(images, seen), 0)
    return _mean(centred.square(), seen).sqrt()


def mean_seen(observed):
    """Compute the mean (c, h, w) of each pixel over the rows that have seen it; 0 where none has."""
    sight = _sight(observed)
    return observed.mean(0) if sight is None else _mean(sight.filled, sight.seen)


def _mean(images, seen):
    return torch.where(seen, images, 0).sum(0) / seen.sum(0).clamp_min(1)


def first_seen(observed):
    """Take each pixel (c, h, w) from the first row that has seen it."""
    sight = _sight(observed)
    if sight is None:
        return observed[0]
    return sight.filled.gather(0, sight.seen.int().argmax(0, keepdim=True))[0]


@torch.no_grad()
def n_together(n_values):
    """Tell how many images of so many values are worked on at a time, so that nothing but the answer is large."""
    return max(min(VALUES_TOGETHER // n_values, MOST_TOGETHER), FEWEST_TOGETHER)


def distances_to(rows, images, weights=None):
    """Measure how far rows are from images, over the pixels that each row has seen.

    Parameters
    ----------
    rows : tensor (n, p)
        Without NaN.
    images : tensor (K, p)
    weights : tensor (n, p) or None, default=None
        Of each square: 1 for a seen pixel, 0 for another, between where small pixels cover both. None are ones. A row
        of ones has the same distances whatever the others have seen.

    Returns
    -------
    tensor (n, K)
        Euclidean.
    """
    distances = squared_distances(rows, images).sqrt()
    if weights is None:
        return distances
    weights = weights.to(rows)
    together = n_together(images.shape[1])
    weighted = weights * rows
    squares = torch.cat(
        [
            aligned_linear(weights, part.square()) - 2 * aligned_linear(weighted, part)
            for part in images.split(together - together % 4)
        ],
        1,
    )
    squares = squares + (weighted * rows).sum(1, keepdim=True)
    is_whole = (weights == 1).all(1, keepdim=True)
    return torch.where(is_whole, distances, squares.clamp_min(0).sqrt())
