"""Corruptions that lose pixels: scattered ones, or a block."""

from dataclasses import dataclass

import torch

from ._base import Corruption
from ._checks import check_number, check_seed

__all__ = ["BlockLoss", "MissingPixels"]


@dataclass(frozen=True, repr=False)
class MissingPixels(Corruption):
    """Replace a random part of the pixels by a constant, the same pixels in all channels.

    Parameters
    ----------
    fraction : float
        Part of the pixels that is lost, in [0, 1]; exactly ``round(fraction * h * w)`` pixels go.
    fill : float, default=-1
        Value that they take, in [-1, 1].
    shared : bool, default=True
        Whether all images lose the same pixels. Otherwise the i-th image of a batch always loses the same ones.
    random_state : int, default=0
        Seed of the choice. An integer, so that the corruption is one fixed function.

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import MissingPixels
    >>> (MissingPixels(0.25)(torch.ones(1, 1, 8, 8)) == -1).sum()
    tensor(16)
    """

    @property
    def is_affine_in_images(self):
        """True when all images lose the same pixels."""
        return self.shared

    fraction: float
    fill: float = -1.0
    shared: bool = True
    random_state: int = 0

    def __post_init__(self):
        check_number("MissingPixels", "fraction", self.fraction, 0, 1)
        check_number("MissingPixels", "fill", self.fill, -1, 1)
        check_seed("MissingPixels", self.random_state)

    def _apply(self, images):
        n, _, height, width = images.shape
        generator = torch.Generator().manual_seed(self.random_state)
        n_lost = round(self.fraction * height * width)
        lost = [_choose(n_lost, height * width, generator) for _ in range(1 if self.shared else n)]
        mask = torch.stack(lost).reshape(-1, 1, height, width).to(images.device)
        return images.masked_fill(mask, self.fill)


@dataclass(frozen=True, repr=False)
class BlockLoss(Corruption):
    """Replace a square block of the images by a constant.

    Parameters
    ----------
    size : float
        Side of the block as a part of the image's sides, in [0, 1].
    centre : (float, float), default=(0.5, 0.5)
        Position of its centre from the left and from the top, as parts of the width and the height, in [0, 1].
    fill : float, default=-1
        Value that its pixels take, in [-1, 1].

    Examples
    --------
    >>> import torch
    >>> from skmimic.corruptions import BlockLoss
    >>> BlockLoss(0.5)(torch.ones(1, 1, 4, 4))[0, 0, 1]
    tensor([ 1., -1., -1.,  1.])
    """

    is_affine_in_images = True

    size: float
    centre: tuple[float, float] = (0.5, 0.5)
    fill: float = -1.0

    def __post_init__(self):
        check_number("BlockLoss", "size", self.size, 0, 1)
        check_number("BlockLoss", "fill", self.fill, -1, 1)
        if len(self.centre) != 2:
            raise ValueError(f"BlockLoss: centre must be a pair (from left, from top), got {self.centre!r}.")
        for value in self.centre:
            check_number("BlockLoss", "centre", value, 0, 1)

    def _apply(self, images):
        rows = _inside(images.shape[-2], self.centre[1], self.size, images.device)
        columns = _inside(images.shape[-1], self.centre[0], self.size, images.device)
        return images.masked_fill(rows[:, None] & columns, self.fill)


def _choose(n_chosen, n_pixels, generator):
    chosen = torch.zeros(n_pixels, dtype=torch.bool)
    chosen[torch.randperm(n_pixels, generator=generator)[:n_chosen]] = True
    return chosen


def _inside(length, centre, size, device):
    """Which pixels of a side have their middle inside the block."""
    position = (torch.arange(length, device=device) + 0.5) / length
    return (position - centre).abs() < size / 2
