"""Folded transposed convolutions give what the library's give, and the same bits for a row wherever it stands."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skmimic.utils import fold_convolutions


def layer_of(n_in=6, n_out=1, seed=0, **keywords):
    torch.manual_seed(seed)
    return nn.ConvTranspose2d(n_in, n_out, **{"kernel_size": 4, "stride": 2, "padding": 1, **keywords})


def folded(layer):
    return fold_convolutions(copy.deepcopy(layer))


def maps(n=5, channels=6, height=4, width=4):
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(1))


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2), st.booleans(), st.integers(2, 5))
def test_gives_what_the_library_gives(n_out, kernel, stride, padding, with_bias, height):
    padding = min(padding, (kernel - 1) // 2)
    layer = layer_of(n_out=n_out, kernel_size=kernel, stride=stride, padding=padding, bias=with_bias)
    x = maps(height=height)
    with torch.no_grad():
        torch.testing.assert_close(folded(layer)(x), layer(x), rtol=1e-4, atol=1e-5)


def test_gives_the_same_gradients():
    layer = layer_of(n_out=3)
    values = []
    for one in (layer, folded(layer)):
        x = maps().requires_grad_()
        values.append(torch.autograd.grad(one(x).square().sum(), x)[0])
    torch.testing.assert_close(*values, rtol=1e-4, atol=1e-4)


@given(st.permutations(range(16)), st.integers(1, 9), st.integers(1, 4), st.integers(2, 5))
def test_rows_and_their_gradients_do_not_depend_on_their_place(order, channels, n_out, side):
    layer, order = folded(layer_of(channels, n_out)), list(order)

    def values_and_gradient(x):
        x = x.clone().requires_grad_()
        values = layer(x)
        return values.detach(), torch.autograd.grad(values.square().sum(), x)[0]

    x = maps(16, channels, side, side)
    for here, there in zip(values_and_gradient(x), values_and_gradient(x[order]), strict=True):
        assert torch.equal(here[order], there)


@pytest.mark.parametrize(
    "keywords", [{"n_out": 5}, {"dilation": 2}, {"output_padding": 1}, {"n_in": 4, "n_out": 2, "groups": 2}]
)
def test_leaves_other_layers_alone(keywords):
    assert type(folded(layer_of(**keywords))) is nn.ConvTranspose2d


def test_takes_what_the_library_takes():
    layer = layer_of()
    assert torch.equal(folded(layer)(maps()[0]), layer(maps()[0]))
    assert torch.equal(folded(layer)(maps(), output_size=[9, 9]), layer(maps(), output_size=[9, 9]))
    with torch.autocast("cpu", torch.bfloat16):
        assert folded(layer)(maps()).dtype == layer(maps()).dtype


def test_keeps_the_state_and_the_module():
    module = nn.Sequential(layer_of(), nn.Tanh())
    before = copy.deepcopy(module.state_dict())
    assert fold_convolutions(module) is module
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())
