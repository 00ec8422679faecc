"""Signs of corruptions that can be read off the rows before anything is solved: scattered lost pixels, blur."""

import math

import torch

from ...surrogates import MissingPixels
from .._unseen import completed, seen_pixels, spread, with_holes

__all__ = ["blur_width", "lowest_power", "scattered_pixels"]

N_VALUES = 3  # of the most frequent values are looked at
SAME, CLEARLY_OTHER = 1e-3, 0.5
FEWEST_PIXELS = 30  # surrounded by other values, before a fraction is believed
LEAST_FRACTION = 0.03
N_IMAGES = 1000
BANDS = 16
FEWEST_SIDE = 8  # pixels of images that have a spectrum worth the name
LEAST_POWER = 1e-2  # of the generator's: below, noise covers what blur leaves
LEAST_BLUR, LEAST_FIT = 0.4, 0.9


@torch.no_grad()
def scattered_pixels(observed, images):
    """Find out whether every row has lost pixels of its own, from lone pixels amid others that are clearly different.

    Parameters
    ----------
    observed : tensor (n, c, h, w)
    images : tensor (K, c, h, w)
        Clean samples, to know how often a lone pixel is part of a picture.

    Returns
    -------
    MissingPixels or None
    """
    if min(observed.shape[-2:]) < 3:
        return None
    live = spread(completed(observed), seen_pixels(observed)).amax(0) > SAME
    best = None
    for value in _frequent_values(observed):
        fraction, n_pixels = _lone_fraction(observed, value, live, SAME)
        usual, _ = _lone_fraction(images[:N_IMAGES], value, live, 0.05)
        if n_pixels >= FEWEST_PIXELS and fraction > LEAST_FRACTION + 2 * usual and (not best or fraction > best[1]):
            best = (value, fraction)
    if best is None:
        return None
    return MissingPixels(tuple(observed.shape[1:]), best[0], min(best[1], 0.95)).to(observed.device)


def _frequent_values(observed):
    """List the values that pixels show most often in their first channel."""
    shown = observed[:, 0].flatten()
    steps = (shown[~shown.isnan()] / SAME).round().int()
    values, counts = torch.unique(steps, return_counts=True)
    return (values[counts.argsort(descending=True)[:N_VALUES]].double() * SAME).tolist()


def _lone_fraction(images, value, live, tolerance):
    """Among pixels whose four neighbours are clearly different from a value, count the part that shows it."""
    away = (images - value).abs().amax(1)  # NaN, which no comparison holds for, where nothing was seen
    other = (away > CLEARLY_OTHER) & live
    inside = away[:, 1:-1, 1:-1]
    amid = other[:, :-2, 1:-1] & other[:, 2:, 1:-1] & other[:, 1:-1, :-2] & other[:, 1:-1, 2:]
    amid = amid & live[1:-1, 1:-1] & ~inside.isnan()
    lone = amid & (inside < tolerance)
    n_pixels = int(amid.sum())
    return int(lone.sum()) / max(n_pixels, 1), n_pixels


@torch.no_grad()
def blur_width(observed, images, least_blur=LEAST_BLUR, least_fit=LEAST_FIT):
    """Estimate a Gaussian blur from the power that fine detail has lost against clean samples.

    Blur of standard deviation sigma multiplies the power at frequency k (radians a pixel) by exp(-(sigma k)^2).

    Parameters
    ----------
    observed : tensor (n, c, h, w)
    images : tensor (K, c, h, w)
    least_blur : float, default=0.4
        In pixels; less is none.
    least_fit : float, default=0.9
        Share of the variance of the logarithm of the power, over frequencies, that blur explains; less is none.

    Returns
    -------
    float or None
        Standard deviation in pixels; None when the power does not fall as blur would have it.
    """
    if min(observed.shape[-2:]) < FEWEST_SIDE:
        return None
    frequency, ratio = _relative_power(observed, images)
    kept = ratio > LEAST_POWER * ratio[0]
    kept[int(kept.long().argmin()) if not bool(kept.all()) else len(kept) :] = False  # up to the first that is too weak
    if int(kept.sum()) < 4:
        return None
    x, y = frequency[kept].square(), ratio[kept].log()
    x, y = x - x.mean(), y - y.mean()
    slope = (x * y).sum() / x.square().sum()
    fit = (slope * x * y).sum() / y.square().sum().clamp_min(1e-12)
    if slope >= 0 or fit < least_fit or math.sqrt(-slope) < least_blur:
        return None
    return math.sqrt(-slope)


@torch.no_grad()
def lowest_power(observed, images):
    """Compare the power of the rows with that of samples where it is lowest, over frequencies.

    A filter takes detail away somewhere. A generator that averages what it is not sure of lacks it at all frequencies,
    so that the rows have more power everywhere.

    Parameters
    ----------
    observed : tensor (n, c, h, w)
    images : tensor (K, c, h, w)
        Samples, through the surrogate that is thought to explain the rows.

    Returns
    -------
    float
        The lowest quotient; 0 for images too small for a spectrum.
    """
    if min(observed.shape[-2:]) < FEWEST_SIDE:
        return 0.0
    return float(_relative_power(observed, images)[1].min())


def _relative_power(observed, images):
    """Frequencies in radians a pixel, and the power of the rows there by that of the samples."""
    frequency, power = _spectrum(completed(observed))
    _, usual = _spectrum(completed(with_holes(images[:N_IMAGES], seen_pixels(observed))))
    return frequency, power / usual.clamp_min(1e-12)


def _spectrum(images):
    """Mean power in rings of equal width, and the frequency of each in radians a pixel."""
    h, w = images.shape[-2:]
    window = torch.hann_window(h, periodic=False, device=images.device).outer(
        torch.hann_window(w, periodic=False, device=images.device)
    )
    centred = (images - images.mean((2, 3), keepdim=True)) * window
    power = torch.fft.rfft2(centred).abs().square().mean((0, 1)).double()
    radius = (torch.fft.fftfreq(h)[:, None].square() + torch.fft.rfftfreq(w)[None].square()).sqrt()
    band = (radius / 0.5 * BANDS).long().to(images.device)
    inside = band < BANDS
    total = torch.zeros(BANDS, dtype=torch.double, device=images.device).index_add_(0, band[inside], power[inside])
    count = torch.zeros_like(total).index_add_(0, band[inside], torch.ones_like(power[inside]))
    middle = (torch.arange(BANDS, device=images.device, dtype=torch.double) + 0.5) / BANDS * math.pi
    some = count > 0
    return middle[some], total[some] / count[some]
