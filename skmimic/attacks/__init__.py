"""Floor 3: attacks by those who know the defence, and whether their gradients can be trusted."""

from ..purification import straight_through
from ._budget import Budget
from ._check import check_gradients
from ._gradient import bpda_attack, exact_gradient_attack, margin_attack
from ._latent import latent_walk
from ._poison import poison_batch
from ._report import GradientReport, MaskingSign
from ._results import AttackResult
from ._universal import apply_universal, universal_perturbation

__all__ = [
    "AttackResult",
    "Budget",
    "GradientReport",
    "MaskingSign",
    "apply_universal",
    "bpda_attack",
    "check_gradients",
    "exact_gradient_attack",
    "latent_walk",
    "margin_attack",
    "poison_batch",
    "straight_through",
    "universal_perturbation",
]
