"""What a check of gradients found."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["GradientReport", "MaskingSign"]


class MaskingSign(Enum):
    """A sign that gradients are masked; the value is the sentence to show."""

    NOT_FINITE = "the gradient holds NaN or infinity, so no attack by it can run"
    ZERO = "the gradient is zero for many rows"
    LOSS_STAYS = "the loss does not rise along the attack"
    ACCURACY_RISES = "a larger budget leaves a higher accuracy"
    RANDOM_WINS = "random search of the same budget fools rows that the gradient does not"
    STRAIGHT_THROUGH_WINS = "the gradient of the identity harms more than that of the defence"
    NEVER_BROKEN = "even without a limit the attack leaves rows that are read rightly"


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found.

    Attributes
    ----------
    signs : tuple of MaskingSign
        What speaks for masked gradients; empty where nothing does.
    n_rows : int
        How many rows were attacked.
    n_zero, n_not_finite : int
        Rows whose gradient at X or at a random image nearby is zero everywhere, or not finite.
    eps : tuple of float
        Budgets, from zero to one that allows every image.
    accuracies : tuple of float
        Accuracy under the exact gradient at each of them. Empty where gradients are not finite.
    loss_start, loss_end : float
        Mean loss at X and after the last step with the budget that was asked for; NaN where gradients are not finite.
    accuracy_random, accuracy_straight_through : float
        Accuracy under random search and under `bpda_attack` with that budget; NaN where gradients are not finite.
    n_random_only : int
        Rows that random search fools and the gradient does not.
    """

    signs: tuple
    n_rows: int
    n_zero: int
    n_not_finite: int
    eps: tuple = ()
    accuracies: tuple = ()
    loss_start: float = float("nan")
    loss_end: float = float("nan")
    accuracy_random: float = float("nan")
    accuracy_straight_through: float = float("nan")
    n_random_only: int = 0

    @property
    def is_masked(self):
        """Whether anything speaks for masked gradients."""
        return bool(self.signs)

    @property
    def sentence(self):
        """The finding in words."""
        path = ", ".join(f"{a:.0%} at eps {e:.3g}" for e, a in zip(self.eps, self.accuracies, strict=True))
        accuracy = f" Accuracy: {path}." if path else ""
        if not self.signs:
            return f"The gradients look sound.{accuracy}"
        return f"The gradients look masked: {'; '.join(sign.value for sign in self.signs)}.{accuracy}"
