"""What the network of a handle is checked for when the handle is made."""

import torch

from ..exceptions import GeneratorMismatchError
from ..utils import first_line
from ._company import check_alone

__all__ = ["check_finite", "check_generator", "check_varied", "draw_images"]

MOST_DRAWS = 256  # of the prior; what one draw in a hundred shows, a few hundred show
FEWEST_DRAWS = 16  # two companies of eight
MOST_VALUES = 2**22  # pixels of all draws together: 256 draws up to 3x64x64, 85 of 3x128x128
CHUNK = 16  # rows
N_ROWS = 4  # of the pass backward, which keeps what all layers gave; a chunk has no fewer
STEPS = (1e-2, 1e-1, 1e-3, 1e-4)  # of the deviation of the latents
CLEAR = 1e-5  # of the images: what moves them less may be rounding, some 1e-7 in float32
# A true gradient gives a ratio near 1 at some step: within .02 for 38 networks under three priors, within .0004 for
# the registry and the bundled ones; only rounding with a straight-through gradient goes to .18. A wrong gradient gives
# one ratio at all steps, within a tenth of it; kinks, steep steps and rounding give another at each.
RIGHT, AGREE, ENOUGH = 0.2, 0.25, 3
SAME = 1e-6  # of the largest value; float32 has 6e-8, and a sum of many terms some times that


def draw_images(decode, prior, latent_dim, n_values):
    """Draw latents and their images.

    Parameters
    ----------
    decode : callable
        Latents (n, d) to images (n, c, h, w).
    prior : Prior
    latent_dim : int
    n_values : int
        Of one image.

    Returns
    -------
    z : tensor (n, d)
    images : tensor (n, c, h, w)
    """
    n = min(max(MOST_VALUES // n_values, FEWEST_DRAWS), MOST_DRAWS)
    z = prior.sample(n, latent_dim, torch.Generator().manual_seed(1))
    return z, torch.cat([decode(part) for part in z.split(CHUNK)])


def check_generator(module, decode, z, images, name):
    """Refuse a network that no row can be projected onto, with the cause and the cure.

    Parameters
    ----------
    module : torch.nn.Module
        The network, to find the layer that is to blame.
    decode : callable
        Latents (n, d) to images (n, c, h, w), by the network.
    z, images : tensors (n, d) and (n, c, h, w)
        Draws of the prior and what they give, finite, at least 16.
    name : str
        Of the network, for messages.

    Raises
    ------
    GeneratorMismatchError
        If images depend on other rows, or have no gradient, or a wrong one.
    """
    check_alone(module, decode, z, name, "the image of a latent")
    few, scale = z[:N_ROWS], z.std()
    with torch.enable_grad():
        _check_gradient(decode, few.clone().requires_grad_(), name)
    _check_slope(decode, few, scale, name)


def check_finite(images, name):
    """Refuse a network that gives images with NaN or infinity.

    Parameters
    ----------
    images : tensor (n, c, h, w)
    name : str

    Raises
    ------
    GeneratorMismatchError
    """
    n_bad = int((~torch.isfinite(images).flatten(1).all(1)).sum())
    if n_bad:
        raise GeneratorMismatchError(
            f"{name}: gives NaN or infinite pixels for {n_bad} of {len(images)} draws of its prior. Check its weights, "
            "and that prior=... is what it was trained with."
        )


def check_varied(images, name):
    """Refuse a network that gives one image whatever the latents.

    Parameters
    ----------
    images : tensor (n, c, h, w)
    name : str

    Raises
    ------
    GeneratorMismatchError
    """
    spread = (images.amax(0) - images.amin(0)).max()
    if spread <= SAME * images.abs().max():
        raise GeneratorMismatchError(
            f"{name}: gives the same image for all {len(images)} draws of its prior, so it has nothing to choose from. "
            "Check that it is trained and that its forward uses the latents."
        )


def _check_gradient(decode, z, name):
    images = decode(z)
    if not images.requires_grad:
        raise GeneratorMismatchError(
            f"{name}: its images have no gradient in the latents, so latents cannot be searched for. Take "
            "torch.no_grad(), .detach(), .data and numpy out of its forward."
        )
    weights = torch.randn(images.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float32)
    try:
        (gradient,) = torch.autograd.grad((images * weights).sum(), z, allow_unused=True)
    except (RuntimeError, NotImplementedError) as error:
        raise GeneratorMismatchError(
            f"{name}: its images cannot be differentiated in the latents ({first_line(error)}). Compute them by "
            "torch's own differentiable functions."
        ) from error
    if gradient is None or not gradient.any():
        raise GeneratorMismatchError(
            f"{name}: the gradient of its images in the latents is zero everywhere, so latents cannot be searched for. "
            "Take rounding, argmax, comparisons and .detach() out of its forward."
        )
    if not torch.isfinite(gradient).all():
        n_bad = int((~torch.isfinite(gradient).all(1)).sum())
        raise GeneratorMismatchError(
            f"{name}: the gradient of its images in the latents is NaN or infinite for {n_bad} of {len(z)} draws of "
            "its prior. Look for roots, logarithms and divisions at zero in its forward."
        )


def _check_slope(decode, z, scale, name):
    """Compare the gradient with what images do, where several lengths of steps agree on it."""
    ratios = []
    for step in STEPS:
        ratio = slope_ratio(decode, z, step * scale)
        if ratio is not None and abs(ratio - 1) <= RIGHT:
            return
        ratios += [] if ratio is None else [ratio]
    if len(ratios) >= ENOUGH and max(ratios) - min(ratios) <= AGREE * max(map(abs, ratios)):
        raise GeneratorMismatchError(
            f"{name}: the gradient of its images in the latents is wrong: along a line it is {ratios[0]:.2g} times "
            "what the images do. Take .detach(), .data, torch.no_grad() and functions with a backward of their own "
            "out of its forward."
        )


def slope_ratio(decode, z, step):
    """Divide the slope of images along a line, by autograd, by that which they have.

    With w = G(z + s) - G(z - s), which is 2 J s for short steps s, the ratio is <2 J s, w> / <w, w>, where J is that
    of autograd.

    Parameters
    ----------
    decode : callable
    z : tensor (n, d)
    step : float or tensor
        Length of a step, for each latent.

    Returns
    -------
    float or None
        1 for a true gradient; None where the images move by no more than rounding.
    """
    move = step * torch.randn(z.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float32)
    with torch.no_grad():
        after, before = decode(z + move).double(), decode(z - move).double()
    change = after - before
    if change.square().mean() <= CLEAR**2 * after.square().mean() or not bool(torch.isfinite(change).all()):
        return None
    start = z.detach().clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad((decode(start).double() * change).sum(), start)
    return float(2 * (gradient.double() * move.double()).sum() / change.square().sum())
