"""Laws of the perceptual loss: pixel loss plus the weighted distance of features, row by row."""

import copy
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from skmimic.exceptions import GeneratorMismatchError, MissingExtraError
from skmimic.losses import LOSSES, Perceptual, l1, resnet50_features
from skmimic.losses._resnet import FILES, has_resnet50

PIXELS = hnp.arrays(np.float32, (3, 1, 4, 4), elements=st.floats(-1, 1, width=32))


def edges(images):
    return images.diff(dim=3)


class Sees(nn.Module):
    """Counts the batches that it sees."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 3)
        self.seen = []

    def forward(self, images):
        self.seen.append(len(images))
        return self.layer(images)


@pytest.mark.parametrize("pixel_loss", sorted(LOSSES))
@given(PIXELS, PIXELS, st.floats(0, 10))
def test_adds_the_weighted_norm_of_the_features(pixel_loss, first, second, weight):
    first, second = torch.tensor(first), torch.tensor(second)
    found = Perceptual(edges, weight, pixel_loss)(first, second)
    norm = (edges(first) - edges(second)).flatten(1).norm(dim=1)
    torch.testing.assert_close(found, LOSSES[pixel_loss](first, second) + weight * norm, atol=1e-4, rtol=1e-4)


@given(PIXELS, PIXELS)
def test_no_features_are_the_pixels(first, second):
    first, second = torch.tensor(first), torch.tensor(second)
    expected = l1(first, second) + 2 * (first - second).flatten(1).norm(dim=1)
    torch.testing.assert_close(Perceptual(None, 2.0, "l1")(first, second), expected, atol=1e-4, rtol=1e-4)


def test_rows_are_their_own():
    loss = Perceptual(edges, 1.0)
    first, second = torch.rand(5, 1, 4, 4), torch.rand(5, 1, 4, 4)
    torch.testing.assert_close(loss(first, second)[2:3], loss(first[2:3], second[2:3]))
    torch.testing.assert_close(loss(first, second), loss(second, first))


def test_equal_images_cost_nothing_and_have_finite_gradients():
    images = torch.zeros(3, 1, 4, 4, requires_grad=True)
    values = Perceptual(edges, 1.0)(images, torch.zeros(3, 1, 4, 4))
    (gradient,) = torch.autograd.grad(values.sum(), images)
    assert values.max() < 1e-5
    assert torch.isfinite(gradient).all()


def test_weight_zero_never_asks_the_features():
    def never(images):
        raise AssertionError

    first, second = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    assert torch.equal(Perceptual(never, 0, "l1")(first, second), l1(first, second))
    assert Perceptual(never, 0).is_of_pixels
    Perceptual(never, 0).check(first)


def test_one_feature_an_image_may_come_without_a_second_axis():
    def brightness(images):
        return images.mean((1, 2, 3))

    first, second = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    expected = l1(first, second) + (brightness(first) - brightness(second)).abs()
    torch.testing.assert_close(Perceptual(brightness, 1.0, "l1")(first, second), expected)


def test_a_module_is_copied_frozen_and_left_as_it_is():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    loss = Perceptual(module, 1.0)
    first, second = torch.rand(4, 1, 4, 4), torch.rand(4, 1, 4, 4)
    before = loss(first, second)
    with torch.no_grad():
        module[0].weight.zero_()
    assert torch.equal(loss(first, second), before)
    assert module.training
    assert module[0].weight.requires_grad
    assert int(module[1].num_batches_tracked) == 0


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
def test_copies_and_pickles_give_the_same_bits(duplicate):
    loss = Perceptual(nn.Conv2d(1, 3, 3), 0.5, "l2")
    first, second = torch.rand(4, 1, 4, 4), torch.rand(4, 1, 4, 4)
    expected = loss(first, second)
    assert torch.equal(duplicate(loss)(first, second), expected)


def test_a_pickle_holds_neither_devices_nor_remembered_features():
    loss = Perceptual(nn.Conv2d(1, 3, 3), 0.5)
    size = len(pickle.dumps(loss))
    loss(torch.rand(400, 1, 8, 8), torch.rand(400, 1, 8, 8))
    assert len(pickle.dumps(loss)) == size


def test_a_state_of_any_version_gets_a_memory_of_its_own():
    loss = Perceptual(nn.Conv2d(1, 3, 3), 0.5)
    first, second = torch.rand(4, 1, 4, 4), torch.rand(4, 1, 4, 4)
    expected, state = loss(first, second), loss.__getstate__()
    assert "_last" not in state
    for remembered in ({}, {"_last": None}):
        read = object.__new__(Perceptual)
        read.__setstate__({**state, **remembered})
        assert torch.equal(read(first, second), expected)


def test_observed_features_are_computed_once_and_never_stale():
    observed, mimicked = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    loss = Perceptual(Sees(), 1.0)
    seen = loss.features.on(torch.device("cpu")).seen
    first = loss(mimicked, observed)
    loss(mimicked, observed)
    assert len(seen) == 3
    observed += 1
    assert not torch.equal(loss(mimicked, observed), first)
    with torch.inference_mode():
        other = observed - 1
        torch.testing.assert_close(loss(mimicked, other), first)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_no_mode_of_the_caller_sticks(mode):
    with mode():
        loss = Perceptual(nn.Conv2d(1, 3, 3), 0.5)
        observed = torch.rand(3, 1, 4, 4)
        loss(observed, observed)
    observed, mimicked = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4, requires_grad=True)
    loss(mimicked, observed).sum().backward()
    assert torch.isfinite(mimicked.grad).all()


class TestBadInput:
    @pytest.mark.parametrize("features", ["vgg", 3, nn.Conv2d])
    def test_features_must_be_callable(self, features):
        with pytest.raises(TypeError, match="Perceptual: features must be a callable"):
            Perceptual(features)

    @pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf"), "1"])
    def test_weight_must_not_be_negative(self, weight):
        with pytest.raises(ValueError, match="Perceptual: weight must be a finite number of at least 0"):
            Perceptual(None, weight)

    def test_pixel_loss_must_be_known(self):
        with pytest.raises(ValueError, match="loss='huber' is unknown"):
            Perceptual(None, 1.0, "huber")

    @pytest.mark.parametrize("features", [lambda x: x.sum(), lambda x: x[:1], lambda x: x.detach().numpy()])
    def test_features_need_a_row_for_each_image(self, features):
        with pytest.raises(GeneratorMismatchError, match="one row for each of the 4 images, got"):
            Perceptual(features).check(torch.zeros(4, 1, 4, 4))

    def test_features_must_take_the_images(self):
        with pytest.raises(GeneratorMismatchError, match=r"do not accept images of shape \(1, 4, 4\)"):
            Perceptual(nn.Conv2d(3, 2, 3)).check(torch.zeros(4, 1, 4, 4))

    def test_features_must_be_differentiable_and_finite(self):
        with pytest.raises(ValueError, match="must be differentiable"):
            Perceptual(lambda x: x.detach()).check(torch.zeros(4, 1, 4, 4))
        with pytest.raises(ValueError, match="must be finite"):
            Perceptual(lambda x: x.log()).check(torch.zeros(4, 1, 4, 4))


class TestResNet:
    """With a stand-in for torchvision: its weights are never fetched, so the tests have none."""

    @pytest.fixture
    def hub(self, tmp_path, monkeypatch):
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        (tmp_path / "checkpoints").mkdir()
        return tmp_path / "checkpoints"

    @pytest.fixture
    def torchvision(self, monkeypatch):
        models = types.ModuleType("torchvision.models")
        models.resnet50 = self.small_network
        monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
        monkeypatch.setitem(sys.modules, "torchvision.models", models)

    @staticmethod
    def small_network(weights=None):
        network = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.BatchNorm1d(48))
        network.add_module("fc", nn.Linear(48, 10))
        return network

    def test_says_what_is_missing(self, hub, monkeypatch):
        monkeypatch.setitem(sys.modules, "torchvision", None)
        monkeypatch.setitem(sys.modules, "torchvision.models", None)
        with pytest.raises(MissingExtraError, match=r"needs torchvision.*skmimic\[metrics\]"):
            resnet50_features()
        assert not has_resnet50()
        (hub / FILES[0]).touch()
        assert not has_resnet50()

    def test_names_the_place_where_weights_should_be(self, hub, torchvision):
        assert not has_resnet50()
        with pytest.raises(FileNotFoundError, match="downloads nothing") as caught:
            resnet50_features()
        assert str(hub) in str(caught.value)

    def test_prepares_grey_and_colour_as_imagenet(self, hub, torchvision):
        own = self.small_network().eval()
        torch.save(own.state_dict(), hub / FILES[1])
        assert has_resnet50()
        before = torch.get_rng_state()
        features = resnet50_features()
        assert torch.equal(torch.get_rng_state(), before)
        grey = torch.full((4, 1, 8, 8), 0.5)
        assert features(grey).shape == (4, 48)
        torch.testing.assert_close(features(grey), features(grey.expand(4, 3, 8, 8)))
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        flat = ((0.75 - mean) / deviation).repeat_interleave(16)
        torch.testing.assert_close(features(grey)[0], own[2](flat[None])[0].detach(), atol=1e-4, rtol=1e-4)
        with pytest.raises(GeneratorMismatchError, match="2 channels"):
            features(torch.zeros(4, 2, 8, 8))

    def test_a_torchvision_that_does_not_load_is_as_good_as_none(self, hub, monkeypatch):
        (hub / FILES[0]).touch()

        def broken(*args, **keywords):
            raise RuntimeError("operator torchvision::nms does not exist")

        monkeypatch.setattr("skmimic.losses._resnet.import_extra", broken)
        assert not has_resnet50()
        with pytest.raises(MissingExtraError, match="does not load here"):
            resnet50_features()
