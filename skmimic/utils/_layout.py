"""Which axis of an image holds the channels: the one rule of the package."""

__all__ = ["MOST_CHANNELS", "channels_axis", "is_one_picture", "is_vector"]

MOST_CHANNELS = 4  # of what is taken to be channels where nobody says so: grey, with alpha, RGB, RGBA


def channels_axis(shape):
    """Tell which axis of one image holds the channels.

    Channels are first unless the last axis has at most four entries and the first one more. Where both have more, the
    image tells nothing but by being square behind its first axis.

    Parameters
    ----------
    shape : tuple of three int
        (C, H, W) or (H, W, C).

    Returns
    -------
    {0, -1} or None
        None where either may be meant.
    """
    first, middle, last = shape
    if first <= MOST_CHANNELS:
        return 0
    if last <= MOST_CHANNELS:
        return -1
    return 0 if middle == last else None


def is_vector(image_shape):
    """Whether images (C, H, W) are vectors, with neither directions nor a black and white of their own."""
    return min(image_shape[1:]) == 1


def is_one_picture(shape):
    """Whether what should be grey images (n, h, w) looks like one picture (h, w, c)."""
    return len(shape) == 3 and shape[2] <= MOST_CHANNELS < min(shape[:2])
