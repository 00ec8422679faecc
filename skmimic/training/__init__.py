"""Floor 2: how generators, discriminators and encoders are learned. torch only."""

from ._bigan import train_bigan
from ._collapse import diversity, warn_if_collapsed
from ._dcgan import train_dcgan
from ._denoising import train_denoising_encoder
from ._ema import WeightAverage
from ._likeness import remoteness, warn_if_unlike
from ._loop import run_training
from ._perturbations import latent_signs, perturbed, signs_at_scales
from ._progress import Progress
from ._recipe import Recipe
from ._settings import TrainedNetworks, TrainingSettings
from ._vae import train_vae

__all__ = [
    "Progress",
    "Recipe",
    "TrainedNetworks",
    "TrainingSettings",
    "WeightAverage",
    "diversity",
    "latent_signs",
    "perturbed",
    "remoteness",
    "run_training",
    "signs_at_scales",
    "train_bigan",
    "train_dcgan",
    "train_denoising_encoder",
    "train_vae",
    "warn_if_collapsed",
    "warn_if_unlike",
]
