"""Time spent on a piece of work."""

import time
from dataclasses import dataclass

__all__ = ["Duration", "Stopwatch"]


@dataclass(frozen=True)
class Duration:
    """Seconds that a piece of work took.

    Attributes
    ----------
    wall : float
        By the clock on the wall.
    cpu : float
        Of all threads of this process; does not depend on what else the machine does.
    """

    wall: float
    cpu: float


class Stopwatch:
    """Starts when it is made."""

    def __init__(self):
        self.wall, self.cpu = time.monotonic(), time.process_time()

    def read(self):
        """Return the Duration since the start."""
        return Duration(time.monotonic() - self.wall, time.process_time() - self.cpu)
