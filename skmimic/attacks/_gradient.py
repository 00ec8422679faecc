"""Attacks by the gradient of the loss in the images."""

from functools import partial

from ..purification import straight_through
from ._ascent import ascend
from ._groups import Setting, attack_in_groups

__all__ = ["bpda_attack", "exact_gradient_attack", "margin_attack"]


def exact_gradient_attack(
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
    """Attack by projected gradient ascent through the defence itself.

    .. math:: x_{k+1} = \\Pi\\bigl(x_k + a \\, \\mathrm{steepest}(\\nabla_x \\sum_i L(h(c(x_k))_i, y_i))\\bigr)

    with the defence c, the classifier h, the step length a and the projection on the ball of the budget and the bounds.
    Steps are the sign of the gradient where the norm is "linf", else the gradient at unit length. The losses of a
    group are summed, so what a row does to others through a defence that couples them is part of the gradient.

    The first restart begins at X itself, so no deterministic defence is read better after the attack than before.
    What is returned is, in each group, the worse of two batches: the best image of each row over all steps, and the
    best whole batch of one step.

    Parameters
    ----------
    clean : callable or None
        The defence: from images (n, c, h, w) to images of the same shape and units, differentiable. A module
        is run in the mode that it is in. None attacks the classifier without a defence.
    classifier : callable
        From images to logits (n, k). A module is run in evaluation mode, gets no gradients, and is left as it was.
    X : array or tensor (n, c, h, w)
        Images of floating point in `bounds`. A tensor stays on its device; an array goes to the device and the type of
        the classifier's parameters.
    y : array or tensor (n,) of int
        The right class of each row, the index of its logit.
    budget : Budget
        What the attacker may change, and how long it may search.
    loss : {"cross_entropy", "margin"} or callable, default="cross_entropy"
        What is made large. "margin" is the largest other logit minus that of the right class. A callable takes logits
        (n, k) and labels (n,), and gives one number for each row.
    n_draws : int, default=1
        Runs of a random defence whose gradients are averaged, and whose mean logits are judged (expectation over
        transformation). They cost as much as `n_draws` times the steps.
    group_size : int, default=100
        Rows that the defence sees together, in the order of X; the last group may be smaller.
    bounds : pair of float, default=(0.0, 1.0)
        Values of black and white.
    random_state : int, RandomState or None, default=None
        For the restarts and for a defence that draws from torch's global random numbers, whose state is put back.

    Returns
    -------
    AttackResult

    Raises
    ------
    AttackError
        If rows are not finite or leave the bounds, labels are no classes, the classifier gives no logits for the
        images, or the defence changes their shape or has no gradient.
    NotFiniteError
        If gradients, logits or images become NaN or infinite.

    See Also
    --------
    skmimic.attacks.check_gradients : Whether the gradients of a defence can be trusted.
    skmimic.attacks.bpda_attack : For defences without a gradient.

    References
    ----------
    A. Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018, section 2.1.

    A. Athalye, N. Carlini, D. Wagner, "Obfuscated gradients give a false sense of security", ICML 2018, section 4.2.

    Examples
    --------
    >>> import torch
    >>> from skmimic.attacks import Budget, exact_gradient_attack
    >>> X, y = torch.tensor([0.3, 0.8]).view(2, 1, 1, 1), torch.tensor([0, 1])
    >>> def classifier(images):
    ...     return torch.cat([0.5 - images.flatten(1), images.flatten(1) - 0.5], dim=1)
    >>> result = exact_gradient_attack(None, classifier, X, y, Budget(eps=0.25, n_steps=5))
    >>> result.is_fooled
    tensor([ True, False])
    >>> result.accuracy
    0.5
    """
    setting = Setting("exact_gradient_attack", clean, classifier, loss, n_draws, group_size, bounds, random_state)
    return attack_in_groups(setting, X, y, budget, partial(ascend, budget))


def bpda_attack(
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
    """Attack by projected gradient ascent, the backward pass of the defence taken as that of the identity.

    For defences without a useful gradient. Where a defence has one, the exact gradient is usually stronger, and an
    accuracy under this attack alone flatters the defence.

    Parameters
    ----------
    clean : callable
        The defence: from images (n, c, h, w) to images of the same shape and units. It needs no gradient.
    classifier : callable
        From images to logits (n, k), as in `exact_gradient_attack`.
    X : array or tensor (n, c, h, w)
        Images of floating point in `bounds`.
    y : array or tensor (n,) of int
        The right class of each row.
    budget : Budget
        What the attacker may change, and how long it may search.
    loss : {"cross_entropy", "margin"} or callable, default="cross_entropy"
        What is made large.
    n_draws : int, default=1
        Runs of a random defence that are averaged.
    group_size : int, default=100
        Rows that the defence sees together.
    bounds : pair of float, default=(0.0, 1.0)
        Values of black and white.
    random_state : int, RandomState or None, default=None
        For the restarts and for a random defence.

    Returns
    -------
    AttackResult

    Raises
    ------
    AttackError
        If images, labels, defence and classifier do not fit each other.
    NotFiniteError
        If gradients, logits or images become NaN or infinite.

    See Also
    --------
    skmimic.attacks.straight_through : The backward pass that this attack uses.

    References
    ----------
    A. Athalye, N. Carlini, D. Wagner, "Obfuscated gradients give a false sense of security", ICML 2018, section 4.1.

    Examples
    --------
    >>> import torch
    >>> from skmimic.attacks import Budget, bpda_attack
    >>> X, y = torch.tensor([0.3, 0.8]).view(2, 1, 1, 1), torch.tensor([0, 1])
    >>> def classifier(images):
    ...     return torch.cat([0.5 - images.flatten(1), images.flatten(1) - 0.5], dim=1)
    >>> bpda_attack(torch.round, classifier, X, y, Budget(eps=0.25, n_steps=5)).is_fooled
    tensor([ True, False])
    """
    passed = straight_through(clean) if callable(clean) else clean
    setting = Setting("bpda_attack", passed, classifier, loss, n_draws, group_size, bounds, random_state)
    return attack_in_groups(setting, X, y, budget, partial(ascend, budget))


def margin_attack(clean, classifier, X, y, budget, *, n_draws=1, group_size=100, bounds=(0.0, 1.0), random_state=None):
    """Attack by `exact_gradient_attack` with the margin as loss, a preset.

    The margin has a gradient where a confident classifier's cross-entropy has none in single precision. It is meant to
    be run with restarts: ``Budget(..., n_restarts=5)``.

    Parameters
    ----------
    clean : callable or None
        The defence, differentiable.
    classifier : callable
        From images to logits (n, k).
    X : array or tensor (n, c, h, w)
        Images of floating point in `bounds`.
    y : array or tensor (n,) of int
        The right class of each row.
    budget : Budget
        What the attacker may change, and how long it may search.
    n_draws : int, default=1
        Runs of a random defence that are averaged.
    group_size : int, default=100
        Rows that the defence sees together.
    bounds : pair of float, default=(0.0, 1.0)
        Values of black and white.
    random_state : int, RandomState or None, default=None
        For the restarts and for a random defence.

    Returns
    -------
    AttackResult

    See Also
    --------
    skmimic.attacks.exact_gradient_attack : The attack itself, and what it raises.

    References
    ----------
    N. Carlini, D. Wagner, "Towards evaluating the robustness of neural networks", IEEE S&P 2017, loss f6.
    """
    options = {"n_draws": n_draws, "group_size": group_size, "bounds": bounds, "random_state": random_state}
    return exact_gradient_attack(clean, classifier, X, y, budget, loss="margin", **options)
