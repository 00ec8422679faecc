"""Numbers that a training needs, and what it returns."""

from dataclasses import dataclass

import torch

__all__ = ["TrainedNetworks", "TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train.

    Parameters
    ----------
    n_epochs : int, default=20
        Passes over the images; a pass has ``n // batch_size`` steps, at least one.
    max_steps : int or None, default=None
        Stop after this many steps, whatever `n_epochs` says.
    batch_size : int, default=128
        Images of a step; fewer when there are fewer images.
    learning_rate : float, default=2e-4
        Of Adam with betas 0.5 and 0.999.
    ema_decay : float, default=0.999
        Decay of the running average of the weights, which is what training returns.
    mixed_precision : bool, default=False
        Convolutions in bfloat16: faster on processors that have it, slower elsewhere.
    checkpoint_every : int, default=200
        Steps between two writes of the checkpoint.
    """

    n_epochs: int = 20
    max_steps: int | None = None
    batch_size: int = 128
    learning_rate: float = 2e-4
    ema_decay: float = 0.999
    mixed_precision: bool = False
    checkpoint_every: int = 200

    def steps_of(self, n_images):
        """Return (steps of an epoch, steps in all) for a number of images."""
        per_epoch = max(n_images // self.batch_size, 1)
        total = per_epoch * self.n_epochs
        return per_epoch, total if self.max_steps is None else min(total, self.max_steps)


@dataclass(frozen=True)
class TrainedNetworks:
    """Frozen networks and the story of their training.

    Parameters
    ----------
    generator, discriminator, encoder : torch.nn.Module or None
        Averaged weights, normalisation folded, eval mode, on the CPU; None for what the method does not train.
    losses : tensor (n_steps, n_losses)
        Losses of every step.
    loss_names : tuple of str
        Names of the columns of `losses`.
    n_steps : int
        Steps taken.
    """

    generator: torch.nn.Module | None
    discriminator: torch.nn.Module | None
    encoder: torch.nn.Module | None
    losses: torch.Tensor
    loss_names: tuple
    n_steps: int
