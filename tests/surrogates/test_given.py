"""Surrogates that users bring: a known f, a module from a factory, a subclass; and their frozen form."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skmimic.exceptions import GeneratorMismatchError
from skmimic.surrogates import (
    Affine,
    Composition,
    FittedSurrogate,
    Identity,
    KnownCorruption,
    Surrogate,
    UserSurrogate,
    affine_matrix,
    resolve_surrogate,
)
from tests.helpers import Bend, GainModule, gain_module

SHAPE = (1, 8, 8)
IMAGES = 2 * torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(0)) - 1


def halve(images):
    return images / 2


def convolution(image_shape):
    return nn.Conv2d(image_shape[0], image_shape[0], 3, padding=1)


def test_known_corruption_applies_f():
    surrogate = KnownCorruption(halve)
    assert torch.equal(surrogate(IMAGES), IMAGES / 2)
    assert surrogate.describe() == {"corruption": "known", "f": "halve"}


@pytest.mark.parametrize(
    "f", [lambda x: x[:, :, 1:], lambda x: x.flatten(1), lambda x: x.numpy(), lambda x: None], ids=range(4)
)
def test_known_corruption_must_keep_the_shape(f):
    with pytest.raises(
        GeneratorMismatchError, match=r"f must return a tensor of the shape it is given, \(3, 1, 8, 8\)"
    ):
        KnownCorruption(f)(IMAGES)


@pytest.mark.parametrize("f", [3, None, "rotate", nn.Conv2d])
def test_known_corruption_must_be_callable(f):
    with pytest.raises(TypeError, match="f must be a callable of image tensors"):
        KnownCorruption(f)


def test_a_known_module_is_copied_and_frozen():
    mine = nn.Sequential(nn.Dropout(0.9), GainModule(0.5))
    surrogate = KnownCorruption(mine)
    torch.testing.assert_close(surrogate(IMAGES), IMAGES / 2)  # no dropout: eval mode
    assert not any(value.requires_grad for value in surrogate.parameters())
    assert mine.training
    assert all(value.requires_grad for value in mine.parameters())


def test_a_factory_of_modules_makes_a_surrogate():
    surrogate = resolve_surrogate(gain_module, SHAPE)
    assert isinstance(surrogate, UserSurrogate)
    assert torch.equal(surrogate(IMAGES), IMAGES)
    assert surrogate.describe() == {"gain": 1.0}


def test_a_factory_of_surrogates_is_taken_as_it_is():
    assert isinstance(resolve_surrogate(Bend, SHAPE), Bend)
    assert isinstance(resolve_surrogate(lambda shape: Affine(shape), SHAPE), Affine)


@pytest.mark.parametrize("mine", [GainModule(), Bend(SHAPE)], ids=["module", "surrogate"])
def test_a_factory_may_give_the_same_object_again_and_again(mine):
    """As the error message for bare modules recommends."""
    fresh = resolve_surrogate(lambda image_shape: mine, SHAPE)
    with torch.no_grad():
        for value in fresh.parameters():
            value += 1
    FittedSurrogate(fresh).to_torch()
    assert all(value.requires_grad for value in mine.parameters())
    assert mine.training
    assert not torch.equal(next(mine.parameters()), next(fresh.parameters()))


def test_random_weights_of_a_factory_follow_the_seed_and_leave_the_global_state():
    before = torch.get_rng_state()
    first, same, other = (resolve_surrogate(convolution, SHAPE, seed)(IMAGES) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("made", [None, 3, torch.zeros(1)], ids=str)
def test_a_factory_must_return_a_module(made):
    with pytest.raises(TypeError, match=r"factory must take the image shape and return a torch\.nn\.Module"):
        resolve_surrogate(lambda image_shape: made, SHAPE)


@pytest.mark.parametrize("surrogate", [nn.Conv2d(1, 1, 1), 3, None])
def test_what_is_no_surrogate_is_refused_with_advice(surrogate):
    with pytest.raises(TypeError, match="Wrap a module as lambda image_shape: module"):
        resolve_surrogate(surrogate, SHAPE)


def test_a_module_must_keep_the_shape():
    surrogate = resolve_surrogate(lambda image_shape: nn.Flatten(), SHAPE)
    with pytest.raises(GeneratorMismatchError, match=r"must keep the shape \(3, 1, 8, 8\)"):
        surrogate(IMAGES)


def test_a_recipe_must_build_its_own_class():
    class Child(Bend):
        """Inherits the recipe of its parent, which would silently learn the parent."""

    with pytest.raises(TypeError, match=r"recipe\(\) of Child builds a Bend. Give the class a recipe\(\) of its own"):
        resolve_surrogate(Child, SHAPE)


def test_a_surrogate_needs_forward_and_recipe():
    with pytest.raises(TypeError, match="abstract"):
        type("Unfinished", (Surrogate,), {})()


def test_a_surrogate_that_says_nothing_is_described_by_its_size():
    class Silent(Bend):
        describe = Surrogate.describe

    assert Silent(SHAPE).describe() == {"parameters": 1}


class TestFittedSurrogate:
    def learned(self):
        surrogate = Affine(SHAPE)
        with torch.no_grad():
            surrogate.theta.copy_(affine_matrix(20, 0.8))
        return surrogate

    def test_is_a_copy_of_numpy_arrays(self):
        surrogate = self.learned()
        fitted = FittedSurrogate(surrogate, "affine")
        with torch.no_grad():
            surrogate.theta.zero_()
        assert all(type(array) is np.ndarray for array in fitted.arrays.values())
        assert fitted.describe()["rotation_deg"] == pytest.approx(20, abs=1e-4)
        assert fitted.describe()["scale"] == pytest.approx((0.8, 0.8), abs=1e-4)
        assert fitted.describe()["family"] == "affine"

    def test_applies_to_arrays(self):
        surrogate = self.learned()
        applied = FittedSurrogate(surrogate).apply(IMAGES.numpy())
        assert applied.dtype == np.float32
        np.testing.assert_array_equal(applied, surrogate(IMAGES).detach().numpy())

    @pytest.mark.parametrize(
        ("factory", "shape", "cure"),
        [
            (Affine, (3, 8, 8, 1), "moveaxis"),
            (Affine, (3, 9, 9), "resize"),
            (Affine, (3, 1, 9, 9), "resize"),
            (Affine, (3, 2, 8, 8), "resize"),
            (lambda shape: Composition([Affine(shape)]), (3, 8, 8, 1), "moveaxis"),
            (lambda shape: Identity(), (3, 8, 8, 1), "moveaxis"),
            (lambda shape: Identity(), (8, 8), "Reshape"),
        ],
    )
    def test_refuses_images_that_it_was_not_learned_on(self, factory, shape, cure):
        fitted = FittedSurrogate(factory(SHAPE))
        for images in (np.zeros(shape), torch.zeros(shape)):
            with pytest.raises(ValueError, match=rf"apply: expected images of shape \(n, .*got .*{cure}"):
                fitted.apply(images)

    def test_refuses_arrays_in_other_units(self):
        with pytest.raises(ValueError, match=r"values in \[-1, 1\], got 0 to 255.*/ 127\.5 - 1"):
            FittedSurrogate(Affine(SHAPE)).apply(np.linspace(0, 255, 64).reshape(1, *SHAPE))

    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
    def test_is_frozen_in_every_mode(self, mode):
        with mode():
            module = FittedSurrogate(self.learned()).to_torch()
        assert not module.training
        assert not any(value.requires_grad for value in module.parameters())
        assert not any(value.is_inference() for value in module.parameters())

    @pytest.mark.parametrize("factory", [gain_module, Bend, convolution])
    def test_survives_pickling_with_the_users_parts(self, factory):
        surrogate = resolve_surrogate(factory, SHAPE)
        with torch.no_grad():
            for value in surrogate.parameters():
                value += 0.3
        again = pickle.loads(pickle.dumps(FittedSurrogate(surrogate)))
        np.testing.assert_array_equal(again.apply(IMAGES.numpy()), surrogate(IMAGES).detach().numpy())

    def test_short_repr(self):
        assert repr(FittedSurrogate(self.learned(), "affine")) == "FittedSurrogate(family='affine', n_values=6)"
