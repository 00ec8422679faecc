"""Robust projection: learn the corruption, then find the clean images."""

from numbers import Integral
from typing import ClassVar

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..engine import ProjectionResult, no_corruption
from ..utils import CANONICAL, as_images
from ..utils._sklearn import Interval, StrOptions, _fit_context, with_callbacks
from ._adaptation_file import read_adaptation, write_adaptation
from ._base import MimicEstimator, all_or_nothing
from ._data import canonical_images
from ._docs import with_shared_parameters
from ._projection import ALL_OUTPUTS, follow_rows, sample_rows

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

    def inverse_transform(self, X, labels=None):
        """Put the learned corruption back on clean images, f^(X).

        Parameters
        ----------
        X : array-like, as in `fit`; latents with ``output="latents"``
            Clean images.
        labels : array-like (n_samples,) of int or None, default=None
            Which of several learned corruptions each row is to go through, as `MimicGANProjector.assign` found from the
            observations. May be missing when there is only one.

        Returns
        -------
        ndarray of the form of X
            Corrupted images.

        Raises
        ------
        ValueError
            If several corruptions were learned and the labels are missing or do not name one for each row.
        """
        check_is_fitted(self)
        if self.output == "latents":
            X = self.decode(X)
        rows, form = self._new_data(X)
        images = canonical_images(rows, self.image_shape_, self.data_range_)
        corrupted = torch.from_numpy(self._corrupted(images, labels))
        return CANONICAL.convert(corrupted, self.data_range_).numpy().astype(form.dtype).reshape(len(rows), *form.shape)

    def _corrupted(self, images, labels):
        surrogates = [component.surrogate for component in self._adaptation.components]
        if labels is None and len(surrogates) == 1:
            return self.surrogate_.apply(images)
        labels = _checked_labels(type(self).__name__, labels, len(images), len(surrogates))
        return np.stack([surrogate.apply(images) for surrogate in surrogates])[labels, np.arange(len(images))]

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

    def project(self, X, *, trajectory=False, n_samples=None):
        """Estimate the corruption of X and project X, in one shot and without keeping anything.

        With ``solver="alternating"`` this is Algorithm 1 on the whole of X; with the other solvers phase A, then B.
        Works on an unfitted projector too.

        Parameters
        ----------
        X : array-like, as in `fit`
        trajectory : bool, default=False
            Whether to keep the rows as they were on the way: with ``solver="alternating"`` after each round, otherwise
            every 25 steps of phase B. All of them lie in memory together.
        n_samples : int or None, default=None
            Plausible images to draw for each row, at least 2: `ProjectionResult.samples`, and their `spread`. Each
            costs half a projection, with a linear generator next to nothing. What is drawn are latents, given the
            row and the learned corruption; pixels are taken to have independent Gaussian noise of the standard
            deviation that the residual of the row shows.

        Returns
        -------
        ProjectionResult

        Raises
        ------
        ValueError
            If `n_samples` is below 2.

        References
        ----------
        MimicGAN, Algorithm 1.
        """
        if n_samples is not None and n_samples < 2:
            raise ValueError(f"{type(self).__name__}: n_samples={n_samples!r} must be at least 2, or None.")
        if not hasattr(self, "generator_"):
            blank = clone(self)
            blank._validate_params()
            blank._fit_data(X)
            return blank._project_at_once(X, trajectory, n_samples, blank._made_generator())
        return self._project_at_once(X, trajectory, n_samples)

    def _project_at_once(self, X, record, n_samples=None, made_generator=False):
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
        samples = None
        if n_samples is not None:
            samples = sample_rows(job, rows, arrays["latents"], arrays["labels"], n_samples)
        return ProjectionResult(
            **arrays,
            surrogate=adaptation.surrogate,
            trace=adaptation.trace,
            trajectory=trajectory,
            surrogates=tuple(component.surrogate for component in adaptation.components),
            samples=samples,
            identifiable=adaptation.identifiable,
        )

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


def _checked_labels(subject, labels, n_rows, n_surrogates):
    """Return labels as an array of indices, one for each row."""
    values = None if labels is None else np.asarray(labels)
    is_right = values is not None and values.shape == (n_rows,) and np.issubdtype(values.dtype, np.integer)
    if not is_right or ((values < 0) | (values >= n_surrogates)).any():
        raise ValueError(
            f"{subject}: inverse_transform with {n_surrogates} corruptions needs labels, one index from 0 to "
            f"{n_surrogates - 1} for each of the {n_rows} rows, got {labels!r}. Pass "
            "labels=projector.assign(X_observed)."
        )
    return values


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
        return [component.surrogate for component in self._adaptation.components]

    @property
    def identifiable_(self):
        """Whether the rows of phase A tell the corruption from the images; None if that was not tested."""
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
        write_adaptation(path, self._adaptation.components[0], self.generator_)

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
