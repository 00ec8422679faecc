"""What images are compared by: their edges."""

import torch

from ..exceptions import DetectionError
from ._pyramid import coarse
from ._sums import summed

__all__ = ["as_units", "described_by", "edges", "repeated"]

FAINTEST = 1e-6  # norm of a row; one without edges stays zero instead of becoming noise


def edges(images):
    """Compute Sobel gradients of images, of unit norm a row.

    The border pixels are repeated outwards: with a black border the frame of a bright image would be its strongest
    edge. The rows lie last in memory, so that slices are long runs: four times as fast as convolutions of single
    planes, and the bits of a row do not depend on the rows beside it.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        In any unit: a gain or an offset changes nothing.

    Returns
    -------
    tensor (n, 2 * c, h, w)
        Across, then down, of each channel. Zero where a row is constant.

    Examples
    --------
    >>> import torch
    >>> from skmimic.detection import edges
    >>> edges(torch.rand(5, 3, 16, 16)).shape
    torch.Size([5, 6, 16, 16])
    """
    planes = images.permute(1, 2, 3, 0).contiguous()  # (c, h, w, n)
    across = _smoothed(_difference(planes, 2), 1)
    down = _smoothed(_difference(planes, 1), 2)
    return as_units(torch.cat([across, down]).permute(3, 0, 1, 2))


def described_by(features):
    """Make what describes images: edges at no more than 32 pixels a side, or the features of the user at unit norm.

    Parameters
    ----------
    features : callable or None
        A network is evaluated as after training, whatever mode it is in, and comes back in that mode: batch statistics
        and dropout would let a row depend on its company.

    Returns
    -------
    callable
        From images (n, c, h, w) to feature maps.
    """
    if features is None:
        return lambda images: edges(coarse(images))
    return lambda images: as_units(_checked(_called(features, images), images))


@torch.no_grad()
def _called(features, images):
    if not isinstance(features, torch.nn.Module):
        return features(images)
    training = [part for part in features.modules() if part.training]
    features.eval()
    try:
        return features(images)
    finally:
        for part in training:
            part.training = True


def _checked(maps, images):
    """See that the features of images are maps of finite numbers, one for each image and no larger."""
    n, _, h, w = images.shape
    is_map = isinstance(maps, torch.Tensor) and maps.ndim == 4 and maps.is_floating_point()
    if not (is_map and len(maps) == n and maps.shape[2] <= h and maps.shape[3] <= w):
        came = f"{maps.dtype} of shape {tuple(maps.shape)}" if isinstance(maps, torch.Tensor) else type(maps).__name__
        raise DetectionError(
            f"features: expected a tensor of floats (n, k, h, w) with n = {n}, h <= {h} and w <= {w} for images of "
            f"shape {tuple(images.shape)}, got {came}. Return maps no larger than the images, one for each."
        )
    if not bool(maps.isfinite().all()):
        raise DetectionError("features: expected finite values, got NaN or infinity. See what the function divides by.")
    return maps.float()


def _difference(planes, axis):
    """Subtract the neighbour before from the one behind."""
    before, behind = _neighbours(planes, axis)
    return behind - before


def _smoothed(planes, axis):
    """Weigh three neighbours by 1, 2, 1."""
    before, behind = _neighbours(planes, axis)
    return before.add_(behind).add_(planes, alpha=2)


def _neighbours(planes, axis):
    """Shift planes by one either way; the border is repeated."""
    n = planes.shape[axis]
    first, last = planes.narrow(axis, 0, 1), planes.narrow(axis, n - 1, 1)
    before = torch.cat([first, planes.narrow(axis, 0, n - 1)], axis)
    return before, torch.cat([planes.narrow(axis, 1, n - 1), last], axis)


def as_units(features):
    """Scale feature maps (n, k, h, w) to unit norm a row; faint rows become zero."""
    norms = summed(features.square()).sqrt()
    scales = torch.where(norms > FAINTEST, 1 / norms.clamp_min(FAINTEST), 0.0)
    return features * scales.view(-1, 1, 1, 1)


def repeated(features, count):
    """Repeat each row of feature maps (n, k, h, w) `count` times, rows last in memory."""
    return features.permute(1, 2, 3, 0).repeat_interleave(count, dim=3).permute(3, 0, 1, 2)
