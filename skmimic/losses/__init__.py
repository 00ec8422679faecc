"""Floor 1: how far the mimicked images are from the observed ones. Every loss returns one number per row, shape (n,)."""

from ._adversarial import adversarial
from ._fidelity import LOSSES, charbonnier, l1, l2, loss_function

__all__ = ["LOSSES", "adversarial", "charbonnier", "l1", "l2", "loss_function"]
