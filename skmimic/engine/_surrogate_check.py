"""Whether a surrogate of the user's own can be learned and projected through; asked before any work."""

import torch

from ..exceptions import GeneratorMismatchError, NotFiniteError
from ..utils import first_line

__all__ = ["check_surrogate"]

N_IMAGES = 4  # that are tried together, and the first of them alone
SAME = 1e-3  # of the largest value: kernels add in another order in other batches


def check_surrogate(surrogate, generator, name):
    """Refuse a surrogate that changes the shape, has no gradient, draws at random, or mixes the rows of a batch.

    Parameters
    ----------
    surrogate : Surrogate
    generator : LoadedGenerator
        Some of whose images are tried.
    name : str
        Of the surrogate, for messages.

    Raises
    ------
    GeneratorMismatchError
        The message names the cause and what to do.
    NotFiniteError
        If images come out with NaN or infinity.
    """
    subject = f"surrogate: {name}"
    z = generator.prior.sample(N_IMAGES, generator.latent_dim, torch.Generator().manual_seed(0)).to(generator.device)
    with torch.no_grad():
        images = generator.decode(z).contiguous()
    mimicked = _run(surrogate, images, subject)
    again, alone = (_run(surrogate, some, subject) for some in (images, images[:1]))
    largest = mimicked.abs().max().clamp_min(1.0)
    if not torch.isfinite(mimicked).all():
        raise NotFiniteError(f"{subject} gives values that are not finite for images in [-1, 1]. Correct it.")
    if (again - mimicked).abs().max() > SAME * largest:
        raise GeneratorMismatchError(
            f"{subject} gives other images at a second call, as if it drew at random. Draw once, outside of it."
        )
    if (alone - mimicked[:1]).abs().max() > SAME * largest:
        raise GeneratorMismatchError(
            f"{subject} treats an image in another way when others come with it. Each image of a batch must be "
            "corrupted by itself: take statistics over the last three axes, not over the first."
        )
    _check_gradient(surrogate, images, subject)


def _run(surrogate, images, subject):
    """Corrupt images without a gradient, by whatever code the user wrote."""
    given = images.clone()
    with torch.no_grad():
        mimicked = surrogate(given)
    if not isinstance(mimicked, torch.Tensor):
        raise GeneratorMismatchError(
            f"{subject} must return a tensor of the shape {tuple(images.shape)} that it is given, got "
            f"{type(mimicked).__name__}. Compute with torch, so that there is a gradient."
        )
    if mimicked.shape != images.shape:
        raise GeneratorMismatchError(
            f"{subject} must keep the shape {tuple(images.shape)} of the images that it is given, got "
            f"{tuple(mimicked.shape)}."
        )
    if not torch.equal(given, images):
        raise GeneratorMismatchError(f"{subject} changes the images that it is given. Write them to a new tensor.")
    return mimicked


def _check_gradient(surrogate, images, subject):
    images = images.clone().requires_grad_()
    cure = "Compute with torch alone, without detach, no_grad, numpy, rounding or thresholds."
    try:
        (gradient,) = torch.autograd.grad(surrogate(images * 1.0).square().sum(), images)
    except RuntimeError as error:
        raise GeneratorMismatchError(f"{subject} has no gradient ({first_line(error)}). {cure}") from error
    if not torch.isfinite(gradient).all() or not gradient.any():
        kind = "zero everywhere" if torch.isfinite(gradient).all() else "not finite"
        raise GeneratorMismatchError(f"{subject} has a gradient that is {kind}, so that images cannot be found. {cure}")
