"""Large images at a coarser scale, and their maps at the old one."""

import torch
import torch.nn.functional as F

__all__ = ["LARGEST_SIDE", "coarse", "factor_of", "fine"]

LARGEST_SIDE = 32  # pixels that are matched; strokes move as far as the image is large, so work grows as its square


def factor_of(shape):
    """Tell how many pixels (h, w) of a side become one: 1 up to 32 pixels a side."""
    return -(-max(shape) // LARGEST_SIDE)


def coarse(images):
    """Average blocks of images (n, c, h, w) until no side has more than 32 pixels; the border is repeated."""
    factor = factor_of(images.shape[-2:])
    if factor == 1:
        return images
    bottom, right = (-side % factor for side in images.shape[-2:])
    return F.avg_pool2d(F.pad(images, (0, right, 0, bottom), mode="replicate"), factor)


def fine(maps, shape):
    """Spread maps (n, h', w') over the pixels of images (h, w) that are no smaller; sums stay the same."""
    if maps.shape[-2:] == tuple(shape):
        return maps
    rows, columns = (torch.arange(side) * n // side for side, n in zip(shape, maps.shape[-2:], strict=True))
    shares = maps / (torch.bincount(rows)[:, None] * torch.bincount(columns))
    return shares[:, rows][:, :, columns]
