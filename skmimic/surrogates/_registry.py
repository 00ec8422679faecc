"""Surrogate families by name."""

from torch import nn

from ._affine import FILL, Affine
from ._base import Surrogate
from ._basic import Identity, UserSurrogate
from ._blur import Blur
from ._composition import Composition, paper_surrogate
from ._convolution import Convolution
from ._mask import Mask
from ._missing import MissingPixels
from ._offset import Offset
from ._photometric import Photometric

__all__ = ["FAMILIES", "build_family", "name_of_family", "resolve_surrogate"]


def _parts(image_shape, seed, fill):
    return {
        "affine": Affine(image_shape, fill),
        "blur": Blur(image_shape),
        "photometric": Photometric(image_shape),
        "convolution": Convolution(image_shape, seed=seed),
        "mask": Mask(image_shape),
        "missing": MissingPixels(image_shape),
        "offset": Offset(image_shape),
    }


NAMES = {
    Identity: "identity",
    Affine: "affine",
    Blur: "blur",
    Photometric: "photometric",
    Convolution: "convolution",
    Mask: "mask",
    MissingPixels: "missing",
    Offset: "offset",
}
FAMILIES = ("identity", "affine", "blur", "photometric", "convolution", "mask", "missing", "offset", "paper")


def build_family(name, image_shape, seed=0, fill=FILL):
    """Build a surrogate by name.

    Parameters
    ----------
    name : str
        ``"identity"``, ``"paper"`` (figure 3), or one or several of ``"affine"``, ``"blur"``, ``"photometric"``,
        ``"convolution"``, ``"mask"``, ``"missing"``, ``"offset"`` joined by ``"+"``, applied in the order given.
    image_shape : tuple (C, H, W)
    seed : int, default=0
        Seed of random initial weights.
    fill : float, default=-1.0
        What comes into view from outside the images, in [-1, 1].

    Returns
    -------
    Surrogate

    Raises
    ------
    ValueError
        If a name is unknown, or stands there twice.
    """
    if name == "identity":
        return Identity()
    if name == "paper":
        return paper_surrogate(image_shape, seed, fill)
    parts, names = _parts(image_shape, seed, fill), name.split("+")
    unknown = [part for part in names if part not in parts]
    if unknown:
        raise ValueError(
            f"surrogate={name!r}: {unknown[0]!r} is unknown. Use 'auto', 'identity', 'paper', or a combination such as "
            "'affine+photometric+convolution+mask'."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"surrogate={name!r}: a part stands in it twice. Name each part once.")
    return Composition([parts[part] for part in names])


def name_of_family(surrogate):
    """Name the family of a surrogate, as `build_family` takes it.

    Parameters
    ----------
    surrogate : Surrogate

    Returns
    -------
    str
        "user" for one that has none.
    """
    parts = getattr(surrogate, "parts", [surrogate])
    return "+".join(NAMES[type(part)] for part in parts) if all(type(part) in NAMES for part in parts) else "user"


def resolve_surrogate(surrogate, image_shape, seed=0, fill=FILL):
    """Make a fresh, trainable surrogate from what the user passed.

    Parameters
    ----------
    surrogate : str, Surrogate, or callable
        A family name; an instance (rebuilt, its current values kept, and held where ``requires_grad`` is False); or a
        class or factory that takes the image shape and returns a `Surrogate` or any ``nn.Module``.
    image_shape : tuple (C, H, W)
    seed : int, default=0
    fill : float, default=-1.0
        As in `build_family`, for a family name.

    Returns
    -------
    Surrogate

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If a family name is unknown.
    """
    if isinstance(surrogate, str):
        return build_family(surrogate, image_shape, seed, fill)
    if isinstance(surrogate, Surrogate):
        return _rebuilt(surrogate)
    if callable(surrogate) and not isinstance(surrogate, nn.Module):
        wrapped = UserSurrogate(surrogate, image_shape, seed)
        return _rebuilt(wrapped.module) if isinstance(wrapped.module, Surrogate) else wrapped
    raise TypeError(
        f"surrogate must be a family name, a Surrogate, or a factory of nn.Modules, got {type(surrogate).__name__}. "
        "Wrap a module as lambda image_shape: module."
    )


def _rebuilt(surrogate):
    """Make a surrogate with the same values, so that the user's own instance is left alone; what is frozen stays so."""
    make, keywords = surrogate.recipe()
    fresh = make(**keywords)
    if type(fresh) is not type(surrogate):
        raise TypeError(
            f"surrogate: recipe() of {type(surrogate).__name__} builds a {type(fresh).__name__}. Give the class a "
            "recipe() of its own."
        )
    fresh.load_state_dict(surrogate.state_dict())
    given = dict(surrogate.named_parameters(remove_duplicate=False))
    for name, own in fresh.named_parameters(remove_duplicate=False):
        own.requires_grad_(given[name].requires_grad)
    return fresh
