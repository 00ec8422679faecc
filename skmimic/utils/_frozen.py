"""A torch module that pickles as numpy and computes on any device."""

import threading

import torch

from ._aligned import align_layers
from ._shield import shielded
from ._tensors import freeze, thaw
from ._versions import checked_state, stamped_state

__all__ = ["FrozenModule"]


class FrozenModule:
    """Frozen copy of a module: its state is numpy arrays, copies on devices are made on demand and never pickled.

    Everything is float32, in eval mode and without parameter gradients.

    Parameters
    ----------
    module : torch.nn.Module
        Left as it is.

    Raises
    ------
    TypeError
        If the module cannot be copied.
    """

    def __init__(self, module):
        self.name = type(module).__name__
        with shielded():
            arrays, skeleton = freeze(module)
        self._set_state({"name": self.name, "arrays": arrays, "skeleton": skeleton})

    def __getstate__(self):
        return stamped_state({"name": self.name, "arrays": self.arrays, "skeleton": self.skeleton})

    def __setstate__(self, state):
        self._set_state(checked_state(self, state))

    def _set_state(self, state):
        vars(self).update(state, _lock=threading.Lock(), _loaded={})

    def __repr__(self):
        return f"FrozenModule({self.name})"

    def on(self, device):
        """Return the module on a device; made once for each device.

        Parameters
        ----------
        device : torch.device

        Returns
        -------
        torch.nn.Module
        """
        with self._lock:
            if device not in self._loaded:
                self._loaded[device] = align_layers(thaw(self.skeleton, self.arrays, device))
            return self._loaded[device]

    def __call__(self, images):
        """Run the module on the device of the images.

        Parameters
        ----------
        images : tensor (n, ...)

        Returns
        -------
        What the module returns
        """
        return self.on(images.device)(images.to(torch.float32))
