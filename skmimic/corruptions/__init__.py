"""Known corruptions, for evaluation: differentiable maps of images (n, c, h, w) in [-1, 1].

Each is a small value with a short repr; the same arguments are the same function, so a corruption can stand as the
`f` of a known-corruption baseline, in a grid search or in a pickle. `PerImage` draws their parameters for every image.
"""

from ._base import Compose, Corruption
from ._geometric import Affine, Rotation, Zoom
from ._missing import BlockLoss, MissingPixels
from ._per_image import Normal, PerImage
from ._tone import GaussianBlur, Invert, Noise, Photometric

__all__ = [
    "Affine",
    "BlockLoss",
    "Compose",
    "Corruption",
    "GaussianBlur",
    "Invert",
    "MissingPixels",
    "Noise",
    "Normal",
    "PerImage",
    "Photometric",
    "Rotation",
    "Zoom",
]
