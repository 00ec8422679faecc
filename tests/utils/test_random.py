"""Randomness enters as `random_state` and leaves the global state alone."""

import numpy as np
import pytest
import torch

from skmimic.utils import torch_generator


@pytest.mark.parametrize("make", [lambda: 7, lambda: np.random.RandomState(7)])
def test_the_same_state_gives_the_same_stream(make):
    first, second = (torch.rand(5, generator=torch_generator(make())) for _ in range(2))
    assert torch.equal(first, second)


def test_other_seeds_give_other_streams():
    assert not torch.equal(*(torch.rand(5, generator=torch_generator(seed)) for seed in (0, 1)))


def test_a_shared_state_moves_on():
    state = np.random.RandomState(0)
    assert not torch.equal(*(torch.rand(5, generator=torch_generator(state)) for _ in range(2)))


def test_torch_global_state_is_untouched():
    before = torch.get_rng_state()
    torch.rand(5, generator=torch_generator(0))
    assert torch.equal(before, torch.get_rng_state())


def test_what_is_no_random_state_is_refused():
    with pytest.raises(ValueError, match="cannot be used to seed"):
        torch_generator("seed")
