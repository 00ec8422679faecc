"""Whether the gradients of a defence can be trusted."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from ..exceptions import MaskedGradientWarning
from ..purification import straight_through
from ..utils import warn_user
from ._ascent import ascend, begin, within, worse_of
from ._groups import Found, Setting, attack_in_groups
from ._inputs import read_bounds
from ._kept import BestBatch, BestRows
from ._norms import radius_of_everything, random_change, steepest
from ._report import GradientReport, MaskingSign

__all__ = ["check_gradients"]

SCALES = (0.25, 0.5, 1.0, 2.0)  # of eps
FEWEST_STEPS = 40  # without a limit: the way is longer
STRAY = 50  # one row in so many may contradict what the others say; one of ten or more always may


def check_gradients(
    clean,
    classifier,
    X,
    y,
    budget,
    *,
    loss="cross_entropy",
    n_draws=1,
    group_size=100,
    bounds=(0.0, 1.0),
    random_state=None,
):
    """Check whether the gradients of a defence are masked, and warn if they seem to be.

    An attack that fails tells nothing where its gradient is useless. What must hold of one that works: the gradient is
    finite and seldom zero; the loss rises along the attack; a larger budget leaves no higher accuracy, and one without
    a limit none; neither random search nor the gradient of the identity finds what the exact gradient does not. One row
    in 50 may contradict. The cost is that of eight attacks.

    Parameters
    ----------
    clean : callable or None
        The defence: from images (n, c, h, w) to images of the same shape and units, differentiable.
    classifier : callable
        From images to logits (n, k). A module is run in evaluation mode, gets no gradients, and is left as it was.
    X : array or tensor (n, c, h, w)
        Images of floating point in `bounds`; some hundred are enough.
    y : array or tensor (n,) of int
        The right class of each row.
    budget : Budget
        A quarter, a half, all and the double of its `eps` are tried, and a ball that holds every image.
    loss : {"cross_entropy", "margin"} or callable, default="cross_entropy"
        What is made large.
    n_draws : int, default=1
        Runs of a random defence that are averaged.
    group_size : int, default=100
        Rows that the defence sees together.
    bounds : pair of float, default=(0.0, 1.0)
        Values of black and white.
    random_state : int, RandomState or None, default=None
        For random search, the restarts and for a random defence.

    Returns
    -------
    GradientReport

    Raises
    ------
    AttackError
        If images, labels, defence and classifier do not fit each other, or the defence has no gradient at all.

    Warns
    -----
    MaskedGradientWarning
        If gradients look masked.

    References
    ----------
    A. Athalye, N. Carlini, D. Wagner, "Obfuscated gradients give a false sense of security", ICML 2018, section 3.1.

    N. Carlini et al., "On evaluating adversarial robustness", arXiv:1902.06705, section 5.

    Examples
    --------
    >>> import torch
    >>> from skmimic.attacks import Budget, check_gradients
    >>> X, y = torch.linspace(0.1, 0.9, 10).view(10, 1, 1, 1), torch.tensor([0] * 5 + [1] * 5)
    >>> def classifier(images):
    ...     return torch.cat([0.5 - images.flatten(1), images.flatten(1) - 0.5], dim=1)
    >>> report = check_gradients(torch.sigmoid, classifier, X, y, Budget(0.2, 10), random_state=0)
    >>> report.is_masked
    False
    """
    setting = Setting("check_gradients", clean, classifier, loss, n_draws, group_size, bounds, random_state)
    report = _Check(setting, X, y, budget).report()
    if report.is_masked:
        warn_user(
            f"{report.sentence} Accuracy under attack says little about this defence. Try loss='margin', more steps, "
            "n_draws for a random defence, bpda_attack or latent_walk.",
            MaskedGradientWarning,
        )
    return report


class _Check:
    """The attacks of one check."""

    def __init__(self, setting, X, y, budget):
        self.setting, self.y, self.budget = setting, y, budget
        self.X = X if isinstance(X, torch.Tensor) else np.asarray(X)

    def report(self):
        counts = []
        unharmed = self._attacked(partial(_looked_at, counts))
        n_rows, n_zero, n_not_finite = (int(count) for count in torch.stack(counts).sum(dim=0))
        facts = {"n_rows": n_rows, "n_zero": n_zero, "n_not_finite": n_not_finite}
        if n_not_finite:
            return GradientReport((MaskingSign.NOT_FINITE,), **facts)
        facts.update(self._facts(unharmed))
        return GradientReport(_signs(facts), **facts)

    def _facts(self, unharmed):
        budgets = self._budgets()
        results = [self._attacked(ascend, budget) for budget in budgets]
        exact = results[SCALES.index(1.0)]
        drawn = self._attacked(_searched_at_random)
        clean = self.setting.clean
        passed = replace(self.setting, clean=None if clean is None else straight_through(clean))
        straight = attack_in_groups(passed, self.X, self.y, self.budget, partial(ascend, self.budget))
        return {
            "eps": (0.0, *(float(budget.eps) for budget in budgets)),
            "accuracies": (unharmed.accuracy, *(result.accuracy for result in results)),
            "loss_start": float(exact.loss_curve[0, 0]),
            "loss_end": float(exact.loss_curve[0, -1]),
            "accuracy_random": drawn.accuracy,
            "accuracy_straight_through": straight.accuracy,
            "n_random_only": int((drawn.is_fooled & ~exact.is_fooled).sum()),
        }

    def _attacked(self, search, budget=None):
        budget = self.budget if budget is None else budget
        return attack_in_groups(self.setting, self.X, self.y, budget, partial(search, budget))

    def _budgets(self):
        """List budgets up to one without a limit."""
        bounds = read_bounds(self.setting.name, self.setting.bounds)
        everything = radius_of_everything(tuple(self.X.shape[1:]), bounds, self.budget.norm)
        scaled = [_scaled(self.budget, scale) for scale in SCALES if scale <= 1 or scale * self.budget.eps < everything]
        unlimited = replace(self.budget, eps=everything, step_size=None, n_steps=max(self.budget.n_steps, FEWEST_STEPS))
        return [*scaled, unlimited]


def _scaled(budget, scale):
    step_size = None if budget.step_size is None else budget.step_size * scale
    return replace(budget, eps=budget.eps * scale, step_size=step_size)


def _looked_at(counts, budget, defended, inputs, random):
    """Count rows whose gradient is zero or not finite, at X and nearby."""
    nearby = begin(inputs, budget, 1, random)
    gradients = [defended.climb(images, inputs.labels).gradients.flatten(1) for images in (inputs.images, nearby)]
    defended.forget()  # what is not finite is counted here
    is_zero = torch.stack([(gradient == 0).all(dim=1) for gradient in gradients]).any(dim=0)
    is_broken = torch.stack([~torch.isfinite(gradient).all(dim=1) for gradient in gradients]).any(dim=0)
    n_rows = torch.full_like(is_zero.sum(), len(is_zero))
    counts.append(torch.stack([n_rows, is_zero.sum(), is_broken.sum()]))
    return Found(inputs.images, inputs.images.new_zeros(1, 1))


def _searched_at_random(budget, defended, inputs, random):
    """Draw as many images of the ball as the attack would see, every other one at its border."""
    rows, batch = BestRows(inputs.images), BestBatch(inputs.images)
    for draw in range(budget.n_steps * budget.n_restarts):
        change = random_change(inputs.images, budget.eps, budget.norm, random)
        if draw % 2:
            change = budget.eps * steepest(change, budget.norm)
        images = within(inputs.images + change, inputs, budget)
        _, margins = defended.judge(images, inputs.labels)
        rows.see(images, margins)
        batch.see(images, margins)
    worst = worse_of((rows.images, batch.images), lambda images: defended.judge(images, inputs.labels)[1])
    return Found(worst, inputs.images.new_zeros(1, 1))


def _signs(facts):
    """List the signs of masked gradients among the facts."""
    n_rows, accuracies = facts["n_rows"], facts["accuracies"]
    exact = accuracies[1 + SCALES.index(1.0)]
    holds = {
        MaskingSign.ZERO: _are_many(facts["n_zero"], n_rows),
        MaskingSign.LOSS_STAYS: not facts["loss_end"] > facts["loss_start"] and _are_many(exact * n_rows, n_rows),
        MaskingSign.ACCURACY_RISES: any(_are_many((b - a) * n_rows, n_rows) for a, b in pairwise(accuracies)),
        MaskingSign.RANDOM_WINS: _are_many(facts["n_random_only"], n_rows),
        MaskingSign.STRAIGHT_THROUGH_WINS: _are_many((exact - facts["accuracy_straight_through"]) * n_rows, n_rows),
        MaskingSign.NEVER_BROKEN: _are_many(accuracies[-1] * n_rows, n_rows),
    }
    return tuple(sign for sign, is_seen in holds.items() if is_seen)


def _are_many(n_found, n_rows):
    return round(n_found) > max(n_rows // STRAY, min(1, n_rows // 10))
