"""Small generators, observations and estimators that the tests share."""

import sys
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn

from skmimic import (
    Generator,
    KnownCorruptionProjector,
    MimicAnomalyDetector,
    MimicDomainAligner,
    MimicGANProjector,
    PGDProjector,
    as_generator,
)
from skmimic.surrogates import Surrogate

LEARNING = (MimicGANProjector, MimicAnomalyDetector, MimicDomainAligner)
PROJECTORS = (MimicGANProjector, MimicDomainAligner, PGDProjector, KnownCorruptionProjector)
ESTIMATORS = (*LEARNING, PGDProjector, KnownCorruptionProjector)
FEW_STEPS = {"T": 2, "T2": 4}
FEW_LEARNING_STEPS = {**FEW_STEPS, "T1": 3}


@contextmanager
def disk_for(n_bytes):
    """Let no file grow beyond some bytes, as on a full disk."""
    import resource  # POSIX alone has it

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_same(actual, desired, on_gpu=1e-3):
    """Compare bits; on a GPU, whose kernels add in an order of their own, numbers, with a tolerance."""
    if torch.cuda.is_available():
        np.testing.assert_allclose(actual, desired, atol=on_gpu, rtol=on_gpu)
    else:
        np.testing.assert_array_equal(actual, desired)


def assert_near(actual, desired):
    """Compare numbers that are computed twice, in batches of other sizes; convolutions on a GPU are less exact."""
    np.testing.assert_allclose(actual, desired, atol=1e-5 if torch.cuda.is_available() else 1e-6)


@cache
def digits():
    """scikit-learn's 1,797 digits of 8x8 pixels as rows in [-1, 1], float64."""
    rows = load_digits().data / 8 - 1
    rows.setflags(write=False)
    return rows


@cache
def digit_labels():
    return load_digits().target


@cache
def pca_generator(n_components=10):
    """Linear generator of 8x8 digits."""
    return as_generator(PCA(n_components, random_state=0).fit(digits()))


class SmoothDecoder(nn.Module):
    """Random smooth pictures on a dark ground: tanh network to a few cosines, seen through a soft disc."""

    def __init__(self, latent_dim=4, image_shape=(1, 8, 8), seed=0):
        super().__init__()
        self.latent_dim, self.image_shape = latent_dim, image_shape
        channels, height, width = image_shape
        random = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(torch.randn(latent_dim, 16, generator=random))
        self.second = nn.Parameter(torch.randn(16, channels * 12, generator=random) * 0.8)
        y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        waves = [torch.cos(1.3 * (i * x + 0.3)) * torch.cos(1.3 * (j * y - 0.2)) for i in range(3) for j in range(4)]
        self.register_buffer("waves", torch.stack(waves))
        self.register_buffer("disc", torch.sigmoid(8 * (0.85 - (x**2 + y**2).sqrt())))

    def forward(self, z):
        weights = (torch.tanh(z @ self.first) @ self.second).view(len(z), -1, 12)
        brightness = torch.sigmoid(2 * torch.einsum("nck,khw->nchw", weights, self.waves))
        return 2 * brightness * self.disc - 1


class Critic(nn.Module):
    """A small discriminator: one logit an image."""

    def __init__(self, image_shape=(1, 8, 8)):
        super().__init__()
        n_values = int(np.prod(image_shape))
        self.weight = nn.Parameter(torch.linspace(-1, 1, n_values)[:, None] * 0.2)

    def forward(self, images):
        return torch.tanh(images.flatten(1)) @ self.weight


class Encoder(nn.Module):
    """A small encoder, not a good one."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 4)
        nn.init.normal_(self.layer.weight, std=0.1, generator=torch.Generator().manual_seed(0))
        nn.init.zeros_(self.layer.bias)

    def forward(self, images):
        return torch.tanh(self.layer(images.flatten(1)))


@cache
def smooth_generator(image_shape=(1, 8, 8)):
    return Generator(SmoothDecoder(image_shape=image_shape), discriminator=Critic(image_shape), name="smooth")


def loaded(generator=None):
    """A generator as the engine sees it."""
    return (generator or smooth_generator()).on("cpu")


@cache
def pictures(n=40, image_shape=(1, 8, 8)):
    """Rows that the smooth generator made itself, float32 in [-1, 1]."""
    images = smooth_generator(image_shape).sample(n, random_state=1)
    rows = images.reshape(n, -1)
    rows.setflags(write=False)
    return rows


def corrupt(rows, f, image_shape=(1, 8, 8)):
    """Send rows in [-1, 1] through a corruption of image tensors; the dtype stays."""
    images = torch.tensor(rows).reshape(len(rows), *image_shape)
    return f(images).reshape(len(rows), -1).numpy()


def small(cls, gan=None, **parameters):
    """An estimator that works on the smooth generator in a fraction of a second."""
    few = FEW_LEARNING_STEPS if cls in LEARNING else FEW_STEPS
    learned = {"surrogate": "photometric"} if cls in LEARNING else {}
    if cls is MimicAnomalyDetector:
        learned["score_by"] = "residual"  # which learns and projects as the others do
    gan = smooth_generator() if gan is None else gan
    return cls(gan, **{**few, **learned, "random_state": 0, "batch_size": 16, **parameters})


class MatrixCorruption(Surrogate):
    """A known linear map of the pixels, y = x @ matrix + offset."""

    is_affine_in_images = True

    def __init__(self, matrix, offset=0.0):
        super().__init__()
        self.register_buffer("matrix", torch.as_tensor(matrix, dtype=torch.float64))
        self.register_buffer("offset", torch.as_tensor(offset, dtype=torch.float64))

    def forward(self, images, deviations=None):
        values = images.flatten(1).double() @ self.matrix + self.offset
        return values.to(images.dtype).reshape(images.shape)

    def recipe(self):
        return MatrixCorruption, {"matrix": self.matrix.numpy(force=True), "offset": self.offset.numpy(force=True)}


class GainModule(nn.Module):
    """The smallest module a user might bring: one learned factor."""

    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(float(gain)))

    def forward(self, images):
        return self.gain * images

    def describe(self):
        return {"gain": self.gain.item()}


def gain_module(image_shape):
    """Factory of a user-defined surrogate; importable, so that it can be pickled."""
    return GainModule()


class Bend(Surrogate):
    """A user-defined surrogate by subclass: bends the values by one learned number."""

    def __init__(self, image_shape):
        super().__init__()
        self.image_shape = image_shape
        self.bend = nn.Parameter(torch.zeros(()))

    def forward(self, images, deviations=None):
        return images + self.bend * (1 - images.square())

    def recipe(self):
        return Bend, {"image_shape": self.image_shape}

    def describe(self):
        return {"bend": self.bend.item()}


class Stop(BaseException):
    """What a handler of a signal might raise."""


class Interrupter:
    """Count the lines of some folder or file that are run, and raise before the one of a given number."""

    def __init__(self, within, at=None):
        self.within, self.at, self.n_lines = str(within), at, 0
        self.entered = {}  # number of the first line that was run in a function of a name

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self._on_call)
        return self

    def __exit__(self, *error):
        sys.settrace(self.before)

    def _on_call(self, frame, event, argument):
        return self._on_line if frame.f_code.co_filename.startswith(self.within) else None

    def _on_line(self, frame, event, argument):
        if event == "line":
            self.n_lines += 1
            self.entered.setdefault(frame.f_code.co_name, self.n_lines)
            if self.n_lines == self.at:
                raise Stop
        return self._on_line
