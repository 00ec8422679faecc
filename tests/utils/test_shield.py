"""Inside the shield torch makes what it makes in a fresh process; outside, and in other threads, nothing changes."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from skmimic.utils import shielded

INTEGERS = torch.arange(6)
DOUBLES = torch.linspace(0, 1, 4, dtype=torch.float64)
MAKERS = [
    lambda: torch.zeros(3),
    lambda: torch.empty(2, 2).fill_(0.1),
    lambda: torch.linspace(-1, 1, 7),
    lambda: torch.eye(3),
    lambda: torch.hann_window(5),
    lambda: torch.tensor(0.1),
    lambda: torch.tensor([[1, 0.25], [3, 4]]),
    lambda: torch.tensor([1, 2]),
    lambda: torch.tensor(True),
    lambda: torch.tensor(np.float64(0.1)),
    lambda: torch.tensor([np.float64(0.1)]),
    lambda: torch.tensor(np.ones(2)),
    lambda: torch.as_tensor([0.5, 0.1]),
    lambda: torch.as_tensor(np.ones(2)),
    lambda: torch.from_numpy(np.ones(2)),
    lambda: torch.full((2,), 0.3),
    lambda: torch.full((2,), 3),
    lambda: torch.full((2,), np.float64(0.3)),
    lambda: torch.arange(4),
    lambda: torch.arange(0, 1, 0.3),
    lambda: torch.zeros(3, dtype=torch.float64),
    lambda: torch.rand(5, generator=torch.Generator().manual_seed(0)),
    lambda: torch.normal(0.0, 1.0, (5,), generator=torch.Generator().manual_seed(0)),
    lambda: INTEGERS / 7,
    lambda: INTEGERS * 0.1,
    lambda: 1 / (INTEGERS + 1),
    lambda: INTEGERS.double() / 7,
    lambda: INTEGERS.to(torch.float64) / 7,
    lambda: INTEGERS.float() / 7,
    lambda: INTEGERS.type_as(DOUBLES) / 7,
    lambda: DOUBLES * 0.1,
    lambda: DOUBLES + INTEGERS[:4],
    lambda: torch.stack([torch.ones(2), torch.zeros(2)]),
    lambda: nn.Linear(2, 3).weight.detach() * 0,
    lambda: torch.ones(2, 2) @ torch.ones(2, 2),
]


@pytest.fixture(params=[torch.float64, torch.bfloat16, torch.float32], ids=str)
def default_dtype(request):
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(before)


def is_same(one, other):
    return one.dtype == other.dtype and one.device == other.device and torch.equal(one, other)


class Zeros(nn.Module):
    def forward(self, x):
        return torch.zeros(x.shape)


EXPECTED = [make() for make in MAKERS]


@pytest.mark.parametrize(("make", "expected"), [*zip(MAKERS, EXPECTED, strict=True)])
def test_tensors_are_those_of_a_fresh_process(make, expected, default_dtype):
    with torch.device("meta"), torch.autocast("cpu", torch.bfloat16), torch.inference_mode(), shielded():
        assert is_same(make(), expected)
        assert not make().is_inference()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit itself
def test_what_torch_shows_to_no_mode_sees_the_default_type_as_docs_say(default_dtype):
    scripted = torch.jit.script(Zeros())
    with shielded():
        made = scripted(torch.ones(2)), torch.Tensor(2), torch.zeros(2, dtype=torch.get_default_dtype())
    assert {tensor.dtype for tensor in made} == {default_dtype}


def test_the_settings_of_the_caller_come_back_after_an_error_too(default_dtype):
    @shielded()
    def fail():
        raise KeyboardInterrupt

    with torch.device("meta"), torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        with pytest.raises(KeyboardInterrupt):
            fail()
        assert torch.zeros(2).device.type == "meta"
        assert torch.zeros(2).dtype == torch.get_default_dtype() == default_dtype
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_inference_mode_enabled()


def test_no_other_thread_notices(default_dtype):
    seen = {}

    def look():
        seen.update(dtype=torch.zeros(2).dtype, default=torch.get_default_dtype())

    with shielded():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == {"dtype": default_dtype, "default": default_dtype}


def test_whether_gradients_are_recorded_is_left_to_the_inside():
    with torch.no_grad(), shielded():
        assert not torch.is_grad_enabled()
    with shielded(), torch.no_grad():
        assert not torch.is_grad_enabled()
