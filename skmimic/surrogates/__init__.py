"""Floor 1: differentiable models of the unknown corruption (the paper's f^, section 3.1.1)."""

from ._affine import N_DEVIATIONS, Affine, affine_matrix, describe_affine, warp
from ._base import Surrogate
from ._basic import Identity, KnownCorruption, UserSurrogate
from ._blur import Blur
from ._composition import Composition, paper_surrogate
from ._convolution import Convolution
from ._fitted import FittedSurrogate
from ._mask import Mask
from ._missing import MissingPixels
from ._photometric import Photometric
from ._registry import FAMILIES, build_family, resolve_surrogate
from ._words import in_words

__all__ = [
    "FAMILIES",
    "N_DEVIATIONS",
    "Affine",
    "Blur",
    "Composition",
    "Convolution",
    "FittedSurrogate",
    "Identity",
    "KnownCorruption",
    "Mask",
    "MissingPixels",
    "Photometric",
    "Surrogate",
    "UserSurrogate",
    "affine_matrix",
    "build_family",
    "describe_affine",
    "in_words",
    "paper_surrogate",
    "resolve_surrogate",
    "warp",
]
