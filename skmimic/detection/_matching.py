"""Two-way local matching: how well each of two images mimics the other when its parts may move a little."""

import torch

__all__ = ["REACH_PER_SIDE", "match", "reach_of"]

REACH_PER_SIDE = 1 / 14  # pixels that strokes move, of a side: 2 of 28, 1 of 16
PAIRS = 128  # at a time: with fewer the calls cost as much as the sums (146 us a pair with 16 and 110 with 128, 28x28)
STEP = 16  # pairs; whole vectors of float32


def reach_of(shape):
    """Tell how many pixels parts of images (h, w) may move: 2 at 28 pixels a side, 1 at 16."""
    return max(round(min(shape) * REACH_PER_SIDE), 1)


def match(first, second, reach):
    """Match pairs of feature maps both ways.

    ``A(y, x)[p] = min over |d| <= reach of sum over 3x3 o of |e(y)[p + o] - e(x)[p + d + o]|^2``, where features are
    zero outside the image.

    Parameters
    ----------
    first, second : tensor (m, k, h, w)
        Features e(y) and e(x) of the pairs.
    reach : int
        Pixels, along each axis; 0 compares the same places.

    Returns
    -------
    of_first : tensor (m, h, w)
        Map of A(y, x).
    of_second : tensor (m, h, w)
        Map of A(x, y), at the pixels of x.
    """
    maps = [_match_block(a, b, reach) for a, b in zip(first.split(PAIRS), second.split(PAIRS), strict=True)]
    return tuple(torch.cat(part) for part in zip(*maps, strict=True))


def _match_block(first, second, reach):
    """Let pairs lie last in memory: a shift is then a slice of long runs."""
    n_pairs = len(first)
    planes = [_planes(part, reach + 1) for part in (first, second)]
    return tuple(part.movedim(2, 0)[:n_pairs] for part in _both_ways(*planes, reach))


def _planes(features, margin):
    """Turn features (m, k, h, w) into planes (k, h + 2 margin, w + 2 margin, m') of whole vectors, zero outside."""
    m, k, h, w = features.shape
    planes = features.new_zeros(k, h + 2 * margin, w + 2 * margin, m + -m % STEP)
    planes[:, margin : margin + h, margin : margin + w, :m] = features.permute(1, 2, 3, 0)
    return planes


def _both_ways(q, r, reach):
    """Minimise over all shifts; a product of q and the shifted r serves both ways, so each is made once."""
    margin = reach + 1
    h, w = (side - 2 * margin for side in q.shape[1:3])
    q2, r2 = (_box(part.square().sum(0)) for part in (q, r))  # with a margin of `reach`
    q = q * -2
    best = [q.new_full((h, w, q.shape[3]), torch.inf) for _ in range(2)]
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            top, left = min(0, -dy), min(0, -dx)
            n, m = h + abs(dy), w + abs(dx)
            at = _window(margin + top - 1, margin + left - 1, n + 2, m + 2)
            there = _window(margin + top - 1 + dy, margin + left - 1 + dx, n + 2, m + 2)
            product = q[0][at] * r[0][there]
            for a, b in zip(q[1:], r[1:], strict=True):
                product.addcmul_(a[at], b[there])
            cost = _box(product)
            cost += q2[_window(reach + top, reach + left, n, m)]
            cost += r2[_window(reach + top + dy, reach + left + dx, n, m)]
            for found, (y, x) in zip(best, ((-top, -left), (-dy - top, -dx - left)), strict=True):
                torch.minimum(found, cost[_window(y, x, h, w)], out=found)
    return [part.clamp_min_(0.0) for part in best]


def _window(y, x, h, w):
    return slice(y, y + h), slice(x, x + w)


def _box(planes):
    """Sum three by three neighbours of planes (h, w, m); two rows and two columns are lost."""
    rows = planes[:-2] + planes[1:-1]
    rows += planes[2:]
    sums = rows[:, :-2] + rows[:, 1:-1]
    sums += rows[:, 2:]
    return sums
