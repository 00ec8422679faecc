"""What is compared: each defence is made ready for a generator, and cleans 100 images at a time."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.defence.data import GROUP
from skmimic import MimicDefense, PGDProjector, from_paper

__all__ = ["FILTERS", "METHODS", "SLOW", "TAKES_GENERATOR", "Learned", "learn"]

N_FITTED = 100  # clean images of defences that learn nothing from them
WINDOWS, QUALITIES, DEPTHS = (2, 3, 4), (25, 50, 75), (1, 2, 3)  # one of each is chosen on the settings images


@dataclass(frozen=True)
class Learned:
    """A defence that is ready.

    Attributes
    ----------
    clean : callable
        Images (n, 1, 28, 28) in [0, 1], `GROUP` at most, to images of the same form; nobody asks for a gradient.
    classifier : torch.nn.Module
        The network behind it.
    module : torch.nn.Module or None
        The same as `clean` with a gradient, if there is one. None with `has_module` stands for no defence.
    has_module : bool
    generator : Generator or None
        With the encoder that the defence trained.
    """

    clean: Callable
    classifier: nn.Module
    module: Any = None
    has_module: bool = False
    generator: Any = None

    @torch.no_grad()
    def answers(self, images):
        """Clean images in groups and read them; labels (n,)."""
        return torch.cat([self.classifier(self.clean(group)).argmax(1) for group in images.split(GROUP)])


def _same(images):
    return images


def _none(world, kind, seed):
    return Learned(_same, world.classifier, has_module=True)


def _robust(world, kind, seed):
    if world.robust is None:
        raise ValueError("The classifier of the adversarial training has not been trained yet.")
    return Learned(_same, world.robust, has_module=True)


def _mimic(world, kind, seed, **settings):
    """`MimicDefense`, by default with its defaults; the training of its encoder is kept."""
    generator, told = world.generator(kind, seed), "".join(f"_{name}_{value}" for name, value in settings.items())
    checkpoint = world.cache / f"encoder_{generator.fingerprint[:16]}_{seed}{told}.ckpt"
    world.cache.mkdir(parents=True, exist_ok=True)
    defence = MimicDefense(
        generator, data_range=(0, 1), random_state=seed, checkpoint=checkpoint, verbose=1, **settings
    )
    return _through(defence.fit(world.known(seed).numpy()), world)


def _projection(preset, world, kind, seed):
    settings = {"method": "projection", **from_paper(preset)}
    defence = MimicDefense(world.generator(kind, seed), data_range=(0, 1), random_state=seed, **settings)
    return _through(defence.fit(world.known(seed)[:N_FITTED].numpy()), world)


def _through(defence, world):
    def clean(images):
        return torch.from_numpy(defence.transform(images.numpy()))

    return Learned(clean, world.classifier, defence.module(), True, defence.generator_)


def _pgd(world, kind, seed):
    generator = world.generator(kind, seed)
    projector = PGDProjector(generator, random_state=seed, data_range=(0, 1), **from_paper("pgd"))
    projector.fit(world.known(seed)[:N_FITTED].numpy())

    def clean(images):
        return torch.from_numpy(projector.transform(images.numpy()))

    return Learned(clean, world.classifier, generator=generator)


def _filter(make, world, kind, seed):
    cleaner = make()

    def clean(images):
        return torch.from_numpy(cleaner(images.numpy())[0]).to(images)

    return Learned(clean, world.classifier)


def _smoothing(window):
    from art.defences.preprocessor import SpatialSmoothing

    return SpatialSmoothing(window_size=window, channels_first=True, clip_values=(0.0, 1.0))


def _jpeg(quality):
    from art.defences.preprocessor import JpegCompression

    return JpegCompression((0.0, 1.0), quality=quality, channels_first=True)


def _squeezing(depth):
    from art.defences.preprocessor import FeatureSqueezing

    return FeatureSqueezing((0.0, 1.0), bit_depth=depth)


FILTERS = {
    **{f"median filter {window}x{window}": partial(_filter, partial(_smoothing, window)) for window in WINDOWS},
    **{f"JPEG, quality {quality}": partial(_filter, partial(_jpeg, quality)) for quality in QUALITIES},
    **{f"feature squeezing, bits: {depth}": partial(_filter, partial(_squeezing, depth)) for depth in DEPTHS},
}
SLOW = {  # one to ten images a second
    "MimicGAN as printed": partial(_projection, "defense"),
    "Defense-GAN": partial(_projection, "defense-gan"),
    "INC": partial(_projection, "inc"),
    "Cowboy": partial(_projection, "cowboy"),
    "PGD": _pgd,
}
TAKES_GENERATOR = {"MimicDefense": _mimic, **SLOW}
METHODS = {"none": _none, **TAKES_GENERATOR, **FILTERS, "adversarial training": _robust}


def learn(method, world, kind, seed):
    """Make a defence ready.

    Parameters
    ----------
    method : str
        Of `METHODS`.
    world : World
    kind : {"vae", "dcgan"}
        Of the generator, for those that take one.
    seed : int
        Of the generator and of the defence.

    Returns
    -------
    Learned
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings that are the paper's
        return METHODS[method](world, kind, seed)
