"""Lengths of changes to images, and the ball that a budget allows them."""

import math

import torch

__all__ = ["NORMS", "euclidean_radius", "into_ball", "lengths", "radius_of_everything", "random_change", "steepest"]

NORMS = ("linf", "l2", "rms")  # what `lengths` measures


def lengths(changes, norm):
    """Measure changes (n, ...) of images; a number (n,) for each.

    "linf" is the largest change of a pixel, "l2" the Euclidean length, "rms" the root of the mean square.
    """
    flat = changes.flatten(1)
    if norm == "linf":
        return flat.abs().amax(dim=1)
    length = torch.linalg.vector_norm(flat, dim=1)
    return length if norm == "l2" else length / math.sqrt(flat.shape[1])


def into_ball(changes, eps, norm):
    """Return the nearest changes whose length is at most `eps`."""
    if norm == "linf":
        return changes.clamp(-eps, eps)
    length = lengths(changes, norm)
    return changes * _each(torch.where(length > eps, eps / length, torch.ones_like(length)), changes)


def steepest(gradients, norm):
    """Return the direction of unit length in which a linear loss rises most; zero where the gradient is."""
    if norm == "linf":
        return gradients.sign()
    largest = _each(gradients.flatten(1).abs().amax(dim=1), gradients)
    scaled = torch.where(largest > 0, gradients / largest, 0)  # squares of tiny gradients would be zero
    length = _each(lengths(scaled, norm), gradients)
    return torch.where(length > 0, scaled / length, 0)


def random_change(like, eps, norm, random):
    """Draw changes uniformly from the ball, on the device and of the type of `like`."""
    if norm == "linf":
        return (_drawn(torch.rand, like, random) * 2 - 1) * eps
    directions = steepest(_drawn(torch.randn, like, random), norm)
    shares = torch.rand(len(like), generator=random, dtype=torch.float32, device="cpu")
    return directions * eps * _each(shares.pow(1 / like[0].numel()).to(like), like)


def radius_of_everything(image_shape, bounds, norm):
    """Return the `eps` of a ball that holds every image, whichever is attacked."""
    width = bounds.high - bounds.low
    return euclidean_radius(width, image_shape, "rms") if norm == "l2" else width


def euclidean_radius(eps, image_shape, norm):
    """Return the radius of the smallest Euclidean ball that holds the ball of a norm."""
    return eps if norm == "l2" else eps * math.sqrt(math.prod(image_shape))


def _drawn(draw, like, random):
    return draw(like.shape, generator=random, dtype=torch.float32, device="cpu").to(like)


def _each(values, images):
    return values.view(-1, *(1,) * (images.ndim - 1))
