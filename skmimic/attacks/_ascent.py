"""Projected gradient ascent within one group of rows."""

import torch

from ._groups import Found
from ._kept import BestBatch, BestRows
from ._norms import into_ball, random_change, steepest

__all__ = ["as_curve", "ascend", "begin", "moved", "within", "worse_of"]


def within(images, inputs, budget):
    """Return the images that the budget and the bounds allow nearest to some."""
    changes = into_ball(images - inputs.images, budget.eps, budget.norm)
    return (inputs.images + changes).clamp(*inputs.bounds)  # towards X, so the change grows no longer


def begin(inputs, budget, restart, random):
    """Return where a restart begins: the first one at X, the others at random images of the ball."""
    if restart == 0:
        return inputs.images
    change = random_change(inputs.images, budget.eps, budget.norm, random)
    return (inputs.images + change).clamp(*inputs.bounds)


def moved(images, directions, inputs, budget):
    """Take one step of the budget's length, and come back into it."""
    return within(images + budget.step_length * steepest(directions, budget.norm), inputs, budget)


def ascend(budget, defended, inputs, random):
    """Walk up the loss of all rows together, and keep what harms most.

    The best images of each row may come from different steps. With a defence that couples rows they need not be the
    best together, so they are compared with the best whole batch of a single step.

    Parameters
    ----------
    budget : Budget
    defended : Defended
    inputs : Inputs
        Of one group.
    random : torch.Generator

    Returns
    -------
    Found
    """
    rows, batch = BestRows(inputs.images), BestBatch(inputs.images)
    curve = []
    for restart in range(budget.n_restarts):
        images = begin(inputs, budget, restart, random)
        for _ in range(budget.n_steps):
            climb = defended.climb(images, inputs.labels)
            _see((rows, batch), images, climb.margins)
            curve.append(climb.losses.mean())
            images = moved(images, climb.gradients, inputs, budget)
        losses, margins = defended.judge(images, inputs.labels)
        _see((rows, batch), images, margins)
        curve.append(losses.mean())
    worst = worse_of((rows.images, batch.images), lambda images: defended.judge(images, inputs.labels)[1])
    return Found(worst, as_curve(curve, budget))


def _see(keepers, images, scores):
    for keeper in keepers:
        keeper.see(images, scores)


def worse_of(candidates, score):
    """Return the batch whose rows, by their scores (n,), withstand least."""
    worst = BestBatch(candidates[0])
    for images in candidates:
        worst.see(images, score(images))
    return worst.images


def as_curve(losses, budget):
    """Stack mean losses to a row for each restart."""
    return torch.stack(losses).view(budget.n_restarts, budget.n_steps + 1)
