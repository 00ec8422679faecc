"""Defences by name: arrays (n, 1, 28, 28) in [0, 1] in groups of 100 to clean ones."""

from functools import cache
from pathlib import Path

import numpy as np
from art.defences.preprocessor import FeatureSqueezing, JpegCompression, SpatialSmoothing

from benchmarks.defence.networks import MODELS, clean_images
from skmimic import Generator, MimicDefense, PGDProjector, from_paper

GROUP = 100
SLOW_ROWS = 100  # of methods that walk for minutes
GENERATORS = ("vae", "dcgan")
FILTERS = {
    "median filter": lambda: SpatialSmoothing(window_size=3, channels_first=True, clip_values=(0.0, 1.0)),
    "JPEG": lambda: JpegCompression(clip_values=(0.0, 1.0), channels_first=True, quality=50),
    "feature squeezing": lambda: FeatureSqueezing(clip_values=(0.0, 1.0), bit_depth=2),
}
PAPERS = {
    "MimicGAN as printed": {"method": "projection", **from_paper("defense")},
    "Defense-GAN": from_paper("defense-gan"),
    "INC": from_paper("inc"),
    "Cowboy": from_paper("cowboy"),
}
OURS = {"skmimic": {}, "skmimic, no row rounds": {"row_rounds": 0}, "encode and decode": {"rounds": 0, "row_rounds": 0}}
PLAIN = ("none", *FILTERS, "robust classifier")  # without a generator
METHODS = (*PLAIN, *OURS, *PAPERS, "PGD")


@cache
def generator(kind, seed):
    """A trained generator of 45,000 images."""
    return Generator.load(MODELS / f"fashion28_{kind}_45k_{seed}.safetensors")


@cache
def fitted(kind, seed, work):
    """Our defence with its defaults, fitted on the images of its generator; its encoder is trained once."""
    defence = MimicDefense(
        generator(kind, seed), data_range=(0, 255), random_state=seed, checkpoint=Path(work) / f"{kind}_{seed}.encoder"
    )
    return defence.fit(clean_images(seed))


def defence_of(method, kind, seed, work):
    """Return a callable of arrays (100, 1, 28, 28) in [0, 1]."""
    if method in ("none", "robust classifier"):
        return np.asarray
    if method in FILTERS:
        filter_ = FILTERS[method]()
        return lambda images: filter_(images)[0]
    if method in OURS:
        defence = fitted(kind, seed, work).set_params(**{"rounds": 8, "row_rounds": 2, **OURS[method]})
        return lambda images: defence.transform(images * 255) / 255
    if method == "PGD":
        projector = PGDProjector(generator(kind, seed), data_range=(0, 1), random_state=seed)
    else:
        projector = MimicDefense(generator(kind, seed), data_range=(0, 1), random_state=seed, **PAPERS[method])
    return projector.fit(clean_images(seed)[:SLOW_ROWS, None].astype(np.float32) / 255).transform
