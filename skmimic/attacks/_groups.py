"""What all attacks share: checks, groups of rows, the last judgement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from ..exceptions import AttackError, NotFiniteError
from ..utils import shielded
from ._budget import Budget, check_count
from ._defended import Defended
from ._inputs import as_came, read_inputs
from ._modes import evaluating, own_random_numbers
from ._norms import lengths
from ._results import AttackResult

__all__ = ["Found", "Setting", "attack_in_groups"]


@dataclass(frozen=True)
class Setting:
    """Who is attacked, and under which circumstances; the arguments that all attacks share."""

    name: str
    clean: Callable | None
    classifier: Callable
    loss: Any = "cross_entropy"
    n_draws: int = 1
    group_size: int = 100
    bounds: Any = (0.0, 1.0)
    random_state: Any = None

    def __post_init__(self):
        check_count(f"{self.name}: n_draws", self.n_draws)
        check_count(f"{self.name}: group_size", self.group_size)


class Found(NamedTuple):
    """What the search in one group came to.

    `is_within` (n,) tells rows that keep to the budget and `is_judged` (n,) those that count; None stands for all.
    """

    images: torch.Tensor
    loss_curve: torch.Tensor
    is_within: torch.Tensor | None = None
    is_judged: torch.Tensor | None = None


def attack_in_groups(setting, X, y, budget, search):
    """Search in each group of rows, and judge what was found.

    Parameters
    ----------
    setting : Setting
    X, y : array or tensor
    budget : Budget
    search : callable
        Of (defended, inputs, random) for one group; gives a `Found`.

    Returns
    -------
    AttackResult
    """
    if not isinstance(budget, Budget):
        raise AttackError(
            f"{setting.name}: budget must be a Budget, such as Budget(eps=0.1, n_steps=50), got {budget!r}."
        )
    with shielded(), torch.enable_grad(), evaluating(setting.classifier):
        inputs = read_inputs(setting.name, X, y, setting.bounds, setting.classifier)
        defended = Defended(setting.name, setting.clean, setting.classifier, setting.loss, setting.n_draws)
        with own_random_numbers(setting.random_state, inputs.images.device) as random:
            first = inputs.images[: setting.group_size]
            defended.check(first, inputs.labels)
            parts = [_attacked(defended, group, random, search) for group in inputs.groups(setting.group_size)]
        return _joined(parts, inputs, budget, X)


def _attacked(defended, group, random, search):
    found = search(defended, group, random)
    _check_images(defended.name, found.images)
    _, margins = defended.judge(found.images, group.labels)
    defended.check_finite()
    everything = torch.ones_like(margins, dtype=torch.bool)
    is_within = everything if found.is_within is None else found.is_within
    is_judged = everything if found.is_judged is None else found.is_judged
    return found.images, (margins <= 0) & is_within, margins, is_judged, found.loss_curve.cpu().double() * len(margins)


def _check_images(name, images):
    n_broken = int((~torch.isfinite(images).flatten(1).all(dim=1)).sum())
    if n_broken:
        raise NotFiniteError(
            f"{name}: the attack made {n_broken} of {len(images)} images with NaN or infinity. Take smaller steps."
        )


def _joined(parts, inputs, budget, X):
    *columns, curves = zip(*parts, strict=True)
    images, is_fooled, margins, is_judged = (torch.cat(column) for column in columns)
    distances = lengths(images - inputs.images, budget.norm)
    curve = sum(curves) / len(images)
    values = (images, is_fooled, margins, distances, is_judged)
    return AttackResult(*(as_came(value, X) for value in values), budget, as_came(curve.to(images), X))
