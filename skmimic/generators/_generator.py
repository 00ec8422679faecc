"""The frozen handle of a generator."""

import json
import threading
from numbers import Integral

import numpy as np
import torch
from sklearn.base import BaseEstimator

from ..exceptions import FrozenGeneratorError, GeneratorMismatchError, NotFiniteError
from ..utils import (
    CANONICAL,
    RowRunner,
    checked_state,
    refuse_fork,
    resolve_device,
    shielded,
    stamped_state,
    torch_generator,
)
from . import _format
from ._assembly import Wishes, assemble
from ._calling import probe_encoder
from ._facts import fingerprint_of
from ._linear import canonical_part
from ._loaded import LoadedGenerator
from ._parts import take_apart

__all__ = ["Generator"]

LARGEST_LATENT = 1e15  # its square, summed, is still finite in single precision, 3.4e38
CHUNK = 64  # rows decoded at once by `decode`
N_PROBES = 16  # images by which is found how an encoder is called


class Generator(BaseEstimator):
    """Frozen map from latents to images, with what is known about it.

    The handle cannot be changed: cloning and deep copying give the handle itself, and setting anything raises. The
    module is copied into numpy arrays (in eval mode, without parameter gradients) and left as it is; copies on devices
    are made on demand by `on` and never pickled. So a handle is pickled cheaply, and joblib maps its arrays into the
    memory of all workers once.

    Parameters
    ----------
    module : torch.nn.Module
        Maps latents (n, d) or (n, d, 1, 1) to images (n, c, h, w), (n, h, w) or rows (n, c*h*w). Half and double
        precision are computed in float32.
    latent_dim : int or None, default=None
        Number of latents. None finds it from an attribute such as ``latent_dim`` or ``nz``, or from the first layer.
    image_shape : tuple of int or None, default=None
        Channels, height, width. None finds it by one forward pass.
    data_range : tuple of float or None, default=None
        Values of black and white in the images that the module gives. None measures them on some hundred images of the
        prior, where these are in [-1, 1], [0, 1] or [0, 255].
    prior : {"uniform", "normal"}, pair of float or Prior, default="uniform"
        Distribution of the latents; "uniform" is the box [-1, 1], a pair gives its bounds.
    discriminator : torch.nn.Module or None, default=None
        Gives one logit for each image, whatever other images are in the batch. A sigmoid at its end is undone: it is
        known by answers that stay in [0, 1] on draws, on noise and on images a thousand times as bright.
    encoder : torch.nn.Module or None, default=None
        Maps images to latents, each image alone.
    name : str or None, default=None
        For people. None takes the class of the module.

    Attributes
    ----------
    latent_dim, image_shape, data_range, prior, name
        As above, found and checked.
    notes : dict
        What it was trained on and on which terms.
    fingerprint : str
        16 hexadecimal digits that change with weights, architecture, range or prior.
    has_discriminator, has_encoder, is_linear : bool
    adopts_range : bool
        Whether it is linear and was not told its range: its values are in the units of the data it is used on.

    Raises
    ------
    GeneratorMismatchError
        If the parts don't fit each other, or nothing could be projected onto the images: they depend on other rows of
        the batch (batch statistics at evaluation time), have no gradient in the latents or a wrong one, are not finite,
        all the same, have channels last, or are smaller than images are.
    DataRangeError
        If the images fit no usual range, or not the one that is told.
    TypeError
        If a part is no module, or cannot be copied.

    See Also
    --------
    skmimic.generators.as_generator : Accept more kinds of generators.
    skmimic.load_gan : Bundled generators.

    Examples
    --------
    >>> from torch import nn
    >>> from skmimic import Generator
    >>> network = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    >>> generator = Generator(network)
    >>> generator.image_shape
    (1, 8, 8)
    >>> generator.sample(3, random_state=0).shape
    (3, 1, 8, 8)
    """

    def __init__(
        self,
        module,
        *,
        latent_dim=None,
        image_shape=None,
        data_range=None,
        prior="uniform",
        discriminator=None,
        encoder=None,
        name=None,
    ):
        facts = Wishes(latent_dim, image_shape, data_range, prior, name)
        self._set_state(*assemble({"generator": module, "discriminator": discriminator, "encoder": encoder}, facts, {}))

    @classmethod
    def from_modules(
        cls,
        generator_module,
        discriminator=None,
        encoder=None,
        *,
        prior="uniform",
        data_range=CANONICAL,
        name=None,
        notes=None,
    ):
        """Freeze trained modules together with notes on their training.

        Parameters
        ----------
        generator_module : torch.nn.Module
        discriminator, encoder : torch.nn.Module or None, default=None
        prior : {"uniform", "normal"}, pair of float or Prior, default="uniform"
        data_range : tuple of float, default=(-1.0, 1.0)
            What it was trained on; not checked, for images are grey after a few steps.
        name : str or None, default=None
        notes : dict or None, default=None
            JSON values, such as ``{"trained_on": ..., "terms": ...}``.

        Returns
        -------
        Generator
        """
        wishes = Wishes(None, None, data_range, prior, name, is_declared=True)
        modules = {"generator": generator_module, "discriminator": discriminator, "encoder": encoder}
        return cls._of(*assemble(modules, wishes, _as_json(notes or {})))

    @classmethod
    def _of(cls, facts, parts, fingerprint):
        handle = cls.__new__(cls)
        handle._set_state(facts, parts, fingerprint)
        return handle

    def _set_state(self, facts, parts, fingerprint):
        state = {
            "_facts": facts,
            "_parts": parts,
            "_fingerprint": fingerprint,
            "_lock": threading.Lock(),
            "_loaded": {},
        }
        self.__dict__.update(state)

    latent_dim = property(lambda self: self._facts.latent_dim, doc="Number of latents.")
    image_shape = property(lambda self: self._facts.image_shape, doc="Channels, height, width.")
    data_range = property(lambda self: self._facts.data_range, doc="Range of the pixel values that it gives.")
    prior = property(lambda self: self._facts.prior, doc="Distribution of the latents.")
    name = property(lambda self: self._facts.name, doc="Name for people.")
    notes = property(lambda self: dict(self._facts.notes), doc="What it was trained on and on which terms.")
    fingerprint = property(lambda self: self._fingerprint, doc="16 hexadecimal digits that identify what it computes.")
    has_discriminator = property(lambda self: "discriminator" in self._parts, doc="Whether it has a discriminator.")
    has_encoder = property(lambda self: "encoder" in self._parts, doc="Whether it has an encoder.")
    adopts_range = property(
        lambda self: "range" in self._facts.adopts, doc="Whether black and white are those of the data it is used on."
    )
    is_linear = property(
        lambda self: self._parts["generator"].architecture == "linear", doc="Whether it is an affine map."
    )

    def __setattr__(self, name, value):
        raise FrozenGeneratorError(f"Generator is frozen: {name!r} cannot be set. Make a new Generator instead.")

    def __delattr__(self, name):
        raise FrozenGeneratorError(f"Generator is frozen: {name!r} cannot be deleted.")

    def __sklearn_clone__(self):
        return self

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __getstate__(self):
        return stamped_state({"facts": self._facts, "parts": self._parts, "fingerprint": self._fingerprint})

    def __setstate__(self, state):
        state = checked_state(self, state)
        for part in state["parts"].values():
            for array in part.arrays.values():
                array.setflags(write=False)
        self._set_state(state["facts"], state["parts"], state["fingerprint"])

    def __repr__(self, N_CHAR_MAX=700):
        return f"Generator({self.name!r}, latent_dim={self.latent_dim}, image_shape={self.image_shape})"

    def get_params(self, deep=True):
        """Return the facts, for display; they cannot be set.

        Parameters
        ----------
        deep : bool, default=True
            Without effect.

        Returns
        -------
        dict
        """
        names = ("latent_dim", "image_shape", "data_range", "prior", "name")
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params):
        """Raise FrozenGeneratorError: a generator has no parameters to search over.

        Parameters
        ----------
        **params : dict
            Must be empty.

        Returns
        -------
        Generator
        """
        if params:
            raise FrozenGeneratorError(
                f"Generator is frozen: {', '.join(params)} cannot be set. Make a new Generator instead."
            )
        return self

    @shielded()
    def on(self, device="auto"):
        """Return the networks on a device; made once for each device, safe to call from several threads.

        Parameters
        ----------
        device : {"auto"} or str or torch.device, default="auto"

        Returns
        -------
        LoadedGenerator
        """
        refuse_fork()
        device = resolve_device(device)
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", torch.cuda.current_device())
        with self._lock:
            if device not in self._loaded:
                self._loaded[device] = LoadedGenerator(self._facts, self._parts, device)
            return self._loaded[device]

    def sample(self, n, random_state=None):
        """Draw images.

        Parameters
        ----------
        n : int
            How many.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n, C, H, W)
            float32, in `data_range`.
        """
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 0:
            raise ValueError(f"Generator.sample: n must be an integer of at least 0, got {n!r}.")
        return self.decode(self.prior.sample(int(n), self.latent_dim, torch_generator(random_state)).numpy())

    def decode(self, Z):
        """Map latents to images, in chunks, on the CPU.

        A row gives the same bits whatever rows stand beside it.

        Parameters
        ----------
        Z : array-like of shape (n, latent_dim)

        Returns
        -------
        ndarray of shape (n, C, H, W)
            float32, in `data_range`.

        Raises
        ------
        GeneratorMismatchError
            If `Z` has another shape, is not finite, or too large to compute with.
        NotFiniteError
            If the images are not finite.
        """
        Z = self._as_latents(Z)
        if not len(Z):
            return np.empty((0, *self.image_shape), dtype=np.float32)
        loaded = self.on("cpu")
        with shielded(), torch.no_grad():
            images = RowRunner(CHUNK)(loaded.decode, torch.from_numpy(Z))
            if not bool(torch.isfinite(images).all()):
                raise NotFiniteError(
                    f"{self!r}: latents up to {np.abs(Z).max():g} give images that are not finite. Pass latents as "
                    "encode or the prior give them."
                )
        return CANONICAL.convert(images, self.data_range).numpy()

    def _as_latents(self, Z):
        if isinstance(Z, torch.Tensor):
            Z = Z.detach().cpu().double().numpy()
        Z = np.array(Z, dtype=np.float64)
        if Z.ndim != 2 or Z.shape[1] != self.latent_dim:
            hint = " Reshape one latent with z.reshape(1, -1)." if Z.ndim == 1 else ""
            raise GeneratorMismatchError(
                f"{self!r}: expected latents (n, {self.latent_dim}), got shape {Z.shape}.{hint}"
            )
        if not np.isfinite(Z).all():
            raise GeneratorMismatchError(f"{self!r}: latents contain NaN or infinity.")
        if (np.abs(Z) > LARGEST_LATENT).any():
            raise GeneratorMismatchError(
                f"{self!r}: latents go up to {np.abs(Z).max():g}, more than {LARGEST_LATENT:g}, which single precision "
                "cannot square and sum. Pass latents as encode or the prior give them."
            )
        return Z.astype(np.float32)

    def linear_map(self):
        """Return the affine map of a linear generator.

        Returns
        -------
        components : ndarray of shape (latent_dim, C*H*W), float64
        mean : ndarray of shape (C*H*W,), float64
            Images as rows are ``Z @ components + mean``, in [-1, 1].

        Raises
        ------
        GeneratorMismatchError
            If the generator is not linear.
        """
        if not self.is_linear:
            raise GeneratorMismatchError(f"{self!r} is not linear, so it has no linear_map(). Check is_linear first.")
        arrays = canonical_part(self._parts["generator"], self.data_range).arrays
        return arrays["components"].copy(), arrays["mean"].copy()

    def registered_encoder(self):
        """Return a copy of the encoder on the CPU, if it is a network of the registry, which training can go on with.

        Returns
        -------
        torch.nn.Module or None
        """
        return self.encoder_module() if self.has_encoder and self._parts["encoder"].architecture else None

    def encoder_module(self):
        """Return a copy of the encoder on the CPU, frozen, or None without one.

        Returns
        -------
        torch.nn.Module or None
        """
        return self._parts["encoder"].load(torch.device("cpu")) if self.has_encoder else None

    def with_encoder(self, encoder):
        """Return a handle of the same generator with another encoder.

        Parameters
        ----------
        encoder : torch.nn.Module
            Maps images in `data_range` to latents, each image alone.

        Returns
        -------
        Generator

        Raises
        ------
        GeneratorMismatchError
            If it takes other images, or gives other latents.
        """
        part = take_apart(encoder)
        with shielded(), torch.no_grad():
            images = torch.from_numpy(self.sample(N_PROBES, random_state=0))
            part = part.calling(**probe_encoder(part.load(torch.device("cpu")), images, self.latent_dim))
        parts = {**self._parts, "encoder": part}
        known = b"" if parts["generator"].architecture else self._fingerprint.encode()  # as when it was assembled
        return Generator._of(self._facts, parts, fingerprint_of(self._facts, parts, known))

    def save(self, path, *, half=False):
        """Write one file: safetensors with the configuration in its metadata.

        Parameters
        ----------
        path : str or path-like
        half : bool, default=False
            Store the weights as float16, half the size; they are widened again on load.

        Raises
        ------
        GeneratorMismatchError
            If a network is not one of the registry: a file never brings code.
        """
        _format.write_model(path, self._facts, self._parts, half=half)

    @classmethod
    def load(cls, path):
        """Read a file that `save` wrote. Nothing in it is imported or executed.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        Generator

        Raises
        ------
        InvalidModelFileError
            If the file is damaged, hostile or no model.
        FileNotFoundError
            If there is none.
        """
        facts, parts = _format.read_model(path)
        return cls._of(facts, parts, fingerprint_of(facts, parts))


def _as_json(notes):
    try:
        return json.loads(json.dumps(dict(notes), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Generator.from_modules: notes must be a dictionary of JSON values, got {notes!r}."
        ) from error
