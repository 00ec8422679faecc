"""The corruption that a stream of new images shares, as the memory of normal images tells it."""

import math
from typing import NamedTuple

import numpy as np
import torch

from ..surrogates import Affine, Composition, Identity, Photometric
from ._judge import StreamJudge

__all__ = ["corruption_of_stream", "tone_of"]

PRICE = 0.05  # of a part more, in what `StreamJudge` gives: a part that gains less may fit the draw of rows
FEWEST_JUDGED = 2  # one row cannot tell the corruption from the image (paper, section 4.3)
FEWEST_ROWS = 16  # by which a map is refined; a half of fewer is a matter of chance
# Turn (degrees), log zoom (across, down), shear, shift (across, down; parts of the side): first steps, halved twice.
FIRST_STEPS = np.array([8.0, 0.1, 0.1, 0.12, 0.05, 0.05])
N_HALVINGS = 2
LEAST_GAIN = 1e-3  # of a step
N_CYCLES = 2  # over the six numbers, with steps of one size
# Of gain and bias less is left alone: of 30 clean streams the largest were .103 and .113, or so many standard errors
# (benchmarks/anomaly/clean_streams.py).
FAINTEST_TONE, ERRORS = 0.12, 4
FAINTEST = 1e-6  # standard deviation of an image


def corruption_of_stream(normals, images, found, image_shape, fill=-1.0):
    """Settle what normal images and a stream differ by.

    Phase A learns a corruption with a generator, which also makes what is not normal, and so may take a corruption for
    an image or the other way round. The memory knows better: of what was found, the parts are kept that bring normal
    images nearest to the stream. Then an affine map goes on in small steps, and gain and bias are read off the rows
    and the normal images that mimic them.

    Parameters
    ----------
    normals : NormalImages
    images : tensor (n, c, h, w)
        Rows of the stream, in [0, 1]; a half of them may be anomalies.
    found : Surrogate
        What phase A has learned, of images in [-1, 1].
    image_shape : tuple (C, H, W)
    fill : float, default=-1.0
        What lies outside an image.

    Returns
    -------
    Surrogate
        `Identity` where nothing brings them nearer.
    """
    images = images[images.flatten(1).std(1) > FAINTEST]  # blank ones are alike under any map
    if len(images) < FEWEST_JUDGED:
        return Identity()
    judge = StreamJudge(normals, images)
    parts = _cheapest(judge, found)
    if len(images) >= FEWEST_ROWS:
        parts, _ = refined(judge, parts, image_shape, fill)
    return _composed(_with_tone(judge, parts, image_shape))


def _cheapest(judge, found):
    """Choose among no part, each part alone and the first parts together; each part has its price."""
    parts = [part for part in getattr(found, "parts", [found]) if not isinstance(part, Identity)]
    proposals = [parts[:count] for count in range(len(parts) + 1)] + [[part] for part in parts[1:]]
    return min(proposals, key=lambda proposal: _judged(judge, proposal) + PRICE * len(proposal))


def _judged(judge, parts):
    return judge(lambda images: _applied(parts, images))


def _applied(parts, images):
    """Send images in [0, 1] through parts that take them in [-1, 1]."""
    images = 2 * images - 1
    for part in parts:
        images = part(images)
    return (images + 1) / 2


def refined(judge, parts, image_shape, fill):
    """Let the first affine part go on, or try one before the others.

    Returns
    -------
    parts : list of Surrogate
    gain : float
        By how much `judge` is lower for the map that was found, kept or not.
    """
    at = next((number for number, part in enumerate(parts) if isinstance(part, Affine)), None)
    before, after = ([], parts) if at is None else (parts[:at], parts[at + 1 :])
    first = Affine(image_shape, fill).requires_grad_(False) if at is None else parts[at]
    start = _judged(judge, parts)
    best, value = _descended(lambda part: _judged(judge, [*before, part, *after]), first, start)
    is_worth = value < start - (PRICE if at is None else 0)
    return [*before, best, *after] if is_worth else parts, start - value


def _descended(judged, part, value):
    """Try steps of each number of an affine map either way, go on where one helps, then with half the steps."""
    for halving in range(N_HALVINGS + 1):
        for _ in range(N_CYCLES):
            before = value
            for number, size in enumerate(FIRST_STEPS / 2**halving):
                part, value = _along(judged, part, value, number, size)
            if value == before:
                break
    return part, value


def _along(judged, part, value, number, size):
    """Step along one number as long as it helps, in the first direction that does."""
    for step in (size, -size):
        start = value
        while (there := judged(moved := _stepped(part, number, step))) < value - LEAST_GAIN:
            part, value = moved, there
        if value < start:
            break
    return part, value


def _stepped(part, number, step):
    """Change one number of a map: it acts on images before the map does."""
    turn, across, down, shear, *shift = (np.eye(6)[number] * step).tolist()
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    turned, zoomed = (
        torch.tensor([[cos, -sin], [sin, cos]]),
        torch.tensor([[math.exp(-across), shear], [0, math.exp(-down)]]),
    )
    theta = part.theta.view(2, 3)
    moved = theta[:, 2:] + 2 * torch.tensor(shift)[:, None]
    stepped = Affine(part.image_shape, part.fill).requires_grad_(False)
    stepped.theta.copy_(torch.cat([theta[:, :2] @ turned @ zoomed, moved], 1).view_as(stepped.theta))
    return stepped


def _with_tone(judge, parts, image_shape):
    """Add gain and bias of each channel, unless they may be chance."""
    gain, bias = tone_of(judge, lambda images: _applied(parts, images))
    if not (gain.is_told(1.0) or bias.is_told(0.0)):
        return parts
    gain, bias = gain.value, bias.value
    if parts and isinstance(parts[-1], Photometric):
        bias, gain = gain * parts[-1].bias + bias, gain * parts[-1].gain
        parts = parts[:-1]
    tone = Photometric(image_shape).requires_grad_(False)
    tone.gain.copy_(gain)
    tone.bias.copy_(bias)
    return [*parts, tone]


class Measured(NamedTuple):
    """Medians over rows and their standard errors, tensors (c,)."""

    value: torch.Tensor
    error: torch.Tensor

    def is_told(self, usual):
        """Whether a channel differs from what is usual by more than chance."""
        return bool(((self.value - usual).abs() > (ERRORS * self.error).clamp_min(FAINTEST_TONE)).any())


def tone_of(judge, f):
    """Read gain and bias off the usual rows and the normal images that mimic them after f.

    The gain is a ratio of standard deviations: a slope would tell how well rows are mimicked, too, and that better for
    the usual half of the rows than for held-out normals.

    Returns
    -------
    gain, bias : Measured
        Of values in [-1, 1].
    """
    rows, mimics = (_by_channel(images) for images in judge.pairs(f))
    contrast, usual = (
        _median(_contrast(rows, mimics)),
        _median(_contrast(*map(_by_channel, judge.calibration_pairs(f)))),
    )
    gain = contrast.value / usual.value
    error = gain * torch.hypot(*(part.error / part.value for part in (contrast, usual)))
    bias, level = _median(rows.mean(2) - gain * mimics.mean(2)), mimics.mean((0, 2))
    return Measured(gain, error), Measured(bias.value, torch.hypot(bias.error, error * level))


def _by_channel(images):
    return 2 * images.flatten(2) - 1


def _contrast(rows, mimics):
    return (rows.std(2) / mimics.std(2).clamp_min(FAINTEST)).clamp_min(FAINTEST)


def _median(values):
    """Take the median over rows (n, c); of normal values its error is a quarter above that of their mean."""
    return Measured(values.median(0).values, math.sqrt(math.pi / 2 / len(values)) * values.std(0, correction=0))


def _composed(parts):
    if not parts:
        return Identity()
    return parts[0] if len(parts) == 1 else Composition(parts)
