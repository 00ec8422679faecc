"""Rows of the same engine without a learned surrogate, whose latents are found by descent."""

from typing import ClassVar

from ..surrogates import KnownCorruption
from ._base import MimicEstimator
from ._docs import with_baseline_parameters
from ._projector_methods import ObservedProjector

__all__ = ["BaselineProjector", "DescentProjector", "KnownCorruptionProjector", "PGDProjector"]

UNUSED = ("surrogate", "T1", "lr_surrogate", "n_init", "adapt_on", "n_adapt")


class BaselineProjector(ObservedProjector):
    """Projectors that learn no corruption; the parameters are documented in the subclasses."""

    _parameter_constraints: ClassVar[dict] = {
        name: allowed for name, allowed in MimicEstimator._parameter_constraints.items() if name not in UNUSED
    }
    surrogate = "identity"
    T1, lr_surrogate, n_init, adapt_on, n_adapt = 0, 1e-2, 1, "fit", 2  # nothing is learned

    def __init__(
        self,
        gan,
        T2,
        lr_latent,
        lambda_adv,
        loss,
        optimizer,
        stochastic_clipping,
        image_shape,
        data_range,
        batch_size,
        device,
        n_jobs,
        random_state,
        verbose,
    ):
        self.gan = gan
        self.T2 = T2
        self.lr_latent = lr_latent
        self.lambda_adv = lambda_adv
        self.loss = loss
        self.optimizer = optimizer
        self.stochastic_clipping = stochastic_clipping
        self.image_shape = image_shape
        self.data_range = data_range
        self.batch_size = batch_size
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose


class DescentProjector(BaselineProjector):
    """Baselines whose rows walk to their latents in T * T2 steps; the parameters are documented in the subclasses."""

    def __init__(self, gan, solver, T, T2, lr_latent, lambda_adv, loss, start, *others):
        super().__init__(gan, T2, lr_latent, lambda_adv, loss, *others)
        self.solver = solver
        self.T = T
        self.start = start


@with_baseline_parameters()
class PGDProjector(DescentProjector):
    """Project onto the manifold of a generator as if there were no corruption (projected gradient descent).

    Parameters
    ----------
    gan : Generator and what else `MimicGANProjector` accepts
    %(descent)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    MimicGANProjector : Learns the corruption.
    PerceptualProjector : Compares features too.

    References
    ----------
    MimicGAN, Eq. 3; "PGD" in all of its tables.
    """

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
        super().__init__(
            gan,
            solver,
            T,
            T2,
            lr_latent,
            lambda_adv,
            loss,
            start,
            optimizer,
            stochastic_clipping,
            image_shape,
            data_range,
            batch_size,
            device,
            n_jobs,
            random_state,
            verbose,
        )


@with_baseline_parameters()
class KnownCorruptionProjector(DescentProjector):
    """Project with the true corruption given: the best that any method can hope for.

    Parameters
    ----------
    gan : Generator and what else `MimicGANProjector` accepts
    f : callable
        Differentiable map of an image tensor (n, c, h, w) in [-1, 1] to the same shape; see `skmimic.corruptions`.
        None is the identity.
    %(descent)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    MimicGANProjector : Learns the corruption.

    References
    ----------
    MimicGAN, Eq. 2.
    """

    _parameter_constraints: ClassVar[dict] = {**BaselineProjector._parameter_constraints, "f": [callable, None]}

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
        super().__init__(
            gan,
            solver,
            T,
            T2,
            lr_latent,
            lambda_adv,
            loss,
            start,
            optimizer,
            stochastic_clipping,
            image_shape,
            data_range,
            batch_size,
            device,
            n_jobs,
            random_state,
            verbose,
        )
        self.f = f

    @property
    def surrogate(self):
        """The known corruption as a surrogate."""
        return "identity" if self.f is None else KnownCorruption(self.f)
