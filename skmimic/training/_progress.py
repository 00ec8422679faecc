"""What a training says while it runs."""

import sys
import time
from dataclasses import dataclass

__all__ = ["Progress", "Reporter"]


@dataclass(frozen=True)
class Progress:
    """State of a training after a step.

    Parameters
    ----------
    step, n_steps : int
        Steps done, and steps in all.
    epoch : int
        Passes over the images that are complete.
    losses : dict of str to float
        Means over the last steps.
    seconds_left : float
        Estimated from the steps of this run.
    """

    step: int
    n_steps: int
    epoch: int
    losses: dict
    seconds_left: float

    def __str__(self):
        losses = ", ".join(f"{name} {value:.3f}" for name, value in self.losses.items())
        minutes, seconds = divmod(round(self.seconds_left), 60)
        return f"step {self.step}/{self.n_steps}, epoch {self.epoch}, {losses}, {minutes}:{seconds:02d} left"


class Reporter:
    """Turn steps into `Progress` and hand it on.

    Parameters
    ----------
    name : str
        Subject of the printed line.
    n_steps, first_step, steps_per_epoch : int
    callback : callable or None
        Called with each `Progress`.
    verbose : int
        Prints a line to standard error when positive.
    """

    def __init__(self, name, n_steps, first_step, steps_per_epoch, callback=None, verbose=0):
        self.name, self.n_steps, self.first_step = name, n_steps, first_step
        self.steps_per_epoch = steps_per_epoch
        self.callback, self.verbose = callback, verbose
        self.started = time.monotonic()

    def __call__(self, step, losses):
        """Report a step with its mean losses, a dict."""
        elapsed = time.monotonic() - self.started
        seconds_left = elapsed / max(step - self.first_step, 1) * (self.n_steps - step)
        progress = Progress(step, self.n_steps, step // self.steps_per_epoch, losses, seconds_left)
        if self.verbose:
            print(f"{self.name}: {progress}", file=sys.stderr, flush=True)
        if self.callback is not None:
            self.callback(progress)
