"""Linear generators in the units of the data that they were made of."""

import numpy as np

from ..utils import CANONICAL
from ._facts import fingerprint_of
from ._generator import Generator
from ._parts import Part
from ._scores import light_above, standardised

__all__ = ["adopt_range", "open_range"]

NOISE = 0.05  # of the range, by which values may go below black


def open_range(generator, adopts=()):
    """Mark the range of a linear generator as not told: its values are in the units of its data, whatever they are.

    Parameters
    ----------
    generator : Generator
        Linear, in [-1, 1].
    adopts : tuple of str, default=()
        What else hangs on the range, see `Facts`.

    Returns
    -------
    Generator
    """
    return _with(generator, generator._facts._replace(adopts=("range", *adopts)), generator._parts)


def adopt_range(generator, bounds, clean=None):
    """Give a generator whose range was not told that of the data; one that was told its range stays as it is.

    Parameters
    ----------
    generator : Generator
    bounds : Bounds
        Range of the data, in whose units the generator gives its values.
    clean : ndarray (n, n_features) or None, default=None
        Images that are not corrupted. Where the scores were guesses, latents are taken from these.

    Returns
    -------
    Generator
        With the same images, some of which are likelier than before where that hung on the range.
    """
    facts, parts = generator._facts, generator._parts
    if not generator.adopts_range:
        return generator
    for adopted in facts.adopts[1:]:
        part = parts["generator"]
        components, mean = ADOPTIONS[adopted](part.arrays["components"], part.arrays["mean"], bounds)
        whole = None if clean is None else clean[~np.isnan(clean).any(axis=1)]
        if whole is not None and len(whole) > len(components):
            components, mean = standardised(components, mean, whole)
        parts = {**parts, "generator": Part(part.description, _read_only(part, components, mean), part.skeleton)}
    return _with(generator, facts._replace(data_range=bounds, adopts=()), parts)


def _read_only(part, components, mean):
    components.setflags(write=False)
    mean.setflags(write=False)
    return {**part.arrays, "components": components, "mean": mean}


def _scale_latents(components, mean, bounds):
    """Let latents spread over the range as they did over [-1, 1]."""
    return components * ((bounds.high - bounds.low) / (CANONICAL.high - CANONICAL.low)), mean


def _scale_light(components, mean, bounds):
    """Make images of parts, whose mean is the sum of the components above black, as bright as white."""
    black = mean - components.sum(axis=0)
    components = components * (light_above(black, bounds) / light_above(black, CANONICAL))
    return components, black + components.sum(axis=0)


def _drop_origin(components, mean, bounds):
    """Keep the mean of bright images only where black is zero; elsewhere the sign of the scores is not known."""
    is_black_zero = bounds.low >= -NOISE * (bounds.high - bounds.low)
    return components, mean if is_black_zero else 0 * mean


ADOPTIONS = {"latents": _scale_latents, "light": _scale_light, "origin": _drop_origin}


def _with(generator, facts, parts):
    return Generator._of(facts, parts, fingerprint_of(facts, parts))
