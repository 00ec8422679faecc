"""How many doublings lead from a small base map to an image size, and how wide each map is."""

import math
from typing import NamedTuple

__all__ = ["MAX_SIDE", "MIN_SIDE", "Layout", "layout_of"]

MIN_SIDE, MAX_SIDE = 8, 128
MAX_BASE = 7  # the base map has 4 to 7 pixels a side
MAX_WIDENING = 8  # channels stop doubling here


class Layout(NamedTuple):
    """Sizes of the maps of a convolutional network.

    Parameters
    ----------
    n_steps : int
        Number of stride-2 steps between base map and image.
    base : tuple of int
        Height and width of the base map.
    padded : tuple of int
        Height and width of the base map after `n_steps` doublings, at least those of the image.
    channels : tuple of int
        Channels of the maps, from the base outwards, one for each step.
    """

    n_steps: int
    base: tuple
    padded: tuple
    channels: tuple


def layout_of(image_shape, width):
    """Lay out a network for images of a shape.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height and width; the longer side has 8 to 128 pixels, the shorter at least 4.
    width : int
        Channels of the map nearest to the image.

    Returns
    -------
    Layout

    Raises
    ------
    ValueError
        If the images are too small or too large, or `width` is not positive.
    """
    channels, *sides = (int(v) for v in image_shape)
    if channels < 1 or len(sides) != 2 or not MIN_SIDE <= max(sides) <= MAX_SIDE or min(sides) < MIN_SIDE // 2:
        raise ValueError(
            f"image_shape must be (channels, height, width) with sides from {MIN_SIDE} to {MAX_SIDE}, "
            f"got {tuple(image_shape)!r}. Resize the images first."
        )
    if int(width) < 1:
        raise ValueError(f"width must be at least 1, got {width!r}.")
    n_steps = next(k for k in range(1, 8) if math.ceil(max(sides) / 2**k) <= MAX_BASE)
    base = tuple(math.ceil(side / 2**n_steps) for side in sides)
    padded = tuple(side * 2**n_steps for side in base)
    widths = tuple(int(width) * min(2**step, MAX_WIDENING) for step in reversed(range(n_steps)))
    return Layout(n_steps, base, padded, widths)
