"""What a method gives after it has learned."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Learned"]


@dataclass(frozen=True)
class Learned:
    """A score, and what it took.

    Attributes
    ----------
    score : callable
        From rows of bytes to numbers (n,), higher is stranger.
    steps : int
        Of gradient, in trainings.
    seconds : float
        Processor time of trainings in earlier calls, whose networks were read from the cache.
    """

    score: Callable
    steps: int = 0
    seconds: float = 0.0
