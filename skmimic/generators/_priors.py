"""Where latents may live, and how likely they are."""

import abc
import math
from functools import lru_cache

import torch
from scipy.stats import chi2

from ..exceptions import InvalidModelFileError

__all__ = ["BoxPrior", "NormalPrior", "Prior", "UniformPrior", "as_prior", "prior_from_config"]

MAX_WIDTH = 1e30  # of a box: its squares are still finite in float64, its points in float32


class Prior(abc.ABC):
    """Distribution of the latents of a generator.

    Priors are values: two of the same kind with the same numbers are equal, and none can be changed.

    Attributes
    ----------
    scale : float
        Standard deviation of one coordinate.
    """

    @property
    @abc.abstractmethod
    def scale(self):
        """Standard deviation of one coordinate."""

    @property
    @abc.abstractmethod
    def config(self):
        """Description as a JSON dictionary; `prior_from_config` reads it back."""

    @abc.abstractmethod
    def sample(self, n, latent_dim, generator):
        """Draw latents (n, latent_dim), float32 on the CPU, from a CPU `torch.Generator`."""

    @abc.abstractmethod
    def mean(self, latent_dim):
        """Return the mean latent (latent_dim,), float32 on the CPU."""

    @abc.abstractmethod
    def project(self, z):
        """Return the nearest allowed latents (n, d)."""

    @abc.abstractmethod
    def penalty(self, z):
        """Return half the sum of squares (n,) of the latents, measured from the mean in the prior's own unit."""

    @abc.abstractmethod
    def squash(self, raw):
        """Map the unbounded output (n, d) of a network to allowed latents."""

    def __eq__(self, other):
        return isinstance(other, Prior) and self.config == other.config

    def __hash__(self):
        return hash(tuple(sorted(self.config.items())))

    def __repr__(self):
        numbers = ", ".join(f"{key}={value:g}" for key, value in self.config.items() if key != "kind")
        return f"{type(self).__name__}({numbers})"


class BoxPrior(Prior):
    """Independent uniform coordinates between two bounds.

    The unit of `penalty` is the half-width of the box: a corner has the penalty d / 2.

    Parameters
    ----------
    low, high : float
        Bounds of every coordinate, finite in float32, ``low < high``.

    Raises
    ------
    ValueError
        If the bounds are not finite numbers in this order.
    """

    def __init__(self, low, high):
        low, high = float(low), float(high)
        if not 0 < high - low < MAX_WIDTH:
            raise ValueError(f"BoxPrior: expected finite bounds low < high, got low={low!r}, high={high!r}.")
        self._low, self._high = low, high

    low = property(lambda self: self._low, doc="Lower bound of every coordinate.")
    high = property(lambda self: self._high, doc="Upper bound of every coordinate.")

    @property
    def _centre(self):
        return (self._low + self._high) / 2

    @property
    def _half_width(self):
        return (self._high - self._low) / 2

    @property
    def scale(self):
        """Standard deviation of one coordinate: the width over the square root of 12."""
        return (self._high - self._low) / math.sqrt(12)

    @property
    def config(self):
        """Description as a JSON dictionary."""
        return {"kind": "box", "low": self._low, "high": self._high}

    def sample(self, n, latent_dim, generator):
        """Draw latents (n, latent_dim) uniformly from the box."""
        unit = torch.rand(n, latent_dim, generator=generator, dtype=torch.float32, device="cpu")
        return (unit * (self._high - self._low) + self._low).clamp_(self._low, self._high)

    def mean(self, latent_dim):
        """Return the centre of the box (latent_dim,)."""
        return torch.full((latent_dim,), self._centre, dtype=torch.float32, device="cpu")

    def project(self, z):
        """Clip every coordinate to the box."""
        return z.clamp(self._low, self._high)

    def penalty(self, z):
        """Return ``0.5 * sum(((z - centre) / half_width) ** 2)`` of each row (n,)."""
        return 0.5 * ((z - self._centre) / self._half_width).square().sum(dim=1)

    def squash(self, raw):
        """Map raw outputs into the box by tanh."""
        return self._centre + self._half_width * torch.tanh(raw)


class UniformPrior(BoxPrior):
    """Independent uniform coordinates between -1 and 1, the prior of the paper."""

    def __init__(self):
        super().__init__(-1.0, 1.0)

    def __repr__(self):
        return "UniformPrior()"


class NormalPrior(Prior):
    """Independent standard normal coordinates.

    Latents are allowed up to the radius that a share `quantile` of all draws keeps to: the norm of d coordinates
    follows the chi distribution. Longer rows are scaled back to it, which keeps their direction; clipping each
    coordinate would not. The unit of `penalty` is the standard deviation, 1.

    Parameters
    ----------
    quantile : float, default=0.999
        Above 0 and at most 1; 1 allows every latent.

    Raises
    ------
    ValueError
        If `quantile` is outside this range.
    """

    def __init__(self, quantile=0.999):
        quantile = float(quantile)
        if not 0.0 < quantile <= 1.0:
            raise ValueError(f"NormalPrior: expected 0 < quantile <= 1, got {quantile!r}.")
        self._quantile = quantile

    quantile = property(lambda self: self._quantile, doc="Share of draws inside the radius.")

    @property
    def scale(self):
        """Standard deviation of one coordinate, 1."""
        return 1.0

    @property
    def config(self):
        """Description as a JSON dictionary."""
        return {"kind": "normal", "quantile": self._quantile}

    def radius(self, latent_dim):
        """Return the length of the longest allowed latent."""
        return _chi_quantile(self._quantile, latent_dim)

    def sample(self, n, latent_dim, generator):
        """Draw latents (n, latent_dim); the few rows beyond the radius are scaled back to it."""
        return self.project(torch.randn(n, latent_dim, generator=generator, dtype=torch.float32, device="cpu"))

    def mean(self, latent_dim):
        """Return zeros (latent_dim,)."""
        return torch.zeros(latent_dim, dtype=torch.float32, device="cpu")

    def project(self, z):
        """Scale the rows that are longer than the radius back to it."""
        radius = self.radius(z.shape[1])
        if math.isinf(radius):
            return z
        return z * _shrink(z, radius)

    def penalty(self, z):
        """Return ``0.5 * sum(z ** 2)`` of each row (n,)."""
        return 0.5 * z.square().sum(dim=1)

    def squash(self, raw):
        """Return the raw outputs: every latent has a density."""
        return raw


def _shrink(z, radius):
    """Factor (n, 1), at most 1, that brings rows to the radius; exactly 1 for the rows inside."""
    norms = z.detach().norm(dim=1, keepdim=True)
    return torch.where(norms > radius, radius / norms, torch.ones_like(norms))


@lru_cache(maxsize=256)
def _chi_quantile(quantile, latent_dim):
    return math.sqrt(chi2.ppf(quantile, latent_dim))


_NAMED = {"uniform": UniformPrior, "normal": NormalPrior}


def as_prior(value):
    """Make a prior from a short description.

    Parameters
    ----------
    value : Prior, {"uniform", "normal"} or pair of float
        A pair is the bounds of a box.

    Returns
    -------
    Prior

    Raises
    ------
    ValueError
        If `value` is none of these.
    """
    if isinstance(value, Prior):
        return value
    if isinstance(value, str) and value in _NAMED:
        return _NAMED[value]()
    try:
        low, high = value
        prior = BoxPrior(low, high)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"prior must be 'uniform' (the box [-1, 1]), 'normal', bounds (low, high) or a Prior, got {value!r}."
        ) from error
    return UniformPrior() if prior == UniformPrior() else prior


def prior_from_config(config):
    """Read back the `config` of a prior.

    Parameters
    ----------
    config : dict

    Returns
    -------
    Prior

    Raises
    ------
    InvalidModelFileError
        If the dictionary describes no prior.
    """
    try:
        kind, numbers = config["kind"], {key: value for key, value in config.items() if key != "kind"}
        if kind == "box":
            return as_prior((BoxPrior(**numbers).low, BoxPrior(**numbers).high))
        if kind == "normal":
            return NormalPrior(**numbers)
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as error:
        raise InvalidModelFileError(f"{config!r} describes no prior: {error}") from error
    raise InvalidModelFileError(f"{config!r} describes no prior; kinds are 'box' and 'normal'.")
