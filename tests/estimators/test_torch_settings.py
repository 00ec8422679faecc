"""Whatever the caller has set in torch, the bits of every result are the same."""

import contextlib

import numpy as np
import pytest
import torch
from torch import nn

from skmimic import (
    DCGAN,
    VAE,
    BiGAN,
    BiGANProjector,
    EncoderProjector,
    Generator,
    KnownCorruptionProjector,
    MimicAnomalyDetector,
    MimicDomainAligner,
    MimicGANProjector,
    PerceptualProjector,
    PGDProjector,
)
from skmimic.corruptions import Noise, Rotation
from skmimic.datasets import resize_images
from skmimic.surrogates import Surrogate
from tests.helpers import SmoothDecoder, pictures, small, smooth_generator


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def together(*names):
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(SETTINGS[name]())
        yield


SETTINGS = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "meta device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "all": lambda: together("float64", "autocast", "inference mode", "meta device"),
}
EACH = [pytest.param(name, marks=() if name == "all" else pytest.mark.slow) for name in SETTINGS]


class Vignette(Surrogate):
    """A surrogate of a user who never thought of types and devices."""

    def __init__(self, image_shape):
        super().__init__()
        self.image_shape = image_shape
        self.fall = nn.Parameter(torch.zeros(()))

    def forward(self, images, deviations=None):
        height, width = images.shape[-2:]
        y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        ring = torch.tensor([0.5, 1.0]).mean() * torch.arange(width) / width
        return (images + 1) * torch.exp(-self.fall * (x**2 + y**2 + 0.1 * ring)) - 1

    def recipe(self):
        return Vignette, {"image_shape": self.image_shape}

    def describe(self):
        return {"fall": float(self.fall * torch.ones(()))}


def squares(mimicked, observed):
    """A loss of a user that makes its own weights."""
    weights = torch.full(observed.shape[1:], 0.5) * torch.arange(observed[0].numel()).div(64).view(observed.shape[1:])
    return ((mimicked - observed).square() * weights).flatten(1).sum(1)


def answers_of(estimator):
    def run(tmp_path):
        fitted = estimator().fit(pictures())
        if isinstance(fitted, MimicAnomalyDetector):
            return fitted.score_samples(pictures()), fitted.score_maps(pictures()[:4])
        return (fitted.transform(pictures()),)

    return run


def projector(tmp_path):
    fitted = small(MimicGANProjector, surrogate="mask+photometric", T=1, T1=2, T2=2).fit(pictures())
    result = fitted.project(pictures()[:6])
    fitted.save_adaptation(tmp_path / "adaptation.npz")
    again = small(MimicGANProjector).fit(pictures()[:8]).load_adaptation(tmp_path / "adaptation.npz")
    words = [np.array(repr(sorted(fitted.surrogate_.describe().items())))]
    returned = fitted.inverse_transform(pictures()[:5]), again.transform(pictures()[:5]), fitted.encode(pictures()[:5])
    return result.latents, result.images, *words, *returned


def handle(tmp_path):
    made = Generator(DECODER)
    return made.sample(9, random_state=0), made.decode(np.ones((3, 4))), np.array([int(made.fingerprint, 16)])


def trained(kind):
    def run(tmp_path):
        model = kind(4, width=4, max_steps=3, batch_size=16, random_state=0).fit(pictures())
        model.generator_.save(tmp_path / "model.safetensors")
        again = Generator.load(tmp_path / "model.safetensors")
        assert again.fingerprint == model.generator_.fingerprint
        projected = PGDProjector(again, T=1, T2=3, random_state=0).fit(pictures()).transform(pictures()[:4])
        return model.loss_curve_, model.sample(5, random_state=0), again.sample(5, random_state=0), projected

    return run


def images(tmp_path):
    shapes = pictures().reshape(-1, 1, 8, 8).copy()
    changed = [f(torch.from_numpy(shapes)).numpy() for f in (Rotation(20.0), Noise(0.1, random_state=0))]
    return resize_images(shapes, 5), *changed


DECODER = SmoothDecoder(seed=3)
JOBS = {
    "projector": projector,
    "auto": answers_of(lambda: small(MimicGANProjector, surrogate="auto", T=1, T2=2)),
    "alternating": answers_of(lambda: small(MimicGANProjector, surrogate="paper", solver="alternating")),
    "own surrogate": answers_of(lambda: small(MimicGANProjector, surrogate=Vignette, T=1, T1=2, T2=2)),
    "own loss": answers_of(lambda: small(PGDProjector, loss=squares)),
    "aligner": answers_of(lambda: small(MimicDomainAligner, surrogate="affine", T=1, T2=2)),
    "detector": answers_of(lambda: small(MimicAnomalyDetector, T=1, T1=2, T2=2)),
    "linear": answers_of(lambda: PGDProjector(random_state=0)),
    "known": answers_of(lambda: small(KnownCorruptionProjector, f=Rotation(15.0))),
    "perceptual": answers_of(lambda: small(PerceptualProjector, features=nn.AvgPool2d(2))),
    "encoder": answers_of(lambda: EncoderProjector(smooth_generator(), n_steps=2, random_state=0)),
    "bigan projector": answers_of(lambda: BiGANProjector(VAE(4, width=4, max_steps=2, random_state=0))),
    "handle": handle,
    "images": images,
    "DCGAN": trained(DCGAN),
    "VAE": trained(VAE),
    "BiGAN": trained(BiGAN),
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """What each job gives where nothing is set."""
    done = {}

    def of(name):
        if name not in done:
            done[name] = JOBS[name](tmp_path_factory.mktemp("usual"))
        return done[name]

    return of


@pytest.mark.filterwarnings("ignore::skmimic.exceptions.SkmimicWarning")
@pytest.mark.parametrize("setting", EACH)
@pytest.mark.parametrize("name", JOBS)
def test_what_the_caller_has_set_in_torch_changes_no_bit(name, setting, usual, tmp_path):
    expected = usual(name)
    smooth_generator().on("cpu").cache.clear()  # what was made under other settings
    with SETTINGS[setting]():
        found = JOBS[name](tmp_path)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
