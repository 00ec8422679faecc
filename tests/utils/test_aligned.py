"""Rows of matrix products give the same bits wherever they stand and however many they are, whatever the widths."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skmimic.utils import align_layers, aligned_linear, squared_distances

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(100, 8192), (784, 300), (3072, 64), (1030, 10)])
def test_rows_and_their_gradients_do_not_depend_on_their_number_nor_on_threads(sizes, dtype):
    n_in, n_out = sizes
    x, weight = normal(256, n_in, dtype=dtype), normal(n_out, n_in, seed=1, dtype=dtype)

    def values_and_gradient(x):
        x = x.clone().requires_grad_()
        values = aligned_linear(x, weight)
        return values.detach(), torch.autograd.grad(values.square().sum(), x)[0]

    expected, n_threads = values_and_gradient(x), torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            for n_rows in (4, 8, 16, 100):
                found = values_and_gradient(x[-n_rows:])
                assert all(
                    torch.equal(part, all_rows[-n_rows:]) for part, all_rows in zip(found, expected, strict=True)
                )
        finally:
            torch.set_num_threads(n_threads)


def test_gradients_of_any_order_and_of_weights():
    x, weight, bias = (normal(*shape, dtype=torch.float64).requires_grad_() for shape in ((3, 150), (2, 150), (2,)))
    assert torch.autograd.gradcheck(aligned_linear, (x, weight, bias))
    assert torch.autograd.gradgradcheck(aligned_linear, (x, weight, bias))


def test_distances_are_euclidean():
    rows, others = normal(5, 300), normal(40, 300, seed=1)
    torch.testing.assert_close(squared_distances(rows, others).sqrt(), torch.cdist(rows, others))


def test_layers_keep_their_state_and_no_others_change():
    module = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 3, bias=False), nn.Conv2d(1, 1, 1))
    before = copy.deepcopy(module.state_dict())
    assert align_layers(module) is module
    assert all(isinstance(layer, nn.Linear) and type(layer) is not nn.Linear for layer in module[:2])
    assert type(module[2]) is nn.Conv2d
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())
