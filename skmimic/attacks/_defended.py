"""A classifier behind a defence, as an attacker who knows both sees it."""

from typing import NamedTuple

import torch

from ..exceptions import AttackError, NotFiniteError
from ..utils import first_line, is_out_of_memory
from ._losses import as_loss, margins_of

__all__ = ["Climb", "Defended"]


class Climb(NamedTuple):
    """Losses and margins (n,) of images, and the gradients of the summed loss in them and in the cleaned images."""

    losses: torch.Tensor
    margins: torch.Tensor
    gradients: torch.Tensor
    cleaned_gradients: torch.Tensor


class Defended:
    """A classifier behind a defence.

    Every method sees a whole group of rows at once, for a defence may couple them. What comes back not finite is
    counted, and told by `check_finite`: asking at every step would wait for the device.

    Parameters
    ----------
    name : str
        Of the attack, for messages.
    clean : callable or None
        None for no defence.
    classifier : callable
    loss : str or callable
    n_draws : int
        Runs of a random defence whose losses and logits are averaged.
    """

    def __init__(self, name, clean, classifier, loss, n_draws):
        for part, value in (("clean", clean), ("classifier", classifier)):
            if not callable(value) and not (part == "clean" and value is None):
                raise AttackError(f"{name}: {part} must be callable with images (n, c, h, w), got {value!r}.")
        self.name, self.n_draws, self.loss = name, n_draws, as_loss(loss)
        self._clean, self.classifier = clean, classifier
        self.forget()

    def climb(self, images, labels, rows=None):
        """Measure losses and their gradient; where `rows` (k,) are given, only these indices count in the sum."""
        images = images.detach().requires_grad_()
        draws = [self._climb_once(images, labels, rows) for _ in range(self.n_draws)]
        losses, logits, *gradients = (sum(values) / self.n_draws for values in zip(*draws, strict=True))
        self._note("gradient", gradients[0])
        return Climb(losses, self._margins(logits, labels), *gradients)

    def _climb_once(self, images, labels, rows):
        cleaned, logits = self._forward(images)
        losses = self.loss(logits, labels)
        total = (losses if rows is None else losses[rows]).sum()
        gradients = torch.autograd.grad(total, [images, cleaned], allow_unused=True, materialize_grads=True)
        return losses.detach(), logits.detach(), *gradients

    def judge(self, images, labels):
        """Measure losses and margins (n,); the margins are those of the mean logits."""
        with torch.no_grad():
            logits = [self._forward(images)[1] for _ in range(self.n_draws)]
            losses = sum(self.loss(part, labels) for part in logits) / self.n_draws
            return losses, self._margins(sum(logits) / self.n_draws, labels)

    def _forward(self, images):
        cleaned = images.view_as(images) if self._clean is None else self._clean(images)
        return cleaned, self.classifier(cleaned)

    def _margins(self, logits, labels):
        self._note("logits", logits)
        return margins_of(logits, labels)

    def _note(self, what, values):
        broken = ~torch.isfinite(values).flatten(1).all(dim=1)
        self._broken[what] = self._broken[what] | broken if what in self._broken else broken

    def forget(self):
        """Start to look for NaN and infinity anew."""
        self._broken = {}

    def check_finite(self):
        """Raise if anything since the last time was NaN or infinite."""
        counts = {what: int(rows.sum()) for what, rows in self._broken.items()}
        n_rows = max((len(rows) for rows in self._broken.values()), default=0)
        self.forget()
        for what, n_broken in counts.items():
            if n_broken:
                raise NotFiniteError(
                    f"{self.name}: the {what} held NaN or infinity for {n_broken} of {n_rows} rows. Look for roots, "
                    "logarithms and divisions by zero in the defence, or attack it with bpda_attack."
                )

    def check(self, images, labels):
        """Run a first group through, and tell what does not fit; `labels` are those of all groups."""
        images = images.detach().requires_grad_()
        cleaned = self._tried("clean", self._clean or torch.Tensor.clone, images)
        self._check_cleaned(cleaned, images)
        logits = self._tried("classifier", self.classifier, cleaned)
        self._check_logits(logits, len(images))
        self._check_labels(labels, logits.shape[1])
        self._check_gradient(cleaned, logits, labels[: len(images)], images)

    def _tried(self, part, call, images):
        try:
            return call(images)
        except AttackError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise AttackError(
                f"{self.name}: {part} failed on images of shape {tuple(images.shape)}, {images.dtype} on "
                f"{images.device}: {first_line(error)}. Pass images of the shape, type and device that it works on."
            ) from error

    def _check_cleaned(self, cleaned, images):
        if not isinstance(cleaned, torch.Tensor) or cleaned.shape != images.shape:
            came = f"shape {tuple(cleaned.shape)}" if isinstance(cleaned, torch.Tensor) else type(cleaned).__name__
            raise AttackError(
                f"{self.name}: clean must give images of the shape {tuple(images.shape)} that it gets, got {came}."
            )

    def _check_logits(self, logits, n_rows):
        is_table = isinstance(logits, torch.Tensor) and logits.ndim == 2 and len(logits) == n_rows
        if not is_table or logits.shape[1] < 2:
            came = f"shape {tuple(logits.shape)}" if isinstance(logits, torch.Tensor) else type(logits).__name__
            raise AttackError(
                f"{self.name}: classifier must give logits ({n_rows}, n_classes) of two classes or more for {n_rows} "
                f"images, got {came}."
            )

    def _check_labels(self, labels, n_classes):
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= n_classes:
            raise AttackError(
                f"{self.name}: y must be the index of the right logit, 0 to {n_classes - 1}, got labels from {low} to "
                f"{high}."
            )

    def _check_gradient(self, cleaned, logits, labels, images):
        cure = (
            "Was it computed under torch.no_grad, detached, or made by numpy? Use bpda_attack, or pass "
            "straight_through(clean)."
        )
        if self._clean is not None and not cleaned.requires_grad:
            raise AttackError(f"{self.name}: clean is not differentiable: its result has no gradient. {cure}")
        if not logits.requires_grad:
            raise AttackError(f"{self.name}: classifier is not differentiable: its logits have no gradient.")
        total = self.loss(logits, labels).sum()
        (gradient,) = torch.autograd.grad(total, images, allow_unused=True)
        if gradient is None:
            raise AttackError(f"{self.name}: the loss has no gradient in the images; they are cut off. {cure}")
