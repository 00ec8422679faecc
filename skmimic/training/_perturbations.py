"""Perturbations that look like attacks, with which an encoder learns to see past them. No classifier is needed."""

import torch
from torch.nn import functional

__all__ = ["latent_signs", "perturbed", "signs_at_scales"]

SHARE_OF_LATENT_SIGNS = 0.6  # of the rows, as the method was first measured; the others get random signs
PROBE_NOISE = 0.05  # standard deviation, in [-1, 1], a choice: at the image itself a row would always get like patterns
COARSE = 4  # pixels a side of the coarsest signs; smaller images get signs of single pixels only


def signs_at_scales(shape, draws):
    """Draw patterns of -1 and 1: of single pixels, of squares of 2x2, and of smooth spots of about 4x4.

    Parameters
    ----------
    shape : tuple (n, c, h, w)
        Each row has one of the three scales.
    draws : torch.Generator
        On the CPU.

    Returns
    -------
    tensor (n, c, h, w)
        On the CPU.
    """
    n, channels, height, width = shape
    fine = torch.randn(shape, generator=draws)
    if min(height, width) < COARSE:
        return fine.sign()
    halves = torch.randn(n, channels, -(-height // 2), -(-width // 2), generator=draws)
    squares = functional.interpolate(halves, scale_factor=2, mode="nearest")[..., :height, :width]
    quarters = torch.randn(n, channels, -(-height // COARSE), -(-width // COARSE), generator=draws)
    spots = functional.interpolate(quarters, size=(height, width), mode="bilinear", align_corners=False)
    scale = torch.randint(3, (n, 1, 1, 1), generator=draws)
    return torch.where(scale == 0, fine, torch.where(scale == 1, squares, spots)).sign()


def latent_signs(encode, images, draws):
    """Compute the sign of the gradient of a random direction of the latents: what moves an encoding most.

    Attacks on any classifier of the answers G(E(x)) must move the encoding, so this stands for them all.

    Parameters
    ----------
    encode : callable
        Images (n, c, h, w) to latents (n, d), differentiable.
    images : tensor (n, c, h, w)
        In [-1, 1].
    draws : torch.Generator
        On the CPU.

    Returns
    -------
    tensor (n, c, h, w)
    """
    noise = torch.randn(images.shape, generator=draws).to(images)
    probe = (images + PROBE_NOISE * noise).clamp(-1, 1).requires_grad_(True)
    latents = encode(probe)
    direction = torch.randn(latents.shape, generator=draws).to(latents)
    (gradient,) = torch.autograd.grad((latents * direction).sum(), probe)
    return gradient.sign()


def perturbed(images, encode, noise, draws):
    """Add to each row a pattern of signs times an amplitude of its own.

    Parameters
    ----------
    images : tensor (n, c, h, w)
        In [-1, 1].
    encode : callable
        As in `latent_signs`.
    noise : float
        Largest amplitude, as a part of the range of the pixels.
    draws : torch.Generator
        On the CPU.

    Returns
    -------
    tensor (n, c, h, w)
        In [-1, 1].
    """
    n = len(images)
    amplitude = 2 * noise * torch.rand(n, 1, 1, 1, generator=draws)
    by_latents = torch.rand(n, generator=draws) < SHARE_OF_LATENT_SIGNS
    pattern = signs_at_scales(images.shape, draws).to(images)
    if by_latents.any():
        pattern[by_latents] = latent_signs(encode, images[by_latents], draws)
    return (images + amplitude.to(images) * pattern).clamp(-1, 1)
