"""What an attack came to."""

from dataclasses import dataclass
from typing import Any

from ._budget import Budget

__all__ = ["AttackResult"]


@dataclass(frozen=True, eq=False)
class AttackResult:
    """Attacked images, and how the classifier reads them behind the defence.

    Arrays are of the kind that X was: numpy arrays for an array, tensors on its device for a tensor.

    Attributes
    ----------
    images : array or tensor (n, c, h, w)
        The attacked images, in the units, the type and the order of X.
    is_fooled : array or tensor (n,) of bool
        Whether the answer to a row is wrong, and its change within the budget. A tie with the right class is wrong.
    margins : array or tensor (n,)
        Logit of the right class minus the largest other one; below zero where the answer is wrong.
    distances : array or tensor (n,)
        How far each row was changed, in the norm of the budget.
    is_judged : array or tensor (n,) of bool
        Rows whose answers count: all, but those that the attacker owns in `poison_batch`.
    budget : Budget
        What the attacker was allowed.
    loss_curve : array or tensor (n_restarts, n_steps + 1)
        Mean loss of the rows that count before each step and after the last one.

    Notes
    -----
    `is_fooled` and `margins` are measured anew on the images that are returned, group by group, as the defence would
    see them. With a defence that couples the rows of a call they hold for these groups only.
    """

    images: Any
    is_fooled: Any
    margins: Any
    distances: Any
    is_judged: Any
    budget: Budget
    loss_curve: Any

    @property
    def accuracy(self):
        """Share of the judged rows that are still read rightly, a float."""
        return 1.0 - float(self.is_fooled[self.is_judged].sum()) / float(self.is_judged.sum())
