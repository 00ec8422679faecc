"""Floor 3: scikit-learn estimators, the only place where scikit-learn and torch meet."""

from ._aligner import MimicDomainAligner, Target
from ._baselines import KnownCorruptionProjector, PGDProjector
from ._baselines_encoders import BiGANProjector, EncoderProjector
from ._baselines_perceptual import PerceptualProjector
from ._defence import MimicDefense
from ._detector import MimicAnomalyDetector
from ._detector_report import AnomalyReport
from ._gans import DCGAN, VAE, BiGAN
from ._presets import PRESETS, from_paper
from ._projector import MimicGANProjector

__all__ = [
    "DCGAN",
    "PRESETS",
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
]
