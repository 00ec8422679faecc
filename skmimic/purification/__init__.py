"""Floor 2: what attacked images share, and what each has of its own, taken off them; differentiable, torch only."""

from ._art import art_preprocessor
from ._manifold import ManifoldMap
from ._module import DefenceModule
from ._purifier import Purifier, PurifierSettings
from ._rounds import OFFSETS, clean_rows, shared_offset
from ._straight_through import straight_through

__all__ = [
    "OFFSETS",
    "DefenceModule",
    "ManifoldMap",
    "Purifier",
    "PurifierSettings",
    "art_preprocessor",
    "clean_rows",
    "shared_offset",
    "straight_through",
]
