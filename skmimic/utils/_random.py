"""Randomness enters as `random_state` and travels as a torch.Generator; no global state is touched."""

import torch
from sklearn.utils import check_random_state

__all__ = ["torch_generator"]


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
