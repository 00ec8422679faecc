"""Adversarial defence: take off what attacked images share, and answer with images of the generator."""

from numbers import Integral, Real
from typing import ClassVar

from ..utils._sklearn import Interval, StrOptions, _fit_context
from ._base import MimicEstimator
from ._defence_methods import DefenceMethods
from ._drafts import all_or_nothing

__all__ = ["MimicDefense"]


class MimicDefense(DefenceMethods):
    """Clean attacked images before a classifier sees them; a test-bed for defences that project.

    It restores what attacks that do not know of it have spoilt. It is **no protection** against an attacker who knows
    it: the exact gradient through it, which `clean` gives, brings accuracy down again. ``docs/defence.md`` has the
    figures. No labels and no classifier are used.

    With ``method="mimic"``, `fit` trains an encoder E that sees clean images behind perturbed ones, so that
    ``P(x) = G(E(x))`` is a clean image near x, and measures ``b``, the mean of x - P(x) over clean images. `transform`
    finds the perturbation m that its rows share, ``m <- median_j(Y_j - P(Y_j - m) - b)``, and of each row a part s of
    what is left; the answer is ``P(Y - m - s)``. The other rows of a call reach a row's answer through m alone. One row
    alone has m = 0. After ``adapt(X_trusted)``, m is kept and every row stands alone.

    With ``method="projection"`` it is Algorithm 1 of the paper, with its settings; `from_paper` has those of
    Defense-GAN, INC and Cowboy, too.

    Parameters
    ----------
    gan : Generator, DCGAN, VAE, BiGAN and what else `MimicGANProjector` accepts, or None, default=None
        Generator of clean images. None trains a `VAE` on the X of `fit`. An encoder that it has is trained further;
        without one an encoder is trained anew. A linear generator needs none: P is the nearest of its images.
    method : {"mimic", "projection"}, default="mimic"
    rounds : int, default=8
        Of the shared perturbation m.
    row_rounds : int, default=2
        Of the perturbation of each row.
    row_share : float, default=0.5
        In [0, 1]: part of what is left of a row that counts as its perturbation. More withstands stronger attacks and
        costs accuracy on clean rows.
    offset : {"median", "mean"}, default="median"
        How rows vote on m. Less than half of the rows cannot carry the median far.
    noise : float, default=0.18
        Largest amplitude of the perturbations that the encoder is trained on, as a part of the range of the pixels.
    encoder_steps : int, default=800
        Training steps of the encoder, of 128 images each; four times as many for one that begins with random weights.
        0 takes the generator's own encoder as it is.
    checkpoint : path-like or None, default=None
        File that the training of the encoder writes and is resumed from; that of a VAE that is trained here has
        ``.generator`` behind its name.
    surrogate : str, Surrogate or callable, default="paper"
        Of ``method="projection"``, as are the next nine; see `MimicGANProjector`. "offset" is one image that is added
        to all rows, "identity" nothing.
    solver : {"alternating", "joint", "amortized", "closed_form", "auto"}, default="alternating"
    T : int, default=20
    T1, T2 : int, default=10
    lr_surrogate : float, default=1e-2
    lr_latent : float, default=8e-2
    lambda_adv : float, default=1e-4
    loss : {"l1", "l2", "charbonnier"} or callable, default="l1"
    n_init : int, default=1
        Restarts. With ``surrogate="identity"`` every row keeps the restart of its lowest loss, as Defense-GAN does.
    adapt_on : {"transform", "fit"} or None, default="transform"
        Which call finds what rows share. None: only `adapt`; before it nothing is shared.
    n_adapt : int, default=1000
        Rows at most by which m is found, chosen by content.
    start : {"mean", "zero", "nearest", "random", "encoder", "auto"}, default="mean"
    optimizer : {"auto", "lbfgs", "adam", "rmsprop", "rmsprop_tf"}, default="auto"
    stochastic_clipping : bool, default=False
        The last three of ``method="projection"``, too.
    image_shape : tuple (C, H, W) or None, default=None
    data_range : "auto" or tuple (low, high), default="auto"
        Values of black and white in X; rows outside are refused.
    batch_size : int, default=256
    device : str or torch.device, default="auto"
    n_jobs : int or None, default=None
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        As in `MimicGANProjector`.

    Attributes
    ----------
    generator_ : Generator
        With the trained encoder in it.
    encoder_ : torch.nn.Module or None
        Images, in the range of the generator, to latents; on the CPU. None for a linear generator, and for
        ``method="projection"`` without one.
    residual_ : ndarray (C, H, W)
        The mean b of x - P(x) over clean rows, in units of X; with ``method="mimic"`` only.
    shared_offset_ : ndarray (C, H, W)
        The perturbation m that `adapt` found, in units of X; after `adapt` with ``method="mimic"`` only.
    loss_curve_ : ndarray (n_steps,)
        Mean squared error of a pixel, in [-1, 1], while the encoder was trained.
    image_shape_ : tuple (C, H, W)
    data_range_ : Bounds
    seed_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        When X has column names.

    See Also
    --------
    skmimic.attacks : Attacks that know the defence.
    MimicGANProjector : For corruptions that are not chosen by an enemy.

    References
    ----------
    MimicGAN, section 5.2 and Figure 9. The default method is ours; see ``docs/defence.md``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skmimic import MimicDefense
    >>> X = load_digits().data
    >>> defence = MimicDefense(PCA(16), data_range=(0, 16)).fit(X)
    >>> defence.transform(X[:50] + 0.5).shape
    (50, 64)
    """

    _parameter_constraints: ClassVar[dict] = {
        **MimicEstimator._parameter_constraints,
        "method": [StrOptions({"mimic", "projection"})],
        "rounds": [Interval(Integral, 0, None, closed="left")],
        "row_rounds": [Interval(Integral, 0, None, closed="left")],
        "row_share": [Interval(Real, 0, 1, closed="both")],
        "offset": [StrOptions({"median", "mean"})],
        "noise": [Interval(Real, 0, 1, closed="both")],
        "encoder_steps": [Interval(Integral, 0, None, closed="left")],
        "checkpoint": "no_validation",  # a path; opened before the training
    }
    _used_in_fit = ("method", "noise", "encoder_steps")

    def __init__(
        self,
        gan=None,
        *,
        method="mimic",
        rounds=8,
        row_rounds=2,
        row_share=0.5,
        offset="median",
        noise=0.18,
        encoder_steps=800,
        checkpoint=None,
        surrogate="paper",
        solver="alternating",
        T=20,
        T1=10,
        T2=10,
        lr_surrogate=1e-2,
        lr_latent=8e-2,
        lambda_adv=1e-4,
        loss="l1",
        n_init=1,
        adapt_on="transform",
        n_adapt=1000,
        start="mean",
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
            surrogate,
            solver,
            T,
            T1,
            T2,
            lr_surrogate,
            lr_latent,
            lambda_adv,
            loss,
            n_init,
            adapt_on,
            n_adapt,
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
        self.method = method
        self.rounds = rounds
        self.row_rounds = row_rounds
        self.row_share = row_share
        self.offset = offset
        self.noise = noise
        self.encoder_steps = encoder_steps
        self.checkpoint = checkpoint

    @all_or_nothing(anew=True)
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn what clean images look like, attacked ones are not needed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W), (n_samples, C, H, W) or (n_samples, H, W, C)
            Clean images, without NaN.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        GeneratorMismatchError
            If X does not fit the generator, or it has no encoder and ``encoder_steps=0``.
        DataRangeError
            If X leaves `data_range`, or does not tell its range.
        NotFiniteError
            If a training diverges.
        """
        rows = self._fit_data(X, is_clean=True)
        self._check_range(rows)
        if self.method == "mimic":
            self._learn_to_see(rows)
        else:
            self._keep(self._identity())
        if self.adapt_on == "fit":
            self._adapt_to(rows)
        return self
