"""Robust projection onto image manifolds with corruption mimicking, as scikit-learn estimators.

Public names are imported when first used, so `import skmimic` loads neither torch nor scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import ProjectionResult
    from .estimators import (
        DCGAN,
        VAE,
        AnomalyReport,
        BiGAN,
        BiGANProjector,
        EncoderProjector,
        KnownCorruptionProjector,
        MimicAnomalyDetector,
        MimicDefense,
        MimicDomainAligner,
        MimicGANProjector,
        PerceptualProjector,
        PGDProjector,
        Target,
        from_paper,
    )
    from .generators import Generator, as_generator, load_gan

__version__ = "0.1.0"

__all__ = [
    "DCGAN",
    "VAE",
    "AnomalyReport",
    "BiGAN",
    "BiGANProjector",
    "EncoderProjector",
    "Generator",
    "KnownCorruptionProjector",
    "MimicAnomalyDetector",
    "MimicDefense",
    "MimicDomainAligner",
    "MimicGANProjector",
    "PGDProjector",
    "PerceptualProjector",
    "ProjectionResult",
    "Target",
    "__version__",
    "as_generator",
    "from_paper",
    "load_gan",
]

_HOMES = {
    "engine": ("ProjectionResult",),
    "generators": ("Generator", "as_generator", "load_gan"),
    "estimators": (
        "DCGAN",
        "VAE",
        "AnomalyReport",
        "BiGAN",
        "BiGANProjector",
        "EncoderProjector",
        "KnownCorruptionProjector",
        "MimicAnomalyDetector",
        "MimicDefense",
        "MimicDomainAligner",
        "MimicGANProjector",
        "PGDProjector",
        "PerceptualProjector",
        "Target",
        "from_paper",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_SUBPACKAGES = {
    "attacks",
    "corruptions",
    "datasets",
    "engine",
    "estimators",
    "exceptions",
    "generators",
    "losses",
    "metrics",
    "plotting",
    "purification",
    "surrogates",
    "training",
    "utils",
}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _SUBPACKAGES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})
