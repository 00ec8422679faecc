"""The objective of the paper (Eq. 1 and 4), one number per row."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from ..losses import adversarial, loss_function
from ..surrogates import N_DEVIATIONS, Affine, Surrogate
from ._class_guide import RowGuide
from ._unseen import agreeing, completed

__all__ = ["Latents", "Problem"]

TETHER_SD = 0.01, 0.01, 0.03  # of the columns of the shared affine map around its tether; the last holds the shifts


@dataclass(frozen=True)
class Latents:
    """What moves for each row.

    Attributes
    ----------
    z : tensor (n, d)
    deviations : tensor (n, 6) or None
        Additions to the shared affine parameters; None when the surrogate takes none.
    """

    z: torch.Tensor
    deviations: torch.Tensor | None = None

    @classmethod
    def joined(cls, several):
        """Put the rows of several one below the other."""
        return cls(*(torch.cat(parts) for parts in zip(*(one.tensors() for one in several), strict=True)))

    def tensors(self):
        """List the tensors that move."""
        return [self.z] if self.deviations is None else [self.z, self.deviations]

    def fresh(self):
        """Copy into leaves that ask for gradients."""
        deviations = None if self.deviations is None else self.deviations.detach().clone().requires_grad_()
        return Latents(self.z.detach().clone().requires_grad_(), deviations)

    def detached(self):
        """Return the same values without gradients."""
        return Latents(self.z.detach(), None if self.deviations is None else self.deviations.detach())

    def rows(self, index):
        """Select rows by slice or index."""
        return Latents(self.z[index], None if self.deviations is None else self.deviations[index])


@dataclass(frozen=True)
class Problem:
    """Generator, surrogate and loss: everything the objective needs but the data, where NaN is a pixel not seen.

    Parameters
    ----------
    generator : LoadedGenerator
    surrogate : Surrogate
    loss : str or callable, default="charbonnier"
        Per-row fidelity, see `skmimic.losses`.
    latent_weight : float, default=1.0
        Weight of the latent prior; 0 in the paper.
    deviation_sd : float or None, default=None
        Standard deviation of the per-row affine deviations (the paper's sigma_f); None switches them off.
    lambda_adv : float, default=0.0
        Weight of the adversarial term; 1e-4 in the paper.
    tether : tensor (2, 3) or None, default=None
        Where the shared affine map is expected, for batches too small to tell all its numbers; `TETHER_SD` says how
        tightly.
    offsets : tensor (n, 6) or None, default=None
        What each row adds to the shared affine parameters and does not move, of as many rows as are projected.
    guide : RowGuide or None, default=None
        Holds each of the rows that are projected to a class.
    """

    generator: object
    surrogate: Surrogate
    loss: str | Callable = "charbonnier"
    latent_weight: float = 1.0
    deviation_sd: float | None = None
    lambda_adv: float = 0.0
    tether: torch.Tensor | None = None
    offsets: torch.Tensor | None = None
    guide: RowGuide | None = None

    @property
    def rough(self):
        """The same problem on the generator's rough twin, or None where it has none."""
        twin = self.generator.rough
        return None if twin is None else self.with_(generator=twin)

    @property
    def has_deviations(self):
        """Whether rows have affine deviations of their own."""
        return self.deviation_sd is not None and self.surrogate.takes_deviations

    def with_(self, **changes):
        """Return a copy with some parts changed."""
        return replace(self, **changes)

    def repeated(self, times):
        """Return the problem of the same rows several times, one batch below the other; a guide is not repeated."""
        return self if self.offsets is None else self.with_(offsets=self.offsets.repeat(times, 1))

    def for_rows(self, observed):
        """Return the problem of these rows (n, c, h, w): each with what the surrogate reads from it, if it does."""
        offsets = self.surrogate.read_offsets(completed(observed))
        return self if offsets is None else self.with_(offsets=offsets)

    def latents(self, z):
        """Put latents (n, d) together with deviations at zero."""
        deviations = z.new_zeros(len(z), N_DEVIATIONS) if self.has_deviations else None
        return Latents(z, deviations)

    def mimic(self, latents):
        """Compute f^(G(z)), the mimicked observations (n, c, h, w)."""
        return self.corrupt(self.generator.decode(latents.z), latents.deviations)

    def corrupt(self, images, deviations=None):
        """Compute f^(images) of the rows, each with its offsets and deviations."""
        if self.offsets is not None:
            deviations = self.offsets if deviations is None else self.offsets + deviations
        return self.surrogate(images, deviations)

    def fidelity(self, observed, images, deviations=None):
        """Compute L(Y, f^(images)) of each row, (n,)."""
        return self.distance(observed, self.corrupt(images, deviations))

    def distance(self, observed, mimicked):
        """Compute L(Y, mimicked images) of each row, (n,), over the pixels that it has seen.

        Pixels that a row may have lost are charged less.
        """
        mimicked, observed = agreeing(mimicked, observed)
        missing = self.surrogate.missing
        if missing is not None:
            mimicked = missing.reconciled(mimicked, observed)
        values = loss_function(self.loss)(mimicked, observed)
        if getattr(values, "shape", None) != observed.shape[:1]:
            raise ValueError(
                f"loss={self.loss!r} must give one number for each of the {len(observed)} rows, got "
                f"{tuple(getattr(values, 'shape', ()))}. Sum over the pixels, not over the rows."
            )
        return values

    def objective(self, observed, latents):
        """Compute the penalised objective of each row.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
        latents : Latents

        Returns
        -------
        tensor (n,)

        References
        ----------
        MimicGAN, Eq. 4, plus the Gaussian priors of latents and deviations.
        """
        images = self.generator.decode(latents.z)
        total = self.fidelity(observed, images, latents.deviations)
        if self.lambda_adv:
            logits = self.generator.discriminate(images)
            if logits is not None:
                total = total + self.lambda_adv * adversarial(logits)
        if self.latent_weight:
            total = total + self.latent_weight * self.generator.prior.penalty(latents.z)
        if latents.deviations is not None:
            total = total + 0.5 * latents.deviations.square().sum(1) / self.deviation_sd**2
        if self.guide is not None:
            total = total + self.guide.penalty(images)
        return total

    def shared_penalty(self):
        """Compute the Gaussian prior of what the rows share, counted once, however many rows there are.

        Returns
        -------
        scalar tensor
        """
        if self.tether is None:
            return torch.zeros(())
        theta = self.surrogate.part(Affine).theta
        return 0.5 * ((theta - self.tether) / theta.new_tensor(TETHER_SD)).square().sum()
