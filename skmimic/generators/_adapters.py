"""Everything that can be a generator, made one."""

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ..utils import Bounds
from ._bundled import load_gan
from ._decompositions import decomposition_generator
from ._facts import as_image_shape
from ._generator import Generator
from ._priors import as_prior
from ._units import adopt_range

__all__ = ["as_generator"]


def as_generator(gan, latent_dim=None, image_shape=None, prior=None, data_range=None):
    """Make a frozen generator of whatever can be one.

    Parameters
    ----------
    gan : Generator, torch.nn.Module, pair of modules, fitted estimator or str
        A `Generator` is returned itself. A module (TorchScript included) or a pair ``(G, D)`` is copied. Of an
        estimator the attribute ``generator_`` is taken, or else an affine ``inverse_transform`` (PCA, IncrementalPCA,
        TruncatedSVD, FastICA, NMF). A string is the name of a bundled generator.
    latent_dim : int or None, default=None
        For modules and decompositions; None finds it.
    image_shape : tuple of int or None, default=None
        Channels, height, width, for modules and decompositions; None finds it.
    prior : {"uniform", "normal"}, pair of float, Prior or None, default=None
        None is uniform for modules, normal for decompositions.
    data_range : tuple of float or None, default=None
        Range of the images. None measures that of a module, as `Generator` does; a decomposition gives its values
        unchanged, and an estimator takes black and white from X, which is in the same units.

    Returns
    -------
    Generator

    Raises
    ------
    TypeError
        If nothing of `gan` can be a generator.
    sklearn.exceptions.NotFittedError
        If it is an estimator that is not fitted.
    GeneratorMismatchError
        If its parts, or the arguments, don't fit it.
    DataRangeError
        If the images of a module fit no usual range, or not the one that is told.
    """
    wishes = {"latent_dim": latent_dim, "image_shape": image_shape, "prior": prior, "data_range": data_range}
    if isinstance(gan, str):
        gan = load_gan(gan)
    ready = gan if isinstance(gan, Generator) else getattr(gan, "generator_", None)
    if isinstance(ready, Generator):
        return _unchanged(ready, wishes)
    if isinstance(gan, nn.Module):
        return _from_modules(gan, None, wishes)
    if isinstance(gan, (tuple, list)):
        return _from_pair(gan, wishes)
    if hasattr(gan, "inverse_transform") and hasattr(gan, "fit") and not isinstance(gan, type):
        return decomposition_generator(gan, **wishes)
    raise _refusal(gan)


def _unchanged(generator, wishes):
    """The handle itself; arguments that contradict it are refused rather than ignored.

    The range of a handle that was told none is no fact: it takes the one it is told now.
    """
    if wishes["data_range"] is not None:
        generator = adopt_range(generator, Bounds.of(wishes["data_range"]))
    for name, wish in wishes.items():
        fact = getattr(generator, name)
        if wish is not None and not _agrees(name, wish, fact):
            raise ValueError(f"{generator!r} is frozen: {name}={wish!r} contradicts its own {fact!r}. Leave it out.")
    return generator


def _agrees(name, wish, fact):
    if name == "prior":
        return as_prior(wish) == fact
    if name == "image_shape":
        return as_image_shape(wish) == fact
    return tuple(wish) == tuple(fact) if name == "data_range" else wish == fact


def _from_pair(pair, wishes):
    if len(pair) != 2 or not all(isinstance(part, nn.Module) for part in pair):
        found = ", ".join(type(part).__name__ for part in pair)
        raise TypeError(f"gan: expected a pair (G, D) of torch.nn.Modules, got ({found}).")
    return _from_modules(*pair, wishes)


def _from_modules(generator, discriminator, wishes):
    return Generator(
        generator,
        latent_dim=wishes["latent_dim"],
        image_shape=wishes["image_shape"],
        prior="uniform" if wishes["prior"] is None else wishes["prior"],
        data_range=wishes["data_range"],
        discriminator=discriminator,
    )


def _refusal(gan):
    accepted = (
        "a Generator, a torch.nn.Module, a pair (G, D), a fitted DCGAN, VAE, BiGAN or linear decomposition, or the "
        "name of a bundled generator"
    )
    if isinstance(gan, type):
        return TypeError(f"gan: got the class {gan.__name__}, expected an instance: {accepted}.")
    if hasattr(gan, "fit") and not _is_fitted(gan):
        return NotFittedError(
            f"gan: this {type(gan).__name__} has no generator yet. Call its fit(X) first, or pass {accepted}."
        )
    return TypeError(f"gan: cannot make a generator of {type(gan).__name__}. Pass {accepted}.")


def _is_fitted(estimator):
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True
