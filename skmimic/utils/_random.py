"""Randomness enters as `random_state` and travels as a torch.Generator; global state is put back."""

import contextlib
import threading
from collections.abc import Iterator

import torch
from sklearn.utils import check_random_state

__all__ = ["seeded_globally", "torch_generator"]

_global_random = threading.RLock()  # torch's random state belongs to all threads; a factory may make what seeds itself


def torch_generator(random_state=None):
    """Make a CPU torch.Generator from a scikit-learn `random_state`.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None

    Returns
    -------
    torch.Generator
    """
    seed = check_random_state(random_state).randint(2**31 - 1)
    return torch.Generator().manual_seed(int(seed))


@contextlib.contextmanager
def seeded_globally(seed) -> Iterator[None]:
    """Seed torch's global random numbers on the CPU, for modules that initialise themselves; their state is put back.

    Parameters
    ----------
    seed : int
    """
    with _global_random, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
