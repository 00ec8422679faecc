"""What an attacker makes large: one number for each row."""

import torch
from torch.nn import functional

from ..exceptions import AttackError

__all__ = ["as_loss", "margins_of"]


def margins_of(logits, labels):
    """Return the logit of the right class minus the largest other one (n,); a right answer is above zero."""
    right = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return (right - others.amax(dim=1, keepdim=True)).squeeze(1)


def _cross_entropy(logits, labels):
    return functional.cross_entropy(logits, labels, reduction="none")


def _margin(logits, labels):
    return -margins_of(logits, labels)


_NAMED = {"cross_entropy": _cross_entropy, "margin": _margin}


def as_loss(loss):
    """Return a function of logits (n, k) and labels (n,) that gives the loss (n,) of each row."""
    if isinstance(loss, str) and loss in _NAMED:
        return _NAMED[loss]
    if not callable(loss):
        raise AttackError(
            f"loss must be 'cross_entropy', 'margin' or a function of logits (n, k) and labels (n,), got {loss!r}."
        )
    return _checked(loss)


def _checked(loss):
    def losses(logits, labels):
        values = loss(logits, labels)
        if not isinstance(values, torch.Tensor) or values.shape != labels.shape:
            came = f"shape {tuple(values.shape)}" if isinstance(values, torch.Tensor) else type(values).__name__
            raise AttackError(
                f"loss must give one number for each row, a tensor of shape {tuple(labels.shape)}, got {came}. "
                "Leave out the mean: reduction='none'."
            )
        return values

    return losses
