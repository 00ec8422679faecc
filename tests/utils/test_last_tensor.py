"""What was made of the last tensor is kept as long as the tensor is there and unchanged."""

import copy
import gc
import pickle
import threading
import weakref

import torch

from skmimic.utils import LastTensor


class Counting:
    """Doubles tensors and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self, tensor):
        self.calls += 1
        return 2 * tensor


def test_makes_it_once_for_a_tensor_and_anew_for_another():
    last, double, rows = LastTensor(), Counting(), torch.arange(3.0)
    assert last(rows, double) is last(rows, double)
    assert double.calls == 1
    assert torch.equal(last(rows + 1, double), 2 * (rows + 1))
    assert torch.equal(last(rows, double), 2 * rows)
    assert double.calls == 3


def test_a_tensor_that_was_changed_is_another_one():
    last, double, rows = LastTensor(), Counting(), torch.arange(3.0)
    last(rows, double)
    rows.add_(1)
    assert torch.equal(last(rows, double), 2 * rows)


def test_inference_tensors_are_never_kept():
    last, double = LastTensor(), Counting()
    with torch.inference_mode():
        rows = torch.arange(3.0)
    last(rows, double)
    last(rows, double)
    assert double.calls == 2


def test_gives_the_memory_back_with_the_tensor():
    last, rows = LastTensor(), torch.arange(3.0)
    made = weakref.ref(last(rows, Counting()))
    assert made() is not None
    del rows
    gc.collect()
    assert made() is None


def test_threads_do_not_forget_what_another_made():
    last, both = LastTensor(), threading.Barrier(2)

    def work(made):
        double, rows = Counting(), torch.arange(3.0)
        for _ in range(5):
            last(rows, double)
            both.wait(10)  # by turns: each asks after the other has
        made.append(double.calls)
        made.append(weakref.ref(last(rows, double)))

    made = [], []
    threads = [threading.Thread(target=work, args=(each,)) for each in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert [each[0] for each in made] == [1, 1]
    assert all(each[1]() is None for each in made)  # nothing outlives the threads' tensors


def test_pickles_and_copies_empty():
    last, rows = LastTensor(), torch.arange(3.0)
    last(rows, Counting())
    for other in (pickle.loads(pickle.dumps(last)), copy.deepcopy(last)):
        double = Counting()
        other(rows, double)
        assert double.calls == 1
