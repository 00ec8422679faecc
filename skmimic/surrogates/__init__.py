"""Floor 1: differentiable models of the unknown corruption (the paper's f^, section 3.1.1)."""

from ._affine import N_DEVIATIONS, Affine, affine_matrix, describe_affine, sampling_grid, warp
from ._base import Surrogate
from ._basic import Identity, KnownCorruption, UserSurrogate
from ._blur import Blur
from ._composition import Composition, paper_surrogate, part_of
from ._convolution import Convolution
from ._fitted import FittedSurrogate
from ._mask import Mask
from ._missing import MissingPixels
from ._offset import Offset
from ._photometric import Photometric
from ._registry import FAMILIES, build_family, name_of_family, resolve_surrogate
from ._row_affine import RowAffine, angle_reader, turn_offsets
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
    "Offset",
    "Photometric",
    "RowAffine",
    "Surrogate",
    "UserSurrogate",
    "affine_matrix",
    "angle_reader",
    "build_family",
    "describe_affine",
    "in_words",
    "name_of_family",
    "paper_surrogate",
    "part_of",
    "resolve_surrogate",
    "sampling_grid",
    "turn_offsets",
    "warp",
]
