"""An attacker who owns some rows of a batch, and harms the others through what they share."""

from functools import partial

import torch

from ..exceptions import AttackError
from ._ascent import as_curve, begin, moved, within
from ._budget import Budget, check_count
from ._groups import Found, Setting, attack_in_groups
from ._inputs import read_bounds
from ._kept import BestBatch

__all__ = ["poison_batch"]

N_STEPS = 20  # without a budget; a step is then an eighth of the whole range, and the start is a corner of it already


def poison_batch(
    clean,
    classifier,
    X,
    y,
    n_poisoned,
    budget=None,
    *,
    loss="cross_entropy",
    n_draws=1,
    group_size=100,
    bounds=(0.0, 1.0),
    random_state=None,
):
    """Attack the clean rows of a batch by rows that the attacker owns.

    A defence that estimates something from all rows of a call, such as a shared offset, is moved by each of them. The
    attacker owns `n_poisoned` random rows of each group and chooses their values; the others are left as they are,
    and their answers alone are judged.

    The search begins in closed form: all poisoned rows push the same pattern, the sign of the gradient that the clean
    rows' loss has in a shift of all cleaned images, in whichever direction harms more. For a shared offset by the mean
    and a linear classifier this is the worst there is. From there the loss of the clean rows is walked up by the
    gradient in the poisoned rows; where that is exactly zero, as a median has it in most rows, the pattern leads on.

    Parameters
    ----------
    clean : callable
        The defence: from images (n, c, h, w) to images of the same shape and units, differentiable.
    classifier : callable
        From images to logits (n, k). A module is run in evaluation mode, gets no gradients, and is left as it was.
    X : array or tensor (n, c, h, w)
        Images of floating point in `bounds`.
    y : array or tensor (n,) of int
        The right class of each row.
    n_poisoned : int
        Rows of each group that the attacker owns; fewer than the smallest group has.
    budget : Budget or None, default=None
        How far the poisoned rows may be changed. None lets them be any image in the bounds, in 20 steps.
    loss : {"cross_entropy", "margin"} or callable, default="cross_entropy"
        What is made large, for the clean rows.
    n_draws : int, default=1
        Runs of a random defence that are averaged.
    group_size : int, default=100
        Rows that the defence sees together.
    bounds : pair of float, default=(0.0, 1.0)
        Values of black and white.
    random_state : int, RandomState or None, default=None
        Chooses the rows that are poisoned; for the restarts and for a random defence, too.

    Returns
    -------
    AttackResult
        `is_judged` is False for the poisoned rows, so `accuracy` is that of the clean ones.

    Raises
    ------
    AttackError
        If a group has no clean row, or images, labels, defence and classifier do not fit each other.
    NotFiniteError
        If gradients, logits or images become NaN or infinite.

    Notes
    -----
    For a defence without a gradient pass ``straight_through(clean)``: the pattern then leads alone.

    Examples
    --------
    >>> import torch
    >>> from skmimic.attacks import poison_batch
    >>> def clean(images):
    ...     return images - images.mean(dim=0) + 0.5
    >>> def classifier(images):
    ...     return torch.cat([0.5 - images.flatten(1), images.flatten(1) - 0.5], dim=1)
    >>> X, y = torch.tensor([0.4, 0.6] * 5).view(10, 1, 1, 1), torch.tensor([0, 1] * 5)
    >>> poison_batch(clean, classifier, X, y, n_poisoned=3, random_state=0).accuracy < 0.7
    True
    """
    name = "poison_batch"
    check_count(f"{name}: n_poisoned", n_poisoned)
    setting = Setting(name, clean, classifier, loss, n_draws, group_size, bounds, random_state)
    if hasattr(X, "__len__"):
        _check_groups(setting, len(X), n_poisoned)
    if budget is None:
        low, high = read_bounds(name, bounds)
        budget = Budget(high - low, N_STEPS)
    return attack_in_groups(setting, X, y, budget, partial(_poisoned, budget, n_poisoned))


def _check_groups(setting, n_rows, n_poisoned):
    smallest = n_rows % setting.group_size or min(n_rows, setting.group_size)
    if n_rows and smallest <= n_poisoned:
        raise AttackError(
            f"{setting.name}: the smallest group of {n_rows} rows by {setting.group_size} has {smallest}, so with "
            f"n_poisoned={n_poisoned} no clean row is left in it. Pass fewer, or another group_size."
        )


def _poisoned(budget, n_poisoned, defended, inputs, random):
    """Search in one group; the batch is kept that the fewest clean rows withstand."""
    poison = _Poison(defended, inputs, budget, n_poisoned, random)
    curve = []
    for restart in range(budget.n_restarts):
        images = poison.only_owned(begin(inputs, budget, restart, random))
        images, sign = poison.pushed(images)
        for _ in range(budget.n_steps):
            climb = poison.climb(images)
            curve.append(climb.losses[poison.judged].mean())
            directions = torch.where(climb.gradients == 0, sign * poison.pattern(climb), climb.gradients)
            images = poison.only_owned(moved(images, directions, inputs, budget))
        curve.append(poison.judge(images))
    return Found(poison.worst.images, as_curve(curve, budget), is_judged=~poison.is_owned)


class _Poison:
    """One group of rows, some of which the attacker owns, and the worst batch that was seen."""

    def __init__(self, defended, inputs, budget, n_poisoned, random):
        self.defended, self.inputs, self.budget = defended, inputs, budget
        order = torch.randperm(len(inputs.images), generator=random, device="cpu").to(inputs.images.device)
        self.judged = order[n_poisoned:].sort().values
        self.is_owned = torch.ones_like(inputs.labels, dtype=torch.bool).index_fill_(0, self.judged, False)
        self.worst = BestBatch(inputs.images)

    def only_owned(self, images):
        """Return X with the poisoned rows of some images."""
        return torch.where(self.is_owned[:, None, None, None], images, self.inputs.images)

    def climb(self, images):
        climb = self.defended.climb(images, self.inputs.labels, self.judged)
        self.worst.see(images, climb.margins[self.judged])
        return climb

    def judge(self, images):
        """Return the mean loss of the clean rows."""
        losses, margins = self.defended.judge(images, self.inputs.labels)
        self.worst.see(images, margins[self.judged])
        return losses[self.judged].mean()

    def pattern(self, climb):
        """Return the gradient of the clean rows' loss in a shift of all cleaned images (c, h, w)."""
        return climb.cleaned_gradients[self.judged].sum(dim=0)

    def pushed(self, images):
        """Let all poisoned rows push the pattern or its opposite, if this harms more than the rows as they are."""
        climb = self.climb(images)
        push = self.pattern(climb).sign() * 2 * self.budget.eps  # across the ball, from anywhere in it
        worst, loss, best_sign = images, climb.losses[self.judged].mean(), push.new_ones(())
        for sign in (-1.0, 1.0):
            pushed = self.only_owned(within(images + sign * push, self.inputs, self.budget))
            pushed_loss = self.judge(pushed)
            is_worse = pushed_loss > loss
            worst, loss = torch.where(is_worse, pushed, worst), torch.where(is_worse, pushed_loss, loss)
            best_sign = torch.where(is_worse, sign, best_sign)
        return worst, best_sign
