"""What a discriminator sees in images before it judges them."""

import threading

from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..exceptions import GeneratorMismatchError

__all__ = ["DiscriminatorFeatures", "LastLayer"]


class LastLayer:
    """Listens at the last linear or convolutional layer of a module; each thread hears its own passes."""

    def __init__(self):
        self._lock, self._heard, self._layer = threading.Lock(), threading.local(), None

    def inputs(self, module, run):
        """Run a pass and return what went into the last layer.

        Parameters
        ----------
        module : torch.nn.Module
            The same at every call.
        run : callable
            Calls the module once.

        Returns
        -------
        tensor
        """
        with self._lock:
            if self._layer is None:
                self._layer = _last_layer(module)
                self._layer.register_forward_pre_hook(self._listen)
        self._heard.inputs = []
        try:
            run()
            heard = self._heard.inputs
        finally:
            self._heard.inputs = None
        if not heard:
            raise GeneratorMismatchError(f"features: {type(module).__name__} does not call its last layer.")
        return heard[-1]

    def _listen(self, layer, inputs):
        if getattr(self._heard, "inputs", None) is not None:
            self._heard.inputs.append(inputs[0])


def _last_layer(module):
    layers = [layer for layer in module.modules() if isinstance(layer, (nn.Linear, _ConvNd))]
    if not layers:
        name = getattr(module, "original_name", type(module).__name__)
        raise GeneratorMismatchError(
            f"features: the discriminator {name} has no torch.nn.Linear or convolutional layer whose inputs could be "
            "its features. Pass features=..., a callable from images (n, c, h, w) to features."
        )
    return layers[-1]


class DiscriminatorFeatures:
    """Images to what the last layer of a generator's own discriminator sees; pickles with the frozen handle.

    Parameters
    ----------
    generator : Generator

    Raises
    ------
    GeneratorMismatchError
        If the generator has no discriminator.

    Examples
    --------
    >>> import torch
    >>> from skmimic.generators import DiscriminatorFeatures, load_gan
    >>> DiscriminatorFeatures(load_gan("mnist16"))(torch.zeros(4, 1, 16, 16)).shape[0]
    4
    """

    def __init__(self, generator):
        if not generator.has_discriminator:
            raise GeneratorMismatchError(
                f"features: {generator!r} has no discriminator. Pass a pair (G, D), or features of your own."
            )
        self.generator = generator

    def __repr__(self):
        return f"DiscriminatorFeatures({self.generator!r})"

    def __call__(self, images):
        """Map images to features on their own device.

        Parameters
        ----------
        images : tensor (n, c, h, w)
            In [-1, 1].

        Returns
        -------
        tensor (n, ...)
        """
        return self.generator.on(images.device).features(images)
