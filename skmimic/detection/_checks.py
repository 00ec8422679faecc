"""What images must be like to be normal ones, or to be compared with such."""

import torch

from ..exceptions import DetectionError

__all__ = ["check_fits", "check_images", "check_normals"]

FEWEST_NORMALS = 10  # in the memory
FEWEST_HELD_OUT = 2  # a spread needs two


def check_images(images, name, keep_bytes=False):
    """Take images as float32 or bytes.

    Parameters
    ----------
    images : tensor or ndarray (n, c, h, w)
        Floats, or bytes, which become 0 to 1.
    name : str
        Of the argument, for the message.
    keep_bytes : bool, default=False
        Whether bytes stay what they are: as floats they take four times the memory.

    Returns
    -------
    tensor (n, c, h, w)

    Raises
    ------
    DetectionError
        If they are no images, or not finite.
    """
    images = torch.as_tensor(images)
    if images.ndim != 4 or not images.numel():
        raise DetectionError(
            f"{name}: expected images of shape (n, c, h, w), got shape {tuple(images.shape)}. Reshape them first."
        )
    if images.dtype == torch.uint8:
        return images if keep_bytes else images.float() / 255
    images = images.float()
    if not bool(images.isfinite().all()):
        row = int((~images.isfinite()).flatten(1).any(1).nonzero()[0])
        raise DetectionError(
            f"{name}: expected finite pixels, got NaN or infinity, first in row {row}. Matching compares whole images: "
            "restore or leave out such rows first."
        )
    return images


def check_normals(images, calibration_images):
    """Take normal images and held-out ones.

    Parameters
    ----------
    images, calibration_images : tensor or ndarray (n, c, h, w)

    Returns
    -------
    images, calibration_images : tensor (n, c, h, w)
        The first may be bytes.

    Raises
    ------
    DetectionError
        If there are too few, or they do not fit one another.
    """
    images = check_images(images, "images", keep_bytes=True)
    held_out = check_images(calibration_images, "calibration_images")
    check_fits(held_out, images.shape, "calibration_images")
    for name, part, fewest in (("images", images, FEWEST_NORMALS), ("calibration_images", held_out, FEWEST_HELD_OUT)):
        if len(part) < fewest:
            raise DetectionError(f"{name}: expected at least {fewest} normal images, got {len(part)}. Pass more.")
    return images, held_out


def check_fits(images, shape, name="images"):
    """See that images are of the shape of the normal ones.

    Parameters
    ----------
    images : tensor (n, c, h, w)
    shape : tuple
        Of the normal images.
    name : str, default="images"

    Raises
    ------
    DetectionError
        If they are not.
    """
    if images.shape[1:] != tuple(shape[1:]):
        raise DetectionError(
            f"{name}: expected images of shape {tuple(shape[1:])} as the normal ones, got {tuple(images.shape[1:])}. "
            "Resize them, or fit on such images."
        )
