"""What is shared and what is a row's own taken off images, as one module."""

from dataclasses import dataclass

import torch
from torch import nn

from ._manifold import ManifoldMap
from ._rounds import OFFSETS, clean_rows, shared_offset

__all__ = ["Purifier", "PurifierSettings"]


@dataclass(frozen=True)
class PurifierSettings:
    """How perturbations are taken off.

    Parameters
    ----------
    rounds : int, default=8
        Of the shared perturbation.
    row_rounds : int, default=2
        Of that of each row.
    row_share : float, default=0.5
        In [0, 1]: part of what is left of a row that counts as perturbation.
    offset : {"median", "mean"}, default="median"
    """

    rounds: int = 8
    row_rounds: int = 2
    row_share: float = 0.5
    offset: str = "median"

    def __post_init__(self):
        if self.offset not in OFFSETS:
            raise ValueError(f"PurifierSettings: offset must be one of {sorted(OFFSETS)}, got {self.offset!r}.")


class Purifier(nn.Module):
    """Attacked images to clean ones, both in [-1, 1]; differentiable, with nothing to train.

    Pickles with the frozen generator; works on the device of the images.

    Parameters
    ----------
    generator : Generator
        With an encoder, or linear.
    residual : tensor (c, h, w)
        Mean of x - P(x) over clean images.
    settings : PurifierSettings
    offset : tensor (c, h, w) or None, default=None
        The shared perturbation where it is known. None: it is found from the rows of each call.
    """

    def __init__(self, generator, residual, settings, offset=None):
        super().__init__()
        self.project, self.settings = ManifoldMap(generator), settings
        self.image_shape = tuple(generator.image_shape)
        self.register_buffer("residual", residual)
        self.register_buffer("offset", offset)

    @property
    def precision(self):
        """The dtype that images should have."""
        return self.project.precision

    def extra_repr(self):
        """Tell how perturbations are taken off."""
        return str(self.settings)

    def forward(self, observed):
        """Clean images (n, c, h, w)."""
        return self.clean(observed, self.offset_of(observed))

    def offset_of(self, observed, project=None):
        """Return the shared perturbation of rows: the known one, or what they tell; a single row tells nothing.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
        project : callable or None, default=None
            Used in place of the map onto the generator's images, for instance one that works in chunks.

        Returns
        -------
        tensor (c, h, w)
        """
        if self.offset is not None:
            return self.offset.to(observed)
        if len(observed) < 2:
            return torch.zeros(self.image_shape, dtype=observed.dtype, device=observed.device)
        settings, residual = self.settings, self.residual.to(observed)
        return shared_offset(project or self.project, observed, residual, settings.rounds, settings.offset)

    def clean(self, observed, offset):
        """Clean rows (n, c, h, w) of which the shared perturbation (c, h, w) is known, each row alone."""
        settings, residual = self.settings, self.residual.to(observed)
        return clean_rows(self.project, observed, offset, residual, settings.row_rounds, settings.row_share)
