"""Rows of the same engine without a learned surrogate."""

from typing import ClassVar

from ..surrogates import KnownCorruption
from ._base import MimicEstimator
from ._projector import ObservedProjector

__all__ = ["KnownCorruptionProjector", "PGDProjector"]

UNUSED = ("surrogate", "T1", "lr_surrogate", "n_init", "adapt_on", "n_adapt")
CONSTRAINTS = {k: v for k, v in MimicEstimator._parameter_constraints.items() if k not in UNUSED}


class PGDProjector(ObservedProjector):
    """Project onto the manifold of a generator as if there were no corruption (projected gradient descent).

    Parameters
    ----------
    gan : Generator and what else `MimicGANProjector` accepts
    solver : {"joint", "alternating", "amortized", "auto"}, default="joint"
        As in `MimicGANProjector`; only the latents move.
    T, T2 : int, default=20 and 25
        At most T * T2 latent steps.
    lr_latent : float, default=5e-2
        Learning rate of the latents; 5e-3 in the paper.
    lambda_adv : float, default=0.0
    loss : {"charbonnier", "l1", "l2"} or callable, default="charbonnier"
    start : {"auto", "mean", "zero", "nearest", "random", "encoder"}, default="auto"
    optimizer : {"auto", "adam", "rmsprop", "rmsprop_tf"}, default="auto"
    stochastic_clipping : bool, default=False
    image_shape : tuple (C, H, W) or None, default=None
    data_range : "auto" or tuple (low, high), default="auto"
    batch_size : int, default=256
    device : str or torch.device, default="auto"
    n_jobs : int or None, default=None
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        As in `MimicGANProjector`.

    Attributes
    ----------
    generator_ : Generator
    surrogate_ : FittedSurrogate
    image_shape_ : tuple (C, H, W)
    data_range_ : Bounds
    seed_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        When X has column names.

    See Also
    --------
    MimicGANProjector : Learns the corruption.

    References
    ----------
    MimicGAN, Eq. 3; "PGD" in all of its tables.
    """

    _parameter_constraints = CONSTRAINTS
    surrogate = "identity"
    T1, lr_surrogate, n_init, adapt_on, n_adapt = 0, 1e-2, 1, "fit", 2  # nothing is learned

    def __init__(
        self,
        gan=None,
        *,
        solver="joint",
        T=20,
        T2=25,
        lr_latent=5e-2,
        lambda_adv=0.0,
        loss="charbonnier",
        start="auto",
        optimizer="auto",
        stochastic_clipping=False,
        image_shape=None,
        data_range="auto",
        batch_size=256,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.gan = gan
        self.solver = solver
        self.T = T
        self.T2 = T2
        self.lr_latent = lr_latent
        self.lambda_adv = lambda_adv
        self.loss = loss
        self.start = start
        self.optimizer = optimizer
        self.stochastic_clipping = stochastic_clipping
        self.image_shape = image_shape
        self.data_range = data_range
        self.batch_size = batch_size
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose


class KnownCorruptionProjector(ObservedProjector):
    """Project with the true corruption given: the best that any method can hope for.

    Parameters
    ----------
    gan : Generator and what else `MimicGANProjector` accepts
    f : callable
        Differentiable map of an image tensor (n, c, h, w) in [-1, 1] to the same shape; see `skmimic.corruptions`.
        None is the identity.
    solver : {"joint", "alternating", "amortized", "auto"}, default="joint"
        As in `MimicGANProjector`; only the latents move.
    T, T2 : int, default=20 and 25
        At most T * T2 latent steps.
    lr_latent : float, default=5e-2
        Learning rate of the latents; 5e-3 in the paper.
    lambda_adv : float, default=0.0
    loss : {"charbonnier", "l1", "l2"} or callable, default="charbonnier"
    start : {"auto", "mean", "zero", "nearest", "random", "encoder"}, default="auto"
    optimizer : {"auto", "adam", "rmsprop", "rmsprop_tf"}, default="auto"
    stochastic_clipping : bool, default=False
    image_shape : tuple (C, H, W) or None, default=None
    data_range : "auto" or tuple (low, high), default="auto"
    batch_size : int, default=256
    device : str or torch.device, default="auto"
    n_jobs : int or None, default=None
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        As in `MimicGANProjector`.

    Attributes
    ----------
    generator_ : Generator
    surrogate_ : FittedSurrogate
    image_shape_ : tuple (C, H, W)
    data_range_ : Bounds
    seed_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        When X has column names.

    See Also
    --------
    MimicGANProjector : Learns the corruption.

    References
    ----------
    MimicGAN, Eq. 2.
    """

    _parameter_constraints: ClassVar[dict] = {**CONSTRAINTS, "f": [callable, None]}
    T1, lr_surrogate, n_init, adapt_on, n_adapt = 0, 1e-2, 1, "fit", 2  # nothing is learned

    def __init__(
        self,
        gan=None,
        *,
        f=None,
        solver="joint",
        T=20,
        T2=25,
        lr_latent=5e-2,
        lambda_adv=0.0,
        loss="charbonnier",
        start="auto",
        optimizer="auto",
        stochastic_clipping=False,
        image_shape=None,
        data_range="auto",
        batch_size=256,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.gan = gan
        self.f = f
        self.solver = solver
        self.T = T
        self.T2 = T2
        self.lr_latent = lr_latent
        self.lambda_adv = lambda_adv
        self.loss = loss
        self.start = start
        self.optimizer = optimizer
        self.stochastic_clipping = stochastic_clipping
        self.image_shape = image_shape
        self.data_range = data_range
        self.batch_size = batch_size
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @property
    def surrogate(self):
        """The known corruption as a surrogate."""
        return "identity" if self.f is None else KnownCorruption(self.f)
