"""Images and labels of an attack, checked at the border, and back again as they came."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..exceptions import AttackError
from ..utils import Bounds

__all__ = ["Inputs", "as_came", "as_pixels", "read_bounds", "read_inputs"]

ROUNDING = 1e-5  # of the width of the bounds; conversions between units in float32 err by some 1e-7


@dataclass(frozen=True)
class Inputs:
    """What is attacked: images (n, c, h, w) of floats in bounds and labels (n,) of int64, on one device."""

    images: torch.Tensor
    labels: torch.Tensor
    bounds: Bounds

    def groups(self, size):
        """List the inputs in groups of rows, in their order; the last one may be smaller."""
        parts = zip(self.images.split(size), self.labels.split(size), strict=True)
        return [Inputs(images, labels, self.bounds) for images, labels in parts]


def read_inputs(name, X, y, bounds, classifier):
    """Check images and labels; a tensor stays on its device, an array goes where the classifier is."""
    bounds = read_bounds(name, bounds)
    images = as_pixels(name, X, bounds, _home(classifier))
    return Inputs(images, _as_labels(name, y, images), bounds)


def read_bounds(name, bounds):
    """Read a pair (low, high)."""
    try:
        return Bounds.of(bounds)
    except ValueError:
        raise AttackError(
            f"{name}: bounds must be (low, high), the values of black and white, got {bounds!r}."
        ) from None


def as_pixels(name, X, bounds, home=None, subject="X"):
    """Check that X is images of floats in bounds, None for any, and copy them."""
    images = _as_tensor(name, X, subject)
    if images.ndim != 4 or 0 in images.shape:
        raise AttackError(
            f"{name}: {subject} must be images of shape (n, channels, height, width), got shape {tuple(images.shape)}. "
            "Reshape rows to images."
        )
    if not images.is_floating_point():
        raise AttackError(f"{name}: {subject} must be of floating point, got {images.dtype}. Divide bytes by 255.")
    if home is not None and not isinstance(X, torch.Tensor):
        images = images.to(home)
    _check_values(name, images, bounds, subject)
    images = images.detach().clone()
    return images if bounds is None else images.clamp_(*bounds)


def as_came(values, model):
    """Return a tensor as what X was: an array of its type for an array, a tensor on its device for a tensor."""
    if isinstance(model, torch.Tensor):
        return values.detach()
    values = values.detach().cpu().numpy()
    return values.astype(np.asarray(model).dtype) if values.dtype.kind == "f" else values


def _as_tensor(name, values, subject):
    if isinstance(values, torch.Tensor):
        return values
    try:
        return torch.from_numpy(np.array(values, order="C"))
    except TypeError as error:
        raise AttackError(
            f"{name}: {subject} must be an array or tensor of numbers, got {type(values).__name__}."
        ) from error


def _home(classifier):
    """Return a tensor on the device and of the type that a classifier computes in, if it tells."""
    parameters = classifier.parameters() if isinstance(classifier, nn.Module) else ()
    return next((value.detach() for value in parameters if value.is_floating_point()), None)


def _check_values(name, images, bounds, subject):
    flat = images.flatten(1)
    n_broken = int((~torch.isfinite(flat).all(dim=1)).sum())
    if n_broken:
        raise AttackError(f"{name}: {n_broken} of {len(flat)} rows of {subject} hold NaN or infinity. Leave them out.")
    if bounds is None:
        return
    slack = ROUNDING * (bounds.high - bounds.low)
    n_outside = int(((flat < bounds.low - slack) | (flat > bounds.high + slack)).any(dim=1).sum())
    if n_outside:
        raise AttackError(
            f"{name}: {n_outside} of {len(flat)} rows of {subject} leave the bounds {tuple(bounds)}; values go from "
            f"{float(flat.min()):g} to {float(flat.max()):g}. Pass the bounds of your pixels."
        )


def _as_labels(name, y, images):
    labels = _as_tensor(name, y, "y")
    if labels.ndim != 1 or len(labels) != len(images):
        raise AttackError(
            f"{name}: y must be one label for each of the {len(images)} images, got shape {tuple(labels.shape)}."
        )
    if labels.is_floating_point() or labels.is_complex() or labels.dtype is torch.bool:
        raise AttackError(f"{name}: y must be whole numbers, the index of the right logit, got {labels.dtype}.")
    return labels.detach().to(images.device, torch.int64, copy=True)
