"""The range of a network: measured on what it gives, or told and checked."""

from torch import nn

from ..exceptions import DataRangeError, DataRangeWarning
from ..utils import CANONICAL, FAINT, UNIT, Bounds, is_centred, warn_user

__all__ = ["ends_in", "settle_range"]

OVERSHOOT = 0.25  # of the range that is told; networks that end in a linear layer step over it a little


def settle_range(told, images, module, name):
    """Find the range of the images that a network gives.

    Parameters
    ----------
    told : Bounds or None
        What the user says. None: the usual range that the images fit, if there is one.
    images : tensor (n, c, h, w)
        Of draws of the prior.
    module : torch.nn.Module
        A tanh at its end decides between two ranges that could be meant; images without a pixel below 0 are warned of.
    name : str
        Of the network, for messages.

    Returns
    -------
    Bounds

    Raises
    ------
    DataRangeError
        If the images fit no usual range, or contradict what was told.

    Warns
    -----
    DataRangeWarning
        If another range could be meant.
    """
    if told is not None:
        _check_told(told, images, name)
        return told
    own = CANONICAL if ends_in(module, nn.Tanh) else None
    low, high = float(images.min()), float(images.max())
    if -1 <= low < 0 and high <= 1 and (own is not None or _is_weak(low, high)):
        return CANONICAL
    if own is None and low >= 0 and FAINT <= high <= 1:
        return UNIT
    try:
        return Bounds.read(images.numpy(), "Generator", name=f"what {name} gives", own=own)
    except DataRangeError:
        raise DataRangeError(
            f"Generator: {name} gives values from {low:.4g} to {high:.4g}, which does not tell the values of black and "
            "white: (-1, 1), (0, 1) and (0, 255) are the usual ones. If it gives logits, end its forward in "
            "torch.sigmoid; else pass Generator(..., data_range=(low, high)), the values of black and white."
        ) from None


def _is_weak(low, high):
    """Whether values around 0 look like those of a tanh that is hardly trained, not like a filled range (-0.5, 0.5)."""
    return high >= -low / 2 and -low >= high / 2 and max(-low, high) < 1 and not is_centred(low, high)


def _check_told(told, images, name):
    low, high = float(images.min()), float(images.max())
    gives = f"Generator: {name} gives values from {low:.4g} to {high:.4g}, but data_range={tuple(told)}"
    slack = OVERSHOOT * (told.high - told.low)
    if low < told.low - slack or high > told.high + slack:
        raise DataRangeError(
            f"{gives} says that black and white lie inside. Pass the range of its images, or none to have it measured; "
            "if it gives logits, end its forward in torch.sigmoid."
        )
    if not told.is_filled(low, high, FAINT):
        raise DataRangeError(
            f"{gives} is far wider. Pass the values of black and white in its images, or none to have them measured."
        )
    if told == CANONICAL and UNIT.holds(low, high):
        warn_user(f"{gives}. If black is 0 in its images, pass data_range=(0, 1).", DataRangeWarning)


def ends_in(module, kind):
    """Whether the last layer of a module, in the order of registration, is of a kind.

    Parameters
    ----------
    module : torch.nn.Module
    kind : type

    Returns
    -------
    bool
    """
    leaves = [part for part in module.modules() if not any(True for _ in part.children())]
    return isinstance(leaves[-1], kind) or getattr(leaves[-1], "original_name", "") == kind.__name__
