"""Toy defences and classifiers whose worst cases are known."""

import torch
from torch import nn

SHAPE = (1, 4, 4)


class Linear(nn.Module):
    """Two classes told apart by one direction w and a threshold; the margin of class 1 is w x - t."""

    def __init__(self, w, threshold=0.0):
        super().__init__()
        self.w = nn.Parameter(torch.as_tensor(w).flatten())
        self.threshold = threshold

    def forward(self, images):
        side = (images.flatten(1) @ self.w - self.threshold) / 2
        return torch.stack([-side, side], dim=1)


def direction(seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(16, generator=random, dtype=torch.float64)


def grey(n=40, spread=0.1, seed=1):
    """Images around the middle of [0, 1], so that no bound is near."""
    random = torch.Generator().manual_seed(seed)
    return 0.5 + spread * (torch.rand(n, *SHAPE, generator=random, dtype=torch.float64) - 0.5)


def balanced(X, seed=0):
    """A linear classifier through the middle of images, and labels that it gets right."""
    w = direction(seed)
    values = X.flatten(1) @ w
    classifier = Linear(w, values.median() + 1e-6)
    return classifier, (values > classifier.threshold).long()


def mean_defence(images):
    """Take off what the rows of the batch share."""
    return images - images.mean(dim=0) + 0.5


def median_defence(images):
    return images - images.median(dim=0).values + 0.5


def rounding(images):
    """Five grey levels, whose gradient is zero."""
    return (images * 4).round() / 4


def squeeze(images):
    """Smooth, and each row alone."""
    return 0.5 + torch.tanh(images - 0.5)
