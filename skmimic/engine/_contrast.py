"""Gain of rows that the generator cannot draw exactly: corrected by the contrast of the samples that look like them."""

import torch

from ..surrogates import Convolution, Photometric, part_of

__all__ = ["holds_gain", "restore_contrast"]

N_ROWS = 128
N_LIKE = 10  # samples that each row is compared with
VARIES = 1e-3  # standard deviation over the samples from which a value counts; frames and masks do not


def holds_gain(surrogate):
    """Whether a surrogate has a gain, and no convolution block, which could hold another."""
    return part_of(surrogate, Photometric) is not None and part_of(surrogate, Convolution) is None


@torch.no_grad()
def restore_contrast(bench, learned):
    """Raise the gain and move the bias of a learned surrogate by what the fit has lost of the rows' contrast.

    What a generator cannot draw of its rows counts less at a lower gain, so that a joint fit finds one that is too low,
    as regression does where the regressor has errors: the true one lies between that and the one of the reverse
    regression, its quotient by the part of the variance that is explained. Between them the contrast of the rows
    decides: that of the samples that correlate with a row most, seen through the surrogate, should be the row's.

    Parameters
    ----------
    bench : Bench
    learned : Learned
        With the latents of the first rows as they were projected with its surrogate, which is changed in place if it
        `holds_gain`.

    Returns
    -------
    float
        Factor of the gain, at least 1.

    References
    ----------
    Bounds: R. Frisch, "Statistical Confluence Analysis by Means of Complete Regression Systems", Oslo 1934.
    """
    if not holds_gain(learned.surrogate):
        return 1.0
    tone = part_of(learned.surrogate, Photometric)
    rows, missing = bench.observed[:N_ROWS], learned.surrogate.missing
    images = bench.candidates.images
    mimicked = torch.cat([learned.surrogate(part) for part in images.split(1000)])
    seen = (mimicked.std(0) > -1).expand_as(rows)
    if missing is not None:
        pass
    problem = bench.problem.with_(surrogate=learned.surrogate, deviation_sd=learned.deviation_sd)
    projected = rows[: len(learned.latents.z)]
    explained = _explained(projected, problem.for_rows(projected).mimic(learned.latents), seen[: len(projected)])
    factor = _lost(rows, mimicked, seen)
    if not 0 < factor < torch.inf:
        return 1.0
    means = torch.where(seen, rows, 0).sum((0, 2, 3)) / seen.sum((0, 2, 3)).clamp_min(1)
    tone.gain.mul_(factor)
    tone.bias.copy_(factor * tone.bias + (1 - factor) * means)
    return factor


def _explained(rows, mimicked, seen):
    """Part of the variance within the rows that is explained where they are seen."""
    left = _centred(rows - mimicked, seen).square().sum()
    return float(1 - left / _centred(rows, seen).square().sum())


def _lost(rows, mimicked, seen):
    """How many times the contrast of the samples most like each row, under its mask, that of the row is."""
    weights, samples = seen.flatten(1).to(rows), mimicked.flatten(1)
    rows, counts = _centred(rows, seen).flatten(1), weights.sum(1, keepdim=True).clamp_min(1)
    spreads = weights @ samples.square().T / counts - (weights @ samples.T / counts).square()
    correlations = rows @ samples.T / spreads.clamp_min(1e-12).sqrt()
    like = correlations.topk(min(N_LIKE, len(samples)), 1).indices
    wanted = spreads.gather(1, like).mean(1) * counts[:, 0]
    return float((rows.square().sum() / wanted.sum()).sqrt())


def _centred(images, seen):
    """Take from each row its mean where it is seen, and put zero elsewhere."""
    images = torch.where(seen, images, 0)
    means = images.sum((1, 2, 3), keepdim=True) / seen.sum((1, 2, 3), keepdim=True).clamp_min(1)
    return torch.where(seen, images - means, 0)
