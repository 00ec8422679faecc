"""Projection by an encoder: one trained on the observations (iGAN), or the generator's own (BiGAN)."""

from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar

from ..engine import GeneratorEncoder, computing, learn_image_encoder
from ..exceptions import GeneratorMismatchError
from ..utils import resolve_device
from ..utils._sklearn import Interval
from ._base import MimicEstimator
from ._baselines import BaselineProjector
from ._data import canonical_images, distinct_rows
from ._docs import with_baseline_parameters
from ._gans import DCGAN

__all__ = ["BiGANProjector", "EncoderProjector"]

UNUSED = ("solver", "T", "start")
CONSTRAINTS = {name: value for name, value in BaselineProjector._parameter_constraints.items() if name not in UNUSED}


@with_baseline_parameters()
class EncoderProjector(BaselineProjector):
    """Project by an encoder that is trained on the observations, as if there were no corruption (iGAN).

    `fit` learns E such that ``sum_j L(Y_j, G(E(Y_j)))`` is small; `transform` is G(E(Y)), row by row.

    Parameters
    ----------
    gan : Generator and what else `MimicGANProjector` accepts
    n_steps : int, default=1000
        Training steps, each on at most 128 rows. Up to so many rows, 500 steps look at a row as often as the latent
        steps of the other methods do, T * T2.
    lr : float, default=3e-4
        First learning rate of the encoder, for Adam; it falls along a cosine.
    n_adapt : int, default=10_000
        Rows at most on which the encoder is trained, chosen by content.
    %(refinement)s

    Attributes
    ----------
    %(attributes)s
    n_iter_ : int
        Looks at the loss, one every 50 steps; ``trace_.objectives`` holds the mean loss at each.

    See Also
    --------
    MimicGANProjector : Learns the corruption; its amortized solver trains an encoder too, on pairs that it makes.
    BiGANProjector : An encoder learned together with the generator.

    Notes
    -----
    The encoder is the discriminator's architecture with the latents as its last layer: stride-2 convolutions, 64
    channels next to the image, for vectors a dense network; without batch normalisation, which would couple the rows.
    Its outputs are squashed into the allowed latents. For linear generators the best linear encoder, least squares,
    takes its place.

    References
    ----------
    MimicGAN, section 4.2, "iGAN"; J.-Y. Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold",
    ECCV 2016, which refines the latents from there: `T2`.

    Examples
    --------
    >>> from skmimic import EncoderProjector, load_gan
    >>> gan = load_gan("mnist16")
    >>> X = gan.sample(16, random_state=0)
    >>> losses = EncoderProjector(gan, n_steps=20, random_state=0).fit(X).trace_.objectives
    >>> losses[-1] < losses[0]
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **CONSTRAINTS,
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "n_adapt": MimicEstimator._parameter_constraints["n_adapt"],
    }
    solver, T, start = "joint", 1, "auto"

    def __init__(
        self,
        gan=None,
        *,
        n_steps=1000,
        lr=3e-4,
        n_adapt=10_000,
        T2=0,
        lr_latent=5e-2,
        lambda_adv=0.0,
        loss="charbonnier",
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
        )
        self.n_steps = n_steps
        self.lr = lr
        self.n_adapt = n_adapt

    def _estimate(self, rows, surrogate, report=None, **ignored):
        if self.generator_.is_linear:
            return self._identity()
        chosen = rows[distinct_rows(rows, self.n_adapt, self.data_range_)]
        device = resolve_device(self.device)
        with computing():
            observed = canonical_images(chosen, self.image_shape_, self.data_range_).to(device)
            generator, settings = self.generator_.on(device), self._settings()
            return learn_image_encoder(generator, observed, settings, self.n_steps, self.lr, self.seed_, report)


@with_baseline_parameters()
class BiGANProjector(BaselineProjector):
    """Project by the encoder that was learned together with the generator, as if there were no corruption (BiGAN, ALI).

    `transform` is G(E(Y)), row by row; nothing is learned from the observations.

    Parameters
    ----------
    gan : Generator with an encoder, BiGAN, VAE and what else `MimicGANProjector` accepts
        An unfitted `BiGAN` is trained on the X of `fit`. Linear generators have an exact encoder, least squares.
    %(refinement)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    BiGAN : Trains generator and encoder.
    EncoderProjector : An encoder trained on the observations.

    References
    ----------
    MimicGAN, section 4.2, "BiGAN/ALI"; J. Donahue et al., "Adversarial Feature Learning", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skmimic import BiGANProjector
    >>> X = np.random.default_rng(0).normal(size=(20, 6))
    >>> BiGANProjector().fit(X).transform(X).shape
    (20, 6)
    """

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS
    solver, T, start = "joint", 1, "auto"

    def __init__(
        self,
        gan=None,
        *,
        T2=0,
        lr_latent=5e-2,
        lambda_adv=0.0,
        loss="charbonnier",
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
        )

    def _settle(self, form, rows, seen, is_clean=False):
        if isinstance(self.gan, DCGAN):  # said before it is trained
            _refuse(self.gan)
        super()._settle(form, rows, seen, is_clean)
        if not (self.generator_.has_encoder or self.generator_.is_linear):
            _refuse(self.generator_)

    def _estimate(self, rows, surrogate, report=None, **ignored):
        if self.generator_.is_linear:
            return self._identity()
        return replace(self._identity(), encoder=GeneratorEncoder(self.generator_))


def _refuse(gan):
    raise GeneratorMismatchError(
        f"BiGANProjector: {gan!r} has no encoder. Pass a BiGAN, a Generator with encoder=..., or let EncoderProjector "
        "train one on X."
    )
