"""Floor 1: how far the mimicked images are from the observed ones; every loss gives one number a row, (n,)."""

from ._adversarial import adversarial
from ._fidelity import LOSSES, charbonnier, l1, l2, loss_function
from ._perceptual import Perceptual
from ._resnet import resnet50_features

__all__ = ["LOSSES", "Perceptual", "adversarial", "charbonnier", "l1", "l2", "loss_function", "resnet50_features"]
