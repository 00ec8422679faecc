"""What a surrogate is."""

from abc import ABC, abstractmethod

from torch import nn

__all__ = ["Surrogate"]


class Surrogate(nn.Module, ABC):
    """Differentiable model of a corruption: images in, corrupted images of the same shape out.

    Subclass it, give it parameters and a `forward`, and pass the class (or any callable that takes the image shape) as
    the ``surrogate`` of an estimator. The constructor must start it at or near the identity.

    Attributes
    ----------
    takes_deviations : bool
        Whether `forward` uses the six per-row additions to the shared affine parameters.
    is_affine_in_images : bool
        Whether f^(x) is an affine function of the image x for fixed parameters; linear generators are then solved in
        closed form, unless pixels are missing.
    unit : float or None
        By how much its learned numbers move while a latent moves by its standard deviation. None where nobody knows, as
        for weights of a network: such a surrogate is learned by small steps.
    missing : MissingPixels or None
        The part that knows which pixels a row may have lost.
    """

    takes_deviations = False
    is_affine_in_images = False
    unit: float | None = None
    missing = None

    @abstractmethod
    def forward(self, images, deviations=None):
        """Corrupt clean images.

        Parameters
        ----------
        images : tensor (n, c, h, w)
            Clean images in [-1, 1].
        deviations : tensor (n, 6) or None
            Per-row additions to the shared affine parameters.

        Returns
        -------
        tensor (n, c, h, w)
        """

    def undo(self, observed):
        """Return clean images that would look about like observed ones (n, c, h, w), or None where nobody can tell.

        A generator's own encoder, which has seen clean images only, reads the first latents of rows from them.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
            In [-1, 1].

        Returns
        -------
        tensor (n, c, h, w) or None
        """
        return None

    def read_offsets(self, observed):
        """Read from observed rows (n, c, h, w) what they add to the shared affine parameters; None for nothing.

        Parameters
        ----------
        observed : tensor (n, c, h, w)

        Returns
        -------
        tensor (n, 6) or None
        """
        return None

    @abstractmethod
    def recipe(self):
        """Return ``(callable, keyword arguments)`` that build a fresh surrogate of the same shape."""

    def describe(self):
        """Say in human units what the surrogate does.

        Returns
        -------
        dict
            Names with their unit, such as ``rotation_deg``, to numbers, tuples of numbers, or words.
        """
        return {"parameters": sum(parameter.numel() for parameter in self.parameters())}
