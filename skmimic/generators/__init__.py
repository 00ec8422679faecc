"""Floor 1: generators of clean images, frozen, with their priors and their files."""

from ._adapters import as_generator
from ._bundled import bundled_names, load_gan
from ._closed_form import linear_generator, linear_generator_from_data
from ._features import DiscriminatorFeatures
from ._generator import Generator
from ._loaded import LoadedGenerator
from ._priors import BoxPrior, NormalPrior, Prior, UniformPrior, as_prior
from ._reports import model_info, verify_model
from ._units import adopt_range

__all__ = [
    "BoxPrior",
    "DiscriminatorFeatures",
    "Generator",
    "LoadedGenerator",
    "NormalPrior",
    "Prior",
    "UniformPrior",
    "adopt_range",
    "as_generator",
    "as_prior",
    "bundled_names",
    "linear_generator",
    "linear_generator_from_data",
    "load_gan",
    "model_info",
    "verify_model",
]
