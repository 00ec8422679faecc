"""Rows of matrix products give the same bits wherever they stand, whatever the widths."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skmimic.utils import align_layers, aligned_linear

WIDTHS = st.integers(1, 40)


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(WIDTHS, WIDTHS, st.booleans())
def test_gives_what_linear_gives(n_in, n_out, with_bias):
    x, weight = normal(6, n_in, dtype=torch.float64), normal(n_out, n_in, seed=1, dtype=torch.float64)
    bias = normal(n_out, seed=2, dtype=torch.float64) if with_bias else None
    torch.testing.assert_close(aligned_linear(x, weight, bias), nn.functional.linear(x, weight, bias))


@given(WIDTHS, WIDTHS, st.permutations(range(16)), st.sampled_from([torch.float32, torch.float64]))
def test_rows_and_their_gradients_do_not_depend_on_their_place(n_in, n_out, order, dtype):
    x, weight = normal(16, n_in, dtype=dtype), normal(n_out, n_in, seed=1, dtype=dtype)

    def values_and_gradient(x):
        x = x.clone().requires_grad_()
        values = aligned_linear(x, weight)
        return values.detach(), torch.autograd.grad(values.square().sum(), x)[0]

    for here, there in zip(values_and_gradient(x), values_and_gradient(x[list(order)]), strict=True):
        assert torch.equal(here[list(order)], there)


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 3, 5)])
def test_takes_any_leading_shape(shape):
    layer = nn.Linear(5, 3)
    expected = layer(normal(*shape))
    torch.testing.assert_close(align_layers(copy.deepcopy(layer))(normal(*shape)), expected)


def test_layers_keep_their_state_and_only_odd_ones_change():
    module = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 3, bias=False), nn.Conv2d(1, 1, 1))
    before = copy.deepcopy(module.state_dict())
    assert align_layers(module) is module
    assert type(module[0]) is nn.Linear
    assert isinstance(module[1], nn.Linear)
    assert type(module[1]) is not nn.Linear
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())
