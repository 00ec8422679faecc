"""Corruptions whose parameters differ from image to image."""

import inspect
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ._base import Corruption
from ._checks import check_number, check_seed

__all__ = ["Normal", "PerImage"]

MOST_DRAWS = 1000


@dataclass(frozen=True)
class Normal:
    """A parameter that `PerImage` draws from N(mean, sd^2).

    Parameters
    ----------
    mean : float
    sd : float
        Standard deviation, not negative.

    Examples
    --------
    >>> from skmimic.corruptions import Normal
    >>> Normal(20, 5)
    Normal(mean=20, sd=5)
    """

    mean: float
    sd: float

    def __post_init__(self):
        check_number("Normal", "mean", self.mean)
        check_number("Normal", "sd", self.sd, 0)


class PerImage(Corruption):
    """Corrupt every image with parameters of its own.

    The i-th image of a batch always gets the same draw, which depends on the seed, the kind of corruption and i alone:
    the draws for ten images are the first ten of the draws for twenty, and the same seed gives unrelated draws to a
    rotation and a zoom. What the kind refuses, such as a zoom factor below zero, is drawn again.

    Parameters
    ----------
    kind : type
        A corruption class, such as `Rotation`. Rotations, zooms and affine maps are run on all images at once, other
        kinds image by image.
    random_state : int, default=0
        Seed of the draws, not negative. Where the kind takes a seed itself (`Noise`, `MissingPixels`), every image
        gets another one.
    **parameters
        Arguments of `kind`: a `Normal` is drawn for every image, also inside a pair; anything else is as it is.

    Attributes
    ----------
    kind : type
    random_state : int
    fill : float
        Of the kind, at its mean; -1 where it fills nothing.

    Raises
    ------
    TypeError
        If `kind` is no class of corruptions, or a parameter is none of its arguments.
    ValueError
        If the means are no legal arguments, or, when called, if hardly any draw is.

    See Also
    --------
    MissingPixels : With ``shared=False``, a mask of its own for every image.

    Notes
    -----
    As the map differs from row to row, `is_affine_in_images` is False even where the kind's is true: a linear generator
    is then projected step by step. A row's position is counted within the batch that a corruption is called with, so as
    the `f` of a known-corruption projector it is right for up to `batch_size` rows.

    Examples
    --------
    >>> from skmimic.corruptions import Normal, PerImage, Rotation
    >>> turned = PerImage(Rotation, degrees=Normal(20, 5))
    >>> turned
    PerImage(Rotation, degrees=Normal(mean=20, sd=5))
    >>> turned.parameters(3)["degrees"].round(1)
    array([24.1, 18.1, 12.4])
    """

    def __init__(self, kind, *, random_state=0, **parameters):
        if not (isinstance(kind, type) and issubclass(kind, Corruption)):
            raise TypeError(f"PerImage: kind must be a class of corruptions, such as Rotation, got {kind!r}.")
        check_seed("PerImage", random_state)
        check_number("PerImage", "random_state", random_state, 0)
        self.kind, self.random_state = kind, int(random_state)
        self._parameters = tuple(sorted((name, _frozen(value)) for name, value in parameters.items()))
        typical = kind(**{name: _map(value, lambda normal: normal.mean) for name, value in self._parameters})
        self.fill = getattr(typical, "fill", -1.0)

    def parameters(self, n):
        """Return what is drawn for the first n images.

        Parameters
        ----------
        n : int

        Returns
        -------
        dict of str to ndarray (n,) or (n, 2)
            The parameters that differ, by name.
        """
        drawn = _drawn(self.kind, self._parameters, self.random_state, n)
        return {
            name: np.array([getattr(one, name) for one in drawn]) for name, value in self._parameters if _differs(value)
        }

    def _apply(self, images):
        drawn = _drawn(self.kind, self._parameters, self.random_state, len(images))
        return self.kind._apply_each(drawn, images)

    def _key(self):
        return self.kind, self._parameters, self.random_state

    def __eq__(self, other):
        return type(other) is PerImage and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())

    def __repr__(self):
        seed = [f"random_state={self.random_state}"] if self.random_state else []
        return f"PerImage({', '.join([self.kind.__name__, *(f'{k}={v!r}' for k, v in self._parameters), *seed])})"


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value


def _map(value, function):
    """Replace every `Normal` in a value by what a function makes of it."""
    if isinstance(value, tuple):
        return tuple(_map(part, function) for part in value)
    return function(value) if isinstance(value, Normal) else value


def _differs(value):
    return any(map(_differs, value)) if isinstance(value, tuple) else isinstance(value, Normal)


@lru_cache(maxsize=8)
def _drawn(kind, parameters, random_state, n):
    """Make the corruptions of the first n images; kept, as solvers call a corruption hundreds of times."""
    return tuple(_draw(kind, dict(parameters), (random_state, zlib.crc32(kind.__name__.encode()), i)) for i in range(n))


def _draw(kind, parameters, seed):
    random = np.random.default_rng(seed)
    has_seed = "random_state" in inspect.signature(kind).parameters
    own = {"random_state": int(random.integers(2**31))} if has_seed else {}
    for _ in range(MOST_DRAWS):
        values = {
            k: _map(v, lambda normal: float(random.normal(normal.mean, normal.sd))) for k, v in parameters.items()
        }
        try:
            return kind(**values, **own)
        except ValueError:  # the means are legal, so it is the draw that lies outside
            continue
    raise ValueError(
        f"PerImage: {kind.__name__} refused {MOST_DRAWS} draws from {parameters}. Lower the standard deviation."
    )
