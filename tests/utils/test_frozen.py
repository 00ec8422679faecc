"""A frozen module computes as the module in eval mode, pickles as numpy and shares nothing with it."""

import copy
import pickle
import threading

import pytest
import torch
from torch import nn

from skmimic.utils import FrozenModule


def network():
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(108, 5))


IMAGES = torch.linspace(-1, 1, 4 * 64).reshape(4, 1, 8, 8)


def test_computes_what_the_module_computes_in_eval_mode():
    module = network().train()
    frozen = FrozenModule(module)
    assert module.training
    torch.testing.assert_close(frozen(IMAGES), module.eval()(IMAGES).detach())


def test_shares_nothing_with_the_module():
    module = network()
    frozen = FrozenModule(module)
    before = frozen(IMAGES)
    with torch.no_grad():
        module[0].weight.zero_()
    assert torch.equal(frozen(IMAGES), before)


def test_gives_gradients_of_images_only():
    frozen, images = FrozenModule(network()), IMAGES.clone().requires_grad_()
    frozen(images).sum().backward()
    assert images.grad.abs().sum() > 0
    assert not any(values.requires_grad for values in frozen.on(torch.device("cpu")).parameters())


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda frozen: pickle.loads(pickle.dumps(frozen))])
def test_copies_compute_the_same_bits(duplicate):
    frozen = FrozenModule(network())
    assert torch.equal(duplicate(frozen)(IMAGES), frozen(IMAGES))


def test_a_device_is_served_once_whatever_the_thread():
    frozen, found = FrozenModule(network()), []
    threads = [threading.Thread(target=lambda: found.append(frozen.on(torch.device("cpu")))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(module) for module in found}) == 1


def test_half_precision_computes_in_single():
    assert FrozenModule(network().half())(IMAGES.half()).dtype == torch.float32


def test_what_cannot_be_copied_is_told():
    module = network()
    module.lock = threading.Lock()
    with pytest.raises(TypeError, match="Sequential cannot be copied"):
        FrozenModule(module)


@pytest.mark.gpu
def test_follows_the_images_to_the_device():
    frozen = FrozenModule(network())
    torch.testing.assert_close(frozen(IMAGES.cuda()).cpu(), frozen(IMAGES), atol=1e-3, rtol=1e-3)
