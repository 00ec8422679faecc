"""RowRunner: one chunk shape, the same bits for a row whatever stands beside it, back-off when memory runs out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.utils import RowRunner

torch_generator = torch.Generator().manual_seed(0)
ROWS = torch.randn(37, 20, generator=torch_generator)
WEIGHT = torch.randn(20, 30, generator=torch_generator)


def network(rows):
    return torch.tanh(rows @ WEIGHT)


class Memory:
    """A function that runs out of memory above some chunk size, and notes the chunks it sees."""

    def __init__(self, limit, error):
        self.limit, self.error, self.sizes = limit, error, []

    def __call__(self, rows):
        self.sizes.append(len(rows))
        if len(rows) > self.limit:
            raise self.error
        return network(rows)


@given(st.integers(1, 50), st.integers(1, 37))
def test_every_chunk_has_one_shape_and_all_rows_come_back(batch_size, n):
    memory = Memory(1000, None)
    result = RowRunner(batch_size)(memory, ROWS[:n])
    assert set(memory.sizes) == {max(batch_size, 4)}
    torch.testing.assert_close(result, network(ROWS[:n]))


@given(st.randoms(use_true_random=False), st.integers(4, 16))
def test_permuted_rows_give_permuted_bits(random, batch_size):
    order = list(range(len(ROWS)))
    random.shuffle(order)
    run = RowRunner(batch_size)
    assert torch.equal(run(network, ROWS[order]), run(network, ROWS)[order])


@given(st.lists(st.integers(0, 36), min_size=1, max_size=40), st.integers(4, 16))
def test_any_selection_of_rows_gives_the_same_bits(selection, batch_size):
    run = RowRunner(batch_size)
    assert torch.equal(run(network, ROWS[selection]), run(network, ROWS)[selection])


def test_several_tensors_stay_aligned_and_tuples_are_joined():
    index = torch.arange(37)
    total, rows, same = RowRunner(8)(lambda a, i: (a.sum(1) + i, a, i), ROWS, index)
    torch.testing.assert_close(total, ROWS.sum(1) + index)
    assert torch.equal(rows, ROWS)
    assert torch.equal(same, index)


def test_no_rows_give_no_rows():
    assert RowRunner(8)(network, ROWS[:0]).shape == (0, 30)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried to ..."),
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
    ],
)
def test_halves_the_chunk_until_it_fits_and_remembers(error):
    run, memory = RowRunner(64), Memory(17, error)
    result = run(memory, ROWS)
    assert memory.sizes == [64, 32, 16, 16, 16]
    assert run.batch_size == 16
    assert torch.equal(result, RowRunner(16)(network, ROWS))


def test_memory_that_runs_out_half_way_leaves_no_mixture_of_chunk_shapes():
    calls = []

    def fails_once(rows):
        calls.append(len(rows))
        if len(calls) == 3:
            raise MemoryError
        return network(rows)

    result = RowRunner(12)(fails_once, ROWS)
    assert calls == [12, 12, 12, *[6] * 7]
    assert torch.equal(result, RowRunner(6)(network, ROWS))


def test_gives_up_at_the_smallest_chunk():
    memory = Memory(2, MemoryError("too much"))
    with pytest.raises(MemoryError, match="too much"):
        RowRunner(16)(memory, ROWS)
    assert memory.sizes == [16, 8, 4]


def test_other_errors_pass_at_once():
    memory = Memory(2, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        RowRunner(16)(memory, ROWS)
    assert memory.sizes == [16]
