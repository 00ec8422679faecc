"""Operations are counted, not timed."""

import pytest
import torch
from torch import nn

from skmimic import Generator
from skmimic.generators._operations import count_operations


def counted(module, *shape):
    z = torch.zeros(3, *shape)
    return count_operations(module, lambda: module(z))


def test_a_linear_layer_uses_each_weight_once():
    assert counted(nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)), 5) == 2 * (35 + 14)


def test_a_convolution_uses_each_weight_at_each_place():
    assert counted(nn.Conv2d(2, 3, 3, padding=1), 2, 8, 6) == 2 * (2 * 3 * 9) * 48
    assert counted(nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), 2, 8, 6) == 2 * (2 * 3 * 16) * 48


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 12 * 12))

    def forward(self, z):
        return torch.tanh(z @ self.weight).view(-1, 1, 12, 12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit itself
def test_weights_without_a_layer_count_once_in_any_program():
    assert counted(Bare(), 4) == 2 * 4 * 144
    assert counted(torch.jit.script(Bare()), 4) == 2 * 4 * 144


def test_no_hook_stays():
    module = nn.Linear(2, 2)
    counted(module, 2)
    assert not module._forward_hooks


def test_a_loaded_generator_knows_its_operations():
    decoder = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 1, 3, padding=1), nn.Tanh())
    assert Generator(decoder).on("cpu").n_operations == 2 * (4 * 64 + 9 * 64)
