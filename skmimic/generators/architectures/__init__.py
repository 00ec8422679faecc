"""Networks that generators are made of: a fixed registry, so that a model file names one and never brings code."""

from ._bigan import BiGANDiscriminator
from ._dcgan import DCGANDiscriminator, DCGANEncoder, DCGANGenerator
from ._dense import DenseDiscriminator, DenseEncoder, DenseGenerator
from ._fold import fold
from ._initial import initialise
from ._layout import MAX_SIDE, MIN_SIDE, Layout, layout_of
from ._registry import ARCHITECTURES, build

__all__ = [
    "ARCHITECTURES",
    "MAX_SIDE",
    "MIN_SIDE",
    "BiGANDiscriminator",
    "DCGANDiscriminator",
    "DCGANEncoder",
    "DCGANGenerator",
    "DenseDiscriminator",
    "DenseEncoder",
    "DenseGenerator",
    "Layout",
    "build",
    "fold",
    "initialise",
    "layout_of",
]
