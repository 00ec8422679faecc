"""Pictures of Pillow as arrays, as a viewer shows them."""

from typing import NamedTuple

import numpy as np

__all__ = ["Decoded", "background_for", "decode", "in_colours"]

ORIENTATION = 0x0112  # tag of EXIF
HAVE_16_BITS = ("PNG", "PPM")  # at most, and their "I" is scaled to them
HAVE_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
# Ink that is brighter has a contrast below 3:1 with white, the least that WCAG 2.1 (criterion 1.4.11) asks of graphics:
# (1 + .05) / (L + .05) = 3 at a luminance L of .3, the grey 148 of sRGB.
BRIGHT_INK = 148
WHITE, BLACK = 255, 0
LUMA = (19595, 38470, 7471)  # ITU-R 601 in units of 1 / 65536, as Pillow's


class Decoded(NamedTuple):
    """A picture, upright and with eight bits.

    Parameters
    ----------
    values : ndarray (H, W) or (H, W, 3), uint8
        Grey or RGB.
    alpha : ndarray (H, W), uint8, or None
        Opacity; None where nothing is transparent.
    was_turned : bool
        Whether its EXIF orientation asked for a turn or a mirror.
    """

    values: np.ndarray
    alpha: np.ndarray | None
    was_turned: bool


def decode(picture):
    """Decode a picture: EXIF orientation applied, 16 bits to eight, palette and CMYK to RGB.

    Parameters
    ----------
    picture : PIL.Image.Image

    Returns
    -------
    Decoded

    Raises
    ------
    ValueError
        If its values have no known range.
    Exception
        What Pillow raises for a damaged file.
    """
    from PIL import ImageOps

    was_turned, is_of_16_bits = _orientation(picture) in range(2, 9), _is_of_16_bits(picture)
    picture.load()  # a TIFF turns itself
    if _orientation(picture) in range(2, 9):
        picture = ImageOps.exif_transpose(picture)
    transparency = picture.info.get("transparency")
    if picture.mode.startswith("I"):
        return Decoded(*_eight_bits(np.asarray(picture), transparency, is_of_16_bits), was_turned)
    if picture.mode == "F":
        raise ValueError("it has floating-point values of unknown range; save it as .npy")
    if picture.mode in HAVE_ALPHA or transparency is not None:
        values = np.asarray(picture.convert("RGBA"))
        alpha = values[..., 3]
        return Decoded(_grey_if_equal(values[..., :3]), None if alpha.min() == 255 else alpha, was_turned)
    return Decoded(np.asarray(picture.convert("L" if picture.mode in ("1", "L") else "RGB")), None, was_turned)


def _orientation(picture):
    try:
        return picture.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged notes of a camera are no reason not to show the picture
        return 1


def _is_of_16_bits(picture):
    """Whether its integers have 16 bits by their file: Pillow shows those of PNG and PGM as 32 bits, too."""
    return picture.mode.startswith("I;16") or picture.format in HAVE_16_BITS


def _eight_bits(values, transparency, is_of_16_bits):
    """Scale 16-bit grey to bytes; Pillow itself would clip it."""
    if not is_of_16_bits and 0 < values.max() <= 255:
        raise ValueError(
            f"it has integers of 32 bits from {values.min()} to {values.max()}, which may be bytes or dark grey of 16 "
            "bits; save it as .npy, or with 8 or 16 bits a pixel"
        )
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"it has integers from {values.min()} to {values.max()}, not of 16 bits; save it as .npy")
    alpha = np.where(values == transparency, 0, 255).astype(np.uint8) if isinstance(transparency, int) else None
    return (values // 257).astype(np.uint8), alpha


def _grey_if_equal(values):
    return values[..., 0] if (values == values[..., :1]).all() else values


def background_for(pictures):
    """Choose what transparent pictures are laid on: white, as viewers do, or black where the ink is too bright for it.

    Parameters
    ----------
    pictures : iterable of Decoded
        Of one set, which get the same.

    Returns
    -------
    {255, 0}
    """
    opacity = light = 0.0
    for values, alpha, _ in pictures:
        if alpha is not None:
            opacity += alpha.sum(dtype=np.float64)
            grey = values if values.ndim == 2 else _luma(values)
            light += (grey.astype(np.uint16) * alpha).sum(dtype=np.float64)
    return BLACK if opacity and light / opacity > BRIGHT_INK else WHITE


def in_colours(picture, channels, background=WHITE):
    """Lay a picture on a background and give it one or three channels.

    Parameters
    ----------
    picture : Decoded
    channels : {1, 3}
    background : int, default=255
        Grey value.

    Returns
    -------
    ndarray (H, W, channels), uint8
    """
    values = picture.values if picture.values.ndim == 3 else picture.values[..., None]
    if picture.alpha is not None:
        alpha = picture.alpha[..., None].astype(np.uint16)  # holds the sum, at most 255 * 255
        values = ((values * alpha + background * (255 - alpha) + 127) // 255).astype(np.uint8)
    if channels == 1 and values.shape[2] == 3:
        values = _luma(values)[..., None]
    return np.broadcast_to(values, (*values.shape[:2], channels))


def _luma(values):
    """Grey values (H, W) of RGB."""
    red, green, blue = (weight * values[..., i].astype(np.uint32) for i, weight in enumerate(LUMA))
    return ((red + green + blue + 2**15) >> 16).astype(np.uint8)
