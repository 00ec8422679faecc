"""Robust projection: learn the corruption, then find the clean images."""

from numbers import Integral
from typing import ClassVar

from sklearn.utils.validation import check_is_fitted

from ..engine import no_corruption
from ..utils._sklearn import Interval, StrOptions
from ._adaptation_file import read_adaptation, read_saved_range, write_adaptation
from ._docs import with_shared_parameters
from ._drafts import all_or_nothing
from ._projector_methods import ObservedProjector

__all__ = ["MimicGANProjector"]


@with_shared_parameters('"fit"')
class MimicGANProjector(ObservedProjector):
    """Find clean images on the manifold of a generator although an unknown corruption stands between.

    Minimises ``sum_j L(Y_j, f^(G(z_j)))`` over the latents z and a surrogate f^ of the corruption (paper, Eq. 1 and 4,
    Algorithm 1). `fit` learns f^ from a batch (phase A); `transform` projects each row alone with f^ frozen (phase B).

    Parameters
    ----------
    %(shared)s
    output : {"images", "latents"}, default="images"
        What `transform` gives.
    n_surrogates : int, default=1
        Corruptions in one batch, at most. Above 1, phase A learns several and says which rows went through which;
        phase B projects each row under all of them and keeps the lowest objective. They must differ in rotation, zoom,
        inversion, gain or bias; one that does not bring the rows clearly nearer is left out.

    Attributes
    ----------
    surrogate_ : FittedSurrogate
        The learned corruption; ``surrogate_.describe()`` says in words what it does. With several, that of most rows.
    surrogates_ : list of FittedSurrogate
        All of them, that of most rows first.
    identifiable_ : bool or None
        Whether the rows of phase A tell the rotation, zoom and inversion that they share from the images. False for one
        distinct row; None if it was not tested: nothing was learned, or by Algorithm 1.
    generator_ : Generator
    image_shape_ : tuple (C, H, W)
    data_range_ : Bounds
        Range that X is taken to be in.
    trace_ : OptimizationTrace
        How the objective fell in phase A.
    n_iter_ : int
        Rounds of phase A.
    seed_ : int
        Drawn from `random_state`.
    batch_size_ : int
        Rows projected at a time after lack of memory; absent when memory sufficed.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        When X has column names.

    See Also
    --------
    MimicDomainAligner : The same between two data sets, before a classifier.
    PGDProjector : Without a surrogate.
    KnownCorruptionProjector : With the true corruption.

    References
    ----------
    .. [1] R. Anirudh, J. J. Thiagarajan, B. Kailkhura, P.-T. Bremer, "MimicGAN: Robust Projection onto Image Manifolds
       with Corruption Mimicking", International Journal of Computer Vision, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from skmimic import MimicGANProjector
    >>> rng = np.random.default_rng(0)
    >>> clean = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 16))
    >>> projector = MimicGANProjector(PCA(3).fit(clean), surrogate="identity").fit(clean)
    >>> bool(np.allclose(projector.transform(clean), clean))
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **ObservedProjector._parameter_constraints,
        "output": [StrOptions({"images", "latents"})],
        "n_surrogates": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        gan=None,
        *,
        surrogate="auto",
        solver="auto",
        T=20,
        T1=25,
        T2=25,
        lr_surrogate=1e-2,
        lr_latent=5e-2,
        lambda_adv=0.0,
        loss="charbonnier",
        n_init=1,
        adapt_on="fit",
        n_adapt=1000,
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
        output="images",
        n_surrogates=1,
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
        self.output = output
        self.n_surrogates = n_surrogates

    @property
    def surrogates_(self):
        """The learned corruptions, that of most rows first."""
        check_is_fitted(self)
        return [component.surrogate for component in self._adaptation.components]

    @property
    def identifiable_(self):
        """Whether the rows of phase A tell the corruption from the images; None if that was not tested."""
        check_is_fitted(self)
        return self._adaptation.identifiable

    def assign(self, X):
        """Say which of the learned corruptions each row went through: the one under which its objective is lowest.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,) of int
            Indices into `surrogates_`.
        """
        rows, form = self._new_data(X)
        return self._project(rows, self._adaptation_for(rows), ("labels",), form.dtype)["labels"]

    def save_adaptation(self, path):
        """Write what phase A learned to a file of plain numbers, which `load_adaptation` reads.

        Parameters
        ----------
        path : str or path-like
            An archive of numpy arrays (.npz) with f^ and, from the amortized solver, the encoder; neither the generator
            nor the parameters of the projector.

        Raises
        ------
        ValueError
            If the surrogate is of a class or function of your own: the file holds no code. If several corruptions were
            learned: the file holds one.
        """
        check_is_fitted(self)
        if len(self._adaptation.components) > 1:
            raise ValueError(
                f"save_adaptation: a file holds one corruption, but n_surrogates={self.n_surrogates} found "
                f"{len(self._adaptation.components)}. Pickle the estimator instead."
            )
        write_adaptation(path, self._adaptation.components[0], self.generator_, self.data_range_)

    @all_or_nothing
    def load_adaptation(self, path):
        """Take a saved corruption in place of the present one, as if `adapt` had learned it.

        Nothing in the file is run. Rows are projected with the saved solver and otherwise by this projector's own
        parameters. A projector that is not fitted takes rows in its `data_range`, with "auto" that of its generator.

        Parameters
        ----------
        path : str or path-like
            From `save_adaptation`.

        Returns
        -------
        self

        Raises
        ------
        FileNotFoundError
            If there is no file.
        InvalidModelFileError
            If the file is damaged, hostile, or something else.
        GeneratorMismatchError
            If it is for images of another shape.
        sklearn.exceptions.NotFittedError
            If the generator is yet to be made of the X of `fit`.

        Warns
        -----
        SkmimicWarning
            If an encoder was trained with another generator; it is left out.

        Examples
        --------
        >>> import os, tempfile
        >>> from skmimic import MimicGANProjector, load_gan
        >>> gan, path = load_gan("mnist16"), os.path.join(tempfile.mkdtemp(), "turned.npz")
        >>> X = gan.sample(4, random_state=0)
        >>> MimicGANProjector(gan, surrogate="affine", T=1, T1=1).fit(X).save_adaptation(path)
        >>> MimicGANProjector(gan).load_adaptation(path).surrogate_.family
        'affine'
        """
        if hasattr(self, "generator_"):
            self._check_ready()
        else:
            self._settle_unseen(read_saved_range(path))
        saved = read_adaptation(path, self.generator_)
        self._keep(saved.put_into(no_corruption(self._settings(saved.solver))))
        self._was_adapted = True
        return self
