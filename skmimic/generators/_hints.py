"""What to do with a network that gives no images from latents (n, d): the cure that fits the reason."""

import inspect
import math

import torch

__all__ = ["hint_for", "list_hint", "map_hint"]

LABELS = ("c", "y", "label", "labels", "class_labels", "classes", "cond", "condition")
OWN_INPUT = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD


def hint_for(module, z, reasons, given):
    """Say what to change.

    Parameters
    ----------
    module : torch.nn.Module
    z : tensor (n, d)
        Latents that were tried.
    reasons : list of str
        What the module raised.
    given : bool
        Whether the user told latent_dim.

    Returns
    -------
    str
    """
    more = _other_inputs(module)
    if more:
        return _more_hint(more)
    if any("Guard failed" in reason for reason in reasons):
        return (
            "It was exported for batches of one size. Pass the module that it was exported from, or export it again "
            "with dynamic_shapes=({0: torch.export.Dim.AUTO},)."
        )
    if any("dtype" in reason or "bias type" in reason for reason in reasons):
        return "skmimic computes in float32 throughout: take casts such as z.half() or z.double() out of its forward."
    return list_hint(module, z) or _axes_hint(module, z) or _size_hint(given)


def _size_hint(given):
    return "Check latent_dim." if given else "Pass latent_dim=..."


def _other_inputs(module):
    """Names of what its forward must be given besides the latents."""
    try:
        inputs = list(inspect.signature(module.forward).parameters.values())[1:]
    except (TypeError, ValueError):
        return []
    is_needed = [value.default is inspect.Parameter.empty for value in inputs]
    kinds = (*OWN_INPUT, inspect.Parameter.KEYWORD_ONLY)
    return [value.name for value, needed in zip(inputs, is_needed, strict=True) if needed and value.kind in kinds]


def _more_hint(names):
    told = ", ".join(names)
    what = " (labels, one for each row)" if set(names) & set(LABELS) else ""
    arguments = ", ".join(f"{name}={name}" for name in names)
    return f"Its forward wants {told} as well{what}. Wrap it, with {told} fixed:" + _wrapper(f"self.g(z, {arguments})")


def _wrapper(call):
    return (
        "\nclass Wrapped(torch.nn.Module):"
        "\n    def __init__(self, g): super().__init__(); self.g = g"
        f"\n    def forward(self, z): return {call}"
    )


def list_hint(module, z):
    """Say that the module wants a list of latents, if it takes one; else an empty text."""
    if not _gives_images(module, [z], len(z)):
        return ""
    return "It takes a list of latents. Wrap it:" + _wrapper("self.g([z])")


def _axes_hint(module, z):
    """Say that the module wants latents of three axes, or maps, if it takes them."""
    n, d = z.shape
    for part in (part for part in range(2, d) if d % part == 0):
        if _gives_images(module, z.view(n, part, d // part), n):
            return (
                f"It takes latents of three axes, such as (n, {part}, {d // part}). Wrap it, with the shape that it "
                "was made for:" + _wrapper(f"self.g(z.view(len(z), {part}, {d // part}))")
            )
        side = math.isqrt(d // part)
        if side > 1 and part * side * side == d and _gives_images(module, z.view(n, part, side, side), n):
            return f"It takes maps (n, {part}, {side}, {side}). Wrap it:" + _wrapper(
                f"self.g(z.view(len(z), {part}, {side}, {side}))"
            )
    return ""


def map_hint(n_channels):
    """Say what to do with a decoder of maps that was handed latents as maps of one pixel.

    Parameters
    ----------
    n_channels : int
        Of the maps.

    Returns
    -------
    str
    """
    return (
        f"It looks like a decoder of maps (n, {n_channels}, h, w). Pass latent_dim={n_channels} * h * w and wrap it, "
        "with the h and w that it was trained on:" + _wrapper(f"self.g(z.view(len(z), {n_channels}, h, w))")
    )


def _gives_images(module, latents, n):
    try:
        output = module(latents)
    except Exception:  # whatever the module's code raises: it does not take these
        return False
    first = output[0] if isinstance(output, (tuple, list)) and output else output
    return isinstance(first, torch.Tensor) and first.ndim in (2, 3, 4) and len(first) == n
