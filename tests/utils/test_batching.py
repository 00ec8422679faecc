"""RowRunner: few chunk shapes, the same bits for a row whatever stands beside it, back-off when memory runs out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmimic.utils import RowRunner, aligned_linear, padded_size

torch_generator = torch.Generator().manual_seed(0)
ROWS = torch.randn(37, 20, generator=torch_generator)
WEIGHT = torch.randn(20, 30, generator=torch_generator)


def network(rows):
    return torch.tanh(aligned_linear(rows, WEIGHT.T))


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
def test_chunks_have_few_shapes_and_all_rows_come_back(batch_size, n):
    memory = Memory(1000, None)
    result = RowRunner(batch_size)(memory, ROWS[:n])
    *whole, last = memory.sizes
    assert all(size == RowRunner(batch_size).batch_size for size in whole)
    left = n - sum(whole)
    assert last == padded_size(left, RowRunner(batch_size).batch_size)
    assert left <= last < max(2 * left, 5)
    torch.testing.assert_close(result, network(ROWS[:n]))


def test_sizes_double_from_four_to_the_batch_size():
    sizes = [4, 4, 4, 4, 8, 8, 8, 8, *[16] * 8, *[20] * 4]
    assert [padded_size(n, 20) for n in range(1, 21)] == sizes
    assert [RowRunner(size).batch_size for size in (1, 4, 7, 23, 256)] == [4, 4, 4, 20, 256]


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
    assert memory.sizes == [64, 32, 16, 16, 8]
    assert run.batch_size == 16
    assert torch.equal(result, RowRunner(16)(network, ROWS))


def test_what_was_done_before_memory_ran_out_is_kept():
    calls = []

    def fails_once(rows):
        calls.append(len(rows))
        if len(calls) == 3:
            raise MemoryError
        return network(rows)

    result = RowRunner(12)(fails_once, ROWS)
    assert calls == [12, 12, 12, *[4] * 4]
    assert torch.equal(result, RowRunner(32)(network, ROWS))


def test_few_rows_that_do_not_fit_halve_their_own_size():
    run, memory = RowRunner(64), Memory(5, MemoryError())
    run(memory, ROWS[:9])
    assert memory.sizes == [16, 8, 4, 4, 4]
    assert run.batch_size == 4


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
