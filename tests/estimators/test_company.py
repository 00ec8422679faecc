"""A row gives the same bits in any company: any subset, order and repetition, whatever the number of rows, and threads.

Chunks have the sizes of a ladder, so rows are worked on in other numbers each time. Over generators of every kind.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from skmimic import Generator, MimicAnomalyDetector, MimicGANProjector, PGDProjector, load_gan
from skmimic.engine._encoder import Encoder, FittedEncoder
from skmimic.engine._quasi_newton import TOGETHER
from skmimic.generators import as_generator
from skmimic.generators.architectures import DCGANGenerator, DenseGenerator
from skmimic.surrogates import MissingPixels
from tests.helpers import SmoothDecoder

MODELS = Path(__file__).parents[2] / "benchmarks" / "models"
N_ROWS, BATCH = 44, 32
SIZES = (1, 3, 5, 9, 17, 40)
FEW = {"T": 1, "T2": 9, "batch_size": BATCH, "random_state": 0}
LEARNED = ("affine", "convolution", "mask", "photometric", "blur", "affine+convolution+mask")


def dcgan(image_shape, width, latent_dim=12):
    return Generator(_seeded(DCGANGenerator, latent_dim, image_shape, width), data_range=(-1, 1))


def dense(latent_dim, n_hidden, image_shape):
    n_values = int(np.prod(image_shape))
    layers = [_seeded(nn.Linear, latent_dim, n_hidden), nn.ReLU(), _seeded(nn.Linear, n_hidden, n_values), nn.Tanh()]
    return Generator(nn.Sequential(*layers, nn.Unflatten(1, image_shape)), data_range=(-1, 1))


def smooth(image_shape):
    """Of sigmoids, whose values at the end of a tensor torch computes by another formula."""
    sizes = [(5, 33), (33, 35), (35, int(np.prod(image_shape)))]
    first, second, last = (_seeded(nn.Linear, *size) for size in sizes)
    layers = [first, nn.SiLU(), second, nn.ELU(), last]
    return Generator(nn.Sequential(*layers, nn.Sigmoid(), nn.Unflatten(1, image_shape)), data_range=(0, 1))


def linear(image_shape):
    rows = np.random.default_rng(0).normal(size=(60, int(np.prod(image_shape)))) / 4
    return as_generator(PCA(9, random_state=0).fit(rows), image_shape=image_shape)


def _seeded(make, *arguments):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*arguments)


GENERATORS = {
    "bundled 16x16": lambda: load_gan("mnist16"),
    "bundled 28x28": lambda: load_gan("mnist"),
    "faces 64x64": lambda: Generator.load(MODELS / "celeba64_0.safetensors"),
    "dcgan 16x16": lambda: dcgan((1, 16, 16), 8),
    "dcgan 28x28, odd width": lambda: dcgan((1, 28, 28), 13, 100),
    "dcgan, colour": lambda: dcgan((3, 32, 32), 16, 128),
    "dcgan, oblong": lambda: dcgan((1, 12, 40), 8),
    "dcgan, odd sides": lambda: dcgan((3, 17, 23), 8, 7),
    "dense, many hidden": lambda: dense(64, 1024, (3, 20, 20)),
    "dense, odd": lambda: dense(7, 100, (1, 27, 29)),
    "vae": lambda: Generator(_seeded(DenseGenerator, 10, (1, 16, 16), 128), data_range=(-1, 1)),
    "sigmoids, odd": lambda: smooth((1, 7, 9)),
    "linear": lambda: linear((1, 13, 17)),
    "encoder of its own": lambda: Generator.load(MODELS / "bigan28_0.safetensors"),
    "weights of its own": lambda: Generator(SmoothDecoder(image_shape=(3, 48, 24))),
    "weights of its own, odd": lambda: Generator(SmoothDecoder(image_shape=(1, 7, 9))),
}
ALL = list(GENERATORS)
SMALL = ["dcgan 16x16", "dense, odd"]
CASES = [
    *(("pgd", name, "identity") for name in ALL),
    *(("projector", name, surrogate) for name in SMALL for surrogate in LEARNED),
    *(("missing", name, "missing") for name in SMALL),
    *(("encoder", name, "affine") for name in SMALL),
    *(("detector", name, "photometric") for name in SMALL),
    ("projector", "linear", "affine"),
    ("projector", "encoder of its own", "affine+photometric"),
]
IDS = [", ".join(case) for case in CASES]


@cache
def generator(name):
    return GENERATORS[name]()


@cache
def rows(name):
    gan = generator(name)
    images = gan.sample(N_ROWS, random_state=1).reshape(N_ROWS, -1)
    low, high = gan.data_range
    noise = np.random.default_rng(2).normal(0, 0.02 * (high - low), images.shape)
    return np.clip(images + noise, low, high).astype(np.float32)


@cache
def fitted(kind, name, surrogate):
    gan, X = generator(name), rows(name)
    few = {**FEW, "data_range": tuple(gan.data_range)}
    if kind == "pgd":
        return PGDProjector(gan, **few).fit(X)
    more = {**few, "T1": 2, "surrogate": surrogate}
    if kind == "detector":
        return MimicAnomalyDetector(gan, score_by="residual", **more).fit(X)
    if kind == "missing":
        more["surrogate"] = MissingPixels(gan.image_shape, fraction=0.3)
    model = MimicGANProjector(gan, **more).fit(X)
    return with_encoder(model) if kind == "encoder" else model


def with_encoder(model):
    """Let rows start from an encoder; an untrained one has bits, too."""
    gan = model.generator_
    encoder = Encoder(gan.image_shape, gan.latent_dim, gan.prior, False, torch.Generator().manual_seed(0))
    model._adaptation = replace(model._adaptation, encoder=FittedEncoder(encoder, gan.image_shape, False))
    return model


def answers(model, X):
    if isinstance(model, MimicAnomalyDetector):
        return [model.score_samples(X)]
    return [model.encode(X), model.transform(X)]


@cache
def expected(*case):
    return answers(fitted(*case), rows(case[1]))


def check(case, n_rows, seed):
    random = np.random.default_rng([seed, n_rows])
    chosen = random.integers(N_ROWS, size=n_rows)  # any order, any repetition
    for found, whole in zip(answers(fitted(*case), rows(case[1])[chosen]), expected(*case), strict=True):
        np.testing.assert_array_equal(found, whole[chosen])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_any_subset_gives_the_same_bits(case):
    index = CASES.index(case)
    for place in (index, index + 3):
        check(case, SIZES[place % len(SIZES)], index)


@pytest.mark.parametrize("is_rough", [False, True])
def test_chunks_too_large_for_joined_walks_give_the_bits_of_single_rows(is_rough, monkeypatch):
    """Above `TOGETHER` rows every start walks in evaluations of its own; with a trial, and with a rough twin."""
    assert TOGETHER < 130
    monkeypatch.setattr("skmimic.generators._loaded.has_fast_bfloat16", lambda device: is_rough)
    gan = dcgan((1, 16, 16), 8)  # of its own: the twin stays with the handle
    assert (gan.on("cpu").rough is not None) == is_rough
    X = gan.sample(130, random_state=1).reshape(130, -1) * np.float32(0.9)
    model = PGDProjector(gan, **{**FEW, "T2": 36, "batch_size": 256}, data_range=(-1, 1)).fit(X)
    everyone = model.encode(X)
    for chosen in ([0], [129], [77], [64, 3], range(31), range(40, 80)):
        np.testing.assert_array_equal(model.encode(X[list(chosen)]), everyone[list(chosen)])


@pytest.mark.slow
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_many_subsets_give_the_same_bits(case, n_threads):
    before = torch.get_num_threads()
    expected(*case)
    torch.set_num_threads(n_threads)
    try:
        for seed in range(4):
            for n_rows in SIZES:
                check(case, n_rows, seed)
    finally:
        torch.set_num_threads(before)
