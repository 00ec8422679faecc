"""Blocks of one size for networks of which nothing is known."""

import pytest
import torch
from torch import nn

from skmimic.utils import has_bare_weights, in_blocks


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))

    def forward(self, x):
        return x @ self.weight


class Scaled(nn.Sequential):
    def __init__(self, *layers):
        super().__init__(*layers)
        self.gain = nn.Parameter(torch.ones(3))


@pytest.mark.parametrize("n_rows", [1, 15, 16, 17, 40])
def test_all_calls_have_one_shape_and_all_rows_come_back(n_rows):
    sizes, rows = [], torch.arange(2.0 * n_rows).view(n_rows, 2).requires_grad_()

    def doubled(part):
        sizes.append(len(part))
        return 2 * part

    found = in_blocks(doubled, rows)
    assert set(sizes) == {16}
    assert torch.equal(found, 2 * rows)
    (gradient,) = torch.autograd.grad(found.sum(), rows)
    assert (gradient == 2).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit itself
def test_weights_outside_of_layers_are_seen():
    layers = nn.Sequential(nn.Linear(3, 3), nn.Unflatten(1, (1, 1, 3)), nn.Conv2d(1, 1, 1))
    assert not has_bare_weights(layers)
    assert not has_bare_weights(Scaled(layers))
    assert has_bare_weights(nn.Sequential(layers, Bare()))
    assert has_bare_weights(torch.jit.script(Bare()))
