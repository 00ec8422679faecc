"""What a surrogate of the user's own must be, whatever the estimator."""

import numpy as np
import pytest
import torch

from skmimic import KnownCorruptionProjector, MimicGANProjector
from skmimic.exceptions import GeneratorMismatchError
from skmimic.surrogates import Surrogate
from tests.helpers import pca_generator, pictures, small

BAD = {
    "no tensor": (lambda images: images.detach().numpy(), "tensor of the shape"),
    "another shape": (lambda images: images[:, :, 1:], "shape"),
    "detached": (lambda images: 0.5 * images.detach(), "has no gradient"),
    "through numpy": (lambda images: torch.from_numpy(images.detach().numpy() * 0.5), "has no gradient"),
    "rounded": (lambda images: (4 * images).round() / 4, "gradient that is zero everywhere"),
    "constant": (lambda images: 0 * images, "gradient that is zero everywhere"),
    "statistics of the batch": (lambda images: images - images.mean(0, keepdim=True), "when others come with it"),
    "in the order of the batch": (lambda images: images.cumsum(0).flip(0), "when others come with it"),
    "random": (lambda images: images + 0.5 * torch.randn_like(images), "at a second call"),
    "in place": (lambda images: images.mul_(0.5), "changes the images"),
}


class Own(Surrogate):
    def __init__(self, name):
        super().__init__()
        self.name, self.gain = name, torch.nn.Parameter(torch.ones(1))

    def forward(self, images, deviations=None):
        return BAD[self.name][0](images)

    def recipe(self):
        return Own, {"name": self.name}


@pytest.mark.parametrize("name", BAD)
def test_a_known_corruption_is_refused_before_any_work(name):
    f, message = BAD[name]
    with pytest.raises(GeneratorMismatchError, match=message):
        KnownCorruptionProjector(pca_generator(), f=f, T=2, T2=2).fit(pictures()).transform(pictures())


@pytest.mark.parametrize("name", BAD)
def test_a_surrogate_of_the_users_own_is_refused_before_any_work(name):
    with pytest.raises(GeneratorMismatchError, match=f"Own.*{BAD[name][1]}"):
        small(MimicGANProjector, surrogate=Own(name)).fit(pictures())


def test_good_ones_pass():
    def f(images):
        return (0.5 * images.roll(1, -1) ** 2 - images.mean((1, 2, 3), keepdim=True)).clamp(-1, 1)

    model = KnownCorruptionProjector(pca_generator(), f=f, T=2, T2=2).fit(pictures())
    assert np.isfinite(model.transform(pictures())).all()
