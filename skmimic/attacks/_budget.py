"""What an attacker may change, and how long it may search."""

import math
from dataclasses import dataclass
from numbers import Integral, Real

from ..exceptions import AttackError
from ._norms import NORMS

__all__ = ["Budget", "check_count", "check_length"]


@dataclass(frozen=True)
class Budget:
    """What an attacker may change, and how long it may search.

    Parameters
    ----------
    eps : float
        How far an image may be changed, in units of its pixels.
    n_steps : int
        Steps of the search; each is one gradient (`n_draws` of them with a random defence).
    step_size : float or None, default=None
        Length of a step in the same units. None takes ``2.5 * eps / n_steps``: the search can cross the ball and turn.
    n_restarts : int, default=1
        How often the search is begun anew. The first one begins at X itself, the others at random images of the ball.
    norm : {"linf", "l2", "rms"}, default="linf"
        How a change is measured: by its largest pixel, its Euclidean length, or the root of its mean square.

    Raises
    ------
    AttackError
        If a number is not above zero, or the norm is unknown.

    Examples
    --------
    >>> from skmimic.attacks import Budget
    >>> budget = Budget(eps=0.1, n_steps=50)
    >>> budget.step_length
    0.005
    """

    eps: float
    n_steps: int
    step_size: float | None = None
    n_restarts: int = 1
    norm: str = "linf"

    def __post_init__(self):
        check_length("Budget: eps", self.eps)
        check_count("Budget: n_steps", self.n_steps)
        check_count("Budget: n_restarts", self.n_restarts)
        if self.step_size is not None:
            check_length("Budget: step_size", self.step_size)
        if self.norm not in NORMS:
            raise AttackError(f"Budget: norm must be one of {', '.join(map(repr, NORMS))}, got {self.norm!r}.")

    @property
    def step_length(self):
        """Length of a step: `step_size`, or what None stands for."""
        return 2.5 * self.eps / self.n_steps if self.step_size is None else self.step_size


def check_length(name, value, units="pixels"):
    """Refuse what is no finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, Real) or not (math.isfinite(value) and value > 0):
        raise AttackError(f"{name} must be a finite number above zero, in units of {units}, got {value!r}.")


def check_count(name, value):
    """Refuse what is no whole number above zero."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise AttackError(f"{name} must be a whole number above zero, got {value!r}.")
