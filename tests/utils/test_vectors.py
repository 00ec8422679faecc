"""A value has the same bits wherever it stands in a tensor, and however long that is, its gradient too."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from skmimic.utils import in_whole_vectors

LENGTHS = (1, 4, 28, 31, 63, 1008, 2520)
FUNCTIONS = {
    **{name: getattr(nn, name)() for name in ("Sigmoid", "ELU", "SELU", "CELU", "SiLU", "Mish", "Softplus")},
    **{name: getattr(nn, name)() for name in ("Tanh", "GELU", "LogSigmoid", "Hardswish", "LeakyReLU", "Softsign")},
    "GELU by tanh": nn.GELU("tanh"),
    "SiLU in place": lambda x: nn.SiLU(inplace=True)(x + 0),
    "by keyword": lambda x: torch.sigmoid(input=x),
    "method": lambda x: x.sigmoid(),
    "expit": torch.special.expit,
    "power": lambda x: (x.abs() + 0.1) ** 1.3,
    "power of a number": lambda x: 1.3**x,
    "torch.pow": lambda x: torch.pow(2.0, x),
    "exp and log": lambda x: torch.log1p(x.abs()).exp(),
}


def value_and_gradient(function, x):
    x = x.clone().requires_grad_()
    value = in_whole_vectors(function)(x)
    return value.detach(), torch.autograd.grad((value * value.detach()).sum(), x)[0]


@pytest.fixture(scope="module")
def numbers():
    return 2 * torch.randn(80_000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_do_not_depend_on_the_place(name, numbers):
    expected = value_and_gradient(FUNCTIONS[name], numbers)
    for n in LENGTHS:
        parts = [value_and_gradient(FUNCTIONS[name], part) for part in numbers[: 10 * n].split(n)]
        for found, whole in zip(zip(*parts, strict=True), expected, strict=True):
            assert torch.equal(torch.cat(found), whole[: 10 * n])


@pytest.mark.parametrize("n_threads", [2, 3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_do_not_depend_on_threads(name, n_threads, numbers):
    before, odd = torch.get_num_threads(), numbers[:-1]
    torch.set_num_threads(1)
    try:
        expected = value_and_gradient(FUNCTIONS[name], odd)
        torch.set_num_threads(n_threads)
        for found, wanted in zip(value_and_gradient(FUNCTIONS[name], odd), expected, strict=True):
            assert torch.equal(found, wanted)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_computes_the_same(name, numbers):
    x = numbers[:2520].view(3, 4, 14, 15).transpose(1, 2)  # not contiguous
    torch.testing.assert_close(in_whole_vectors(FUNCTIONS[name])(x), FUNCTIONS[name](x))


def test_works_in_place_where_asked():
    x, expected = torch.linspace(-3, 3, 45), F.silu(torch.linspace(-3, 3, 45))
    assert in_whole_vectors(F.silu)(x, inplace=True) is x
    torch.testing.assert_close(x, expected)


def test_powers_of_two_tensors_and_empty_tensors_pass():
    assert in_whole_vectors(torch.pow)(torch.tensor(3.0), torch.tensor(2.0)) == 9
    assert in_whole_vectors(torch.sigmoid)(torch.ones(0, 3)).shape == (0, 3)
