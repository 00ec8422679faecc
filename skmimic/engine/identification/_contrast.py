"""Gain of rows that the generator cannot draw exactly: corrected by the contrast of the samples that look like them."""

import copy

import torch

from ...surrogates import Convolution, Photometric, part_of
from .._unseen import completed, seen_pixels

__all__ = ["holds_gain", "restore_contrast"]

N_ROWS = 128
N_LIKE = 10  # samples that each row is compared with
VARIES = 1e-3  # standard deviation over the samples from which a value counts; frames and masks do not
LEAST_EXPLAINED = 0.5  # part of the variance; below, the rows are not drawn at all and nothing can be told


def holds_gain(surrogate):
    """Whether a surrogate has a gain and a bias to learn, and no convolution block, which could hold another."""
    tone = part_of(surrogate, Photometric)
    is_learned = tone is not None and tone.gain.requires_grad and tone.bias.requires_grad
    return is_learned and part_of(surrogate, Convolution) is None


@torch.no_grad()
def restore_contrast(bench, learned):
    """Find a surrogate with a higher gain, its bias moved along, by what the fit has lost of the rows' contrast.

    What a generator cannot draw of its rows counts less at a lower gain, so that a joint fit finds one that is too low,
    as regression does where the regressor has errors. There, the true slope lies between that and the one of the
    reverse regression, its quotient by the part of the variance that is explained. Between these the contrast of the
    rows decides: that of the samples that correlate with a row most, seen through the surrogate, should be the row's.
    White noise is taken from the rows' variance first. One factor serves all channels.

    Parameters
    ----------
    bench : Bench
    learned : Learned
        With the latents of the first rows as they were projected with its surrogate.

    Returns
    -------
    Surrogate
        That of `learned` itself, unchanged, where that has no gain or has lost nothing, and under a linear generator,
        whose gain is the likeliest (`fit_tone`).

    References
    ----------
    Bounds: R. Frisch, "Statistical Confluence Analysis by Means of Complete Regression Systems", Oslo 1934.
    """
    surrogate = learned.surrogate
    if not holds_gain(surrogate) or bench.problem.generator.is_linear:
        return surrogate
    factor, means = _lost_factor(bench, learned)
    if not factor > 1:
        return surrogate
    restored = copy.deepcopy(surrogate)
    tone = part_of(restored, Photometric)
    tone.gain.mul_(factor)
    tone.bias.copy_(factor * tone.bias + (1 - factor) * means)
    return restored


def _lost_factor(bench, learned):
    """Compute how many times the contrast is to be raised, and the means of the channels (c,), which stay."""
    surrogate = learned.surrogate
    rows, mimicked = bench.observed[:N_ROWS], bench.candidates.through(surrogate).images
    varies, own = mimicked.std(0) > VARIES, seen_pixels(rows)
    rows = completed(rows)
    seen = varies.expand_as(rows) if own is None else varies & own
    if surrogate.missing is not None:
        seen = seen & ~surrogate.missing.shows_value(rows)
    means = torch.where(seen, rows, 0).sum((0, 2, 3)) / seen.sum((0, 2, 3)).clamp_min(1)
    rows, mimicked = (images - means[:, None, None] for images in (rows, mimicked))
    noise = (_fine_power(rows, seen) - _fine_power(mimicked, varies.expand_as(mimicked))).clamp_min(0)
    problem = bench.problem.with_(surrogate=surrogate, deviation_sd=learned.deviation_sd)
    n_projected = len(learned.latents.z)
    projected = problem.for_rows(bench.observed[:n_projected]).mimic(learned.latents) - means[:, None, None]
    explained = _explained(rows[:n_projected], projected, seen[:n_projected], noise)
    if not explained >= LEAST_EXPLAINED:
        return 1.0, means
    return min(_lost(rows, mimicked, seen, noise), 1 / explained), means


def _fine_power(images, seen):
    """Variance of the finest diagonal detail where all four pixels are seen: that of white noise, and hardly more."""
    corners = [(slice(i, None), slice(j, None)) for i in (0, 1) for j in (0, 1)]
    height, width = images.shape[-2] - 1, images.shape[-1] - 1
    a, b, c, d = (images[..., y, x][..., :height, :width] for y, x in corners)
    whole = torch.stack([seen[..., y, x][..., :height, :width] for y, x in corners]).all(0)
    return ((a - b - c + d) / 2).square().mul(whole).sum() / whole.sum().clamp_min(1)


def _explained(rows, mimicked, seen, noise):
    """Part of the variance within the channels of the rows, but for noise, that is explained where they are seen."""
    noise = noise * seen.sum()
    left, total = (_centred(images, seen).square().sum() - noise for images in (rows - mimicked, rows))
    return min(float(1 - left / total), 1.0)


def _lost(rows, mimicked, seen, noise):
    """How many times the contrast of the samples most like each row, under its mask, that of the row is."""
    rows, weights = _centred(rows, seen), seen.to(rows)
    products = torch.einsum("nchw,kchw->nk", rows, mimicked)
    counts = weights.sum((2, 3)).clamp_min(1)
    powers = torch.einsum("nchw,kchw->nk", weights, mimicked.square())
    sums = torch.einsum("nchw,kchw->nkc", weights, mimicked)
    powers = powers - (sums.square() / counts[:, None]).sum(2)
    like = (products / powers.clamp_min(1e-12).sqrt()).topk(min(N_LIKE, len(mimicked)), 1).indices
    power = rows.square().sum() - noise * seen.sum()
    return float((power / powers.gather(1, like).mean(1).sum()).clamp_min(0).sqrt())


def _centred(images, seen):
    """Take from each channel of each image its mean where it is seen, and put zero elsewhere."""
    images = torch.where(seen, images, 0)
    means = images.sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True).clamp_min(1)
    return torch.where(seen, images - means, 0)
