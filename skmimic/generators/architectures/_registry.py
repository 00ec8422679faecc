"""The fixed list of networks that a model file may name."""

import torch

from ...exceptions import InvalidModelFileError
from ...utils import shielded
from ._bigan import BiGANDiscriminator
from ._dcgan import DCGANDiscriminator, DCGANEncoder, DCGANGenerator
from ._dense import DenseDiscriminator, DenseEncoder, DenseGenerator
from ._initial import initialise

__all__ = ["ARCHITECTURES", "build"]

ARCHITECTURES = {
    cls.architecture: cls
    for cls in (
        DCGANGenerator,
        DCGANDiscriminator,
        DCGANEncoder,
        DenseGenerator,
        DenseDiscriminator,
        DenseEncoder,
        BiGANDiscriminator,
    )
}


@shielded()
def build(name, config, generator=None):
    """Make a network of the registry.

    The global random state is not touched: the weights are drawn from `generator`.

    Parameters
    ----------
    name : str
        Key of `ARCHITECTURES`.
    config : dict
        Arguments of the class, as its attribute `config` gives them.
    generator : torch.Generator or None, default=None
        Source of the initial weights; None seeds one with 0.

    Returns
    -------
    torch.nn.Module
        In training mode, on the CPU, with the attributes `architecture` and `config`.

    Raises
    ------
    InvalidModelFileError
        If the name is not in the registry or the configuration does not fit the class.
    """
    if name not in ARCHITECTURES:
        raise InvalidModelFileError(f"unknown architecture {name!r}; expected one of {sorted(ARCHITECTURES)}.")
    try:
        with torch.device("meta"):  # shapes only: torch's own initialisation would draw from the global state
            module = ARCHITECTURES[name](**config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidModelFileError(
            f"architecture {name!r} does not accept the configuration {config!r}: {error}"
        ) from error
    module = module.to_empty(device="cpu")
    initialise(module, generator if generator is not None else torch.Generator().manual_seed(0))
    return module
