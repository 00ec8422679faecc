"""Modes and random numbers of the caller, left as they were."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from ..utils import seeded_globally, torch_generator

__all__ = ["evaluating", "own_random_numbers"]


@contextlib.contextmanager
def evaluating(classifier) -> Iterator[None]:
    """Put a classifier in evaluation mode, and every part of it back in its own afterwards."""
    modes = [(part, part.training) for part in classifier.modules()] if isinstance(classifier, nn.Module) else []
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextlib.contextmanager
def own_random_numbers(random_state, device) -> Iterator[torch.Generator]:
    """Yield a generator for random images; a random defence draws from torch's global state, which is put back."""
    random = torch_generator(random_state)
    seed = int(torch.randint(2**31 - 1, (), generator=random, device="cpu"))
    gpus = [device] if device.type == "cuda" else []
    with seeded_globally(seed), torch.random.fork_rng(devices=gpus):
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield random
