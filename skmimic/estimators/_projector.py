"""Robust projection: learn the corruption, then find the clean images."""

from typing import ClassVar

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..engine import ProjectionResult, no_corruption
from ..utils import CANONICAL, as_images
from ..utils._sklearn import StrOptions, _fit_context, with_callbacks
from ._adaptation_file import read_adaptation, write_adaptation
from ._base import MimicEstimator, all_or_nothing
from ._data import canonical_images
from ._docs import with_shared_parameters
from ._projection import ALL_OUTPUTS, follow_rows

__all__ = ["MimicGANProjector", "ObservedProjector", "ProjectorMethods"]


class ProjectorMethods(OneToOneFeatureMixin, TransformerMixin, MimicEstimator):
    """Methods of projectors; the parameters are documented in the subclasses."""

    output = "images"  # a parameter of MimicGANProjector

    def transform(self, X):
        """Project every row alone, with the corruption frozen (phase B).

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of the form of X, or (n_samples, latent_dim) with ``output="latents"``
            Clean images G(z) in the range of X.
        """
        if self.output == "latents":
            return self.encode(X)
        rows, form = self._new_data(X)
        images = self._project(rows, self._adaptation_for(rows), ("images",), form.dtype)["images"]
        return images.reshape(len(rows), *form.shape)

    def encode(self, X):
        """Find the latents of every row.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples, latent_dim)
        """
        rows, form = self._new_data(X)
        return self._project(rows, self._adaptation_for(rows), ("latents",), form.dtype)["latents"]

    def decode(self, Z):
        """Turn latents into clean images.

        Parameters
        ----------
        Z : array-like (n_samples, latent_dim)

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_samples, ...)
            In the form and the range of the X of `fit`.
        """
        check_is_fitted(self)
        images = torch.as_tensor(self.generator_.decode(Z))
        images = self.generator_.data_range.convert(images, self.data_range_).numpy()
        return images.astype(self._form.dtype).reshape(len(images), *self._form.shape)

    def inverse_transform(self, X):
        """Put the learned corruption back on clean images, f^(X).

        Parameters
        ----------
        X : array-like, as in `fit`; latents with ``output="latents"``
            Clean images.

        Returns
        -------
        ndarray of the form of X
            Corrupted images.
        """
        check_is_fitted(self)
        if self.output == "latents":
            X = self.decode(X)
        rows, form = self._new_data(X)
        images = canonical_images(rows, self.image_shape_, self.data_range_)
        corrupted = torch.from_numpy(self.surrogate_.apply(images))
        return CANONICAL.convert(corrupted, self.data_range_).numpy().astype(form.dtype).reshape(len(rows), *form.shape)

    def score_samples(self, X):
        """Return minus the residual L(Y, f^(G(z))) of every row; higher is better.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,), float64
        """
        rows, form = self._new_data(X)
        return -self._project(rows, self._adaptation_for(rows), ("losses",), form.dtype)["losses"]

    def score(self, X, y=None):
        """Return the mean of `score_samples`, which model selection maximises.

        Parameters
        ----------
        X : array-like, as in `fit`
        y : None
            Ignored.

        Returns
        -------
        float
        """
        return float(self.score_samples(X).mean())

    def project(self, X, *, trajectory=False):
        """Estimate the corruption of X and project X, in one shot and without keeping anything.

        With ``solver="alternating"`` this is Algorithm 1 on the whole of X; with the other solvers phase A, then B.
        Works on an unfitted projector too.

        Parameters
        ----------
        X : array-like, as in `fit`
        trajectory : bool, default=False
            Whether to keep the rows as they were on the way: with ``solver="alternating"`` after each round, otherwise
            every 25 steps of phase B. All of them lie in memory together.

        Returns
        -------
        ProjectionResult

        References
        ----------
        MimicGAN, Algorithm 1.
        """
        if not hasattr(self, "generator_"):
            blank = clone(self)
            blank._validate_params()
            blank._fit_data(X)
            return blank._project_at_once(X, trajectory, blank._made_generator())
        return self._project_at_once(X, trajectory)

    def _project_at_once(self, X, record, made_generator=False):
        rows, form = self._new_data(X)
        surrogate = self._surrogate_for(made_generator)
        adaptation = self._estimate(rows, surrogate, keep_order=self.solver == "alternating", record=record)
        is_whole = adaptation.latents is not None and len(adaptation.latents) == len(rows)  # memory may have run out
        job = self._job(adaptation, ALL_OUTPUTS, form.dtype)
        if record and not is_whole:
            arrays, trajectory = follow_rows(job, rows)
        else:
            latents = adaptation.latents if is_whole else None
            arrays = self._project(rows, adaptation, ALL_OUTPUTS, form.dtype, latents)
            trajectory = job.in_range(adaptation.trajectory)
        for name in ("images", "mimicked"):
            arrays[name] = as_images(arrays[name], self.image_shape_)
        found = {"surrogate": adaptation.surrogate, "trace": adaptation.trace, "trajectory": trajectory}
        return ProjectionResult(**arrays, **found)

    def get_feature_names_out(self, input_features=None):
        """Name the columns of the output.

        Parameters
        ----------
        input_features : array-like of str or None, default=None

        Returns
        -------
        ndarray of str
        """
        names = super().get_feature_names_out(input_features)
        if self.output == "latents":
            prefix = type(self).__name__.lower()
            return np.array([f"{prefix}{i}" for i in range(self.generator_.latent_dim)], dtype=object)
        return names


class ObservedProjector(ProjectorMethods):
    """Projectors whose `fit` takes the corrupted images themselves."""

    @all_or_nothing
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the corruption of X (phase A) if ``adapt_on="fit"``, else only check X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W) or (n_samples, C, H, W)
            Corrupted images.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        GeneratorMismatchError
            If X does not fit the generator.
        NotFiniteError
            If the optimisation leaves the finite numbers.

        Warns
        -----
        IdentifiabilityWarning
            If X holds one distinct row: no corruption is assumed then.
        """
        rows = self._fit_data(X)
        self._keep(self._identity())
        if self.adapt_on == "fit":
            self._adapt_to(rows, self._made_generator(), X, y)
        return self


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

    Attributes
    ----------
    surrogate_ : FittedSurrogate
        The learned corruption; ``surrogate_.describe()`` says in words what it does.
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
            If the surrogate is of a class or function of your own: the file holds no code.
        """
        check_is_fitted(self)
        write_adaptation(path, self._adaptation, self.generator_)

    def load_adaptation(self, path):
        """Take a saved corruption in place of the present one, as if `adapt` had learned it.

        Nothing in the file is run. Rows are projected with the saved solver and otherwise by this projector's own
        parameters.

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
        >>> MimicGANProjector(gan, adapt_on=None).fit(X).load_adaptation(path).surrogate_.family
        'affine'
        """
        check_is_fitted(self)
        saved = read_adaptation(path, self.generator_)
        self._keep(saved.put_into(no_corruption(self._settings(saved.solver))))
        self._was_adapted = True
        return self
