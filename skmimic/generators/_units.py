"""Linear generators in the units of the data that they were made of."""

from ._facts import fingerprint_of
from ._generator import Generator
from ._parts import Part

__all__ = ["adopt_range", "open_range"]


def open_range(generator, with_latents=False):
    """Mark the range of a linear generator as not told: its values are in the units of its data, whatever they are.

    Parameters
    ----------
    generator : Generator
        Linear.
    with_latents : bool, default=False
        Whether its latents were scaled to the range, for want of another unit.

    Returns
    -------
    Generator
    """
    adopts = ("range", "latents") if with_latents else ("range",)
    return _with(generator, generator._facts._replace(adopts=adopts), generator._parts)


def adopt_range(generator, bounds):
    """Give a generator whose range was not told that of the data; one that was told its range stays as it is.

    Parameters
    ----------
    generator : Generator
    bounds : Bounds
        Range of the data, in whose units the generator gives its values.

    Returns
    -------
    Generator
        Values are unchanged.
    """
    facts, parts = generator._facts, generator._parts
    if not generator.adopts_range:
        return generator
    if "latents" in facts.adopts:
        part = parts["generator"]
        factor = (bounds.high - bounds.low) / (facts.data_range.high - facts.data_range.low)
        components = part.arrays["components"] * factor
        components.setflags(write=False)
        arrays = {**part.arrays, "components": components}
        parts = {**parts, "generator": Part(part.description, arrays, part.skeleton)}
    return _with(generator, facts._replace(data_range=bounds, adopts=()), parts)


def _with(generator, facts, parts):
    return Generator._of(facts, parts, fingerprint_of(facts, parts))
