"""Domain adaptation: bring target images onto the source manifold, before a classifier of source images."""

from typing import ClassVar

import numpy as np

from ..utils._sklearn import StrOptions, _fit_context, with_callbacks
from ._base import all_or_nothing
from ._data import form_of, valid_rows
from ._docs import with_shared_parameters
from ._projector import ProjectorMethods

__all__ = ["MimicDomainAligner", "Target"]


class Target:
    """Wrap target images on their way through a meta-estimator, which would cut plain arrays to its folds.

    Parameters
    ----------
    X : array-like (n_target, n_features)
    """

    def __init__(self, X):
        self.X = X

    def __repr__(self):
        """Tell the shape."""
        return f"Target(shape={np.shape(self.X)})"


@with_shared_parameters('"transform"')
class MimicDomainAligner(ProjectorMethods):
    """Bring target images onto the source manifold, so that a classifier of source images reads them.

    In a Pipeline, ``fit(X_source, y_source)`` learns the source side only and hands the source rows on *unchanged*
    (``source="identity"``, the paper's protocol): `fit_transform` is then not `fit` followed by `transform`.
    ``transform(X_target)`` estimates the corruption between the two from the batch that it is given (phase A), projects
    every row (phase B) and keeps nothing; a row's answer thus depends on its batch. After ``adapt(X_target)``, or
    ``fit(X, y, X_target=...)``, `transform` is phase B only: row by row, any order, one row too. A single row without
    `adapt` is projected without corruption, with an `IdentifiabilityWarning`. No target labels are used.

    Parameters
    ----------
    %(shared)s
    source : {"identity", "project"}, default="identity"
        What `fit_transform` gives: the source rows themselves, or their projections without corruption.

    Attributes
    ----------
    surrogate_ : FittedSurrogate
        Learned by `adapt`; the identity before.
    generator_ : Generator
    image_shape_ : tuple (C, H, W)
    data_range_ : Bounds
        Range that X is taken to be in.
    trace_ : OptimizationTrace
    n_iter_ : int
    seed_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        When X has column names.

    See Also
    --------
    MimicGANProjector : The projection itself.
    Target : Wrapper of target rows on their way through meta-estimators.

    References
    ----------
    MimicGAN, section 5.1.2 and Table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import Pipeline
    >>> from skmimic import MimicDomainAligner
    >>> rng = np.random.default_rng(0)
    >>> X = np.r_[rng.normal(-3, 1, (40, 6)), rng.normal(3, 1, (40, 6))]
    >>> y = np.repeat([0, 1], 40)
    >>> pipe = Pipeline([("align", MimicDomainAligner()), ("knn", KNeighborsClassifier(1))])
    >>> float(pipe.fit(X, y).score(X, y))
    1.0
    """

    _parameter_constraints: ClassVar[dict] = {
        **ProjectorMethods._parameter_constraints,
        "source": [StrOptions({"identity", "project"})],
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
        adapt_on="transform",
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
        source="identity",
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
        self.source = source

    @all_or_nothing
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, X_target=None):
        """Learn the source side; with `X_target` also the corruption between source and target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W) or (n_samples, C, H, W)
            Source images.
        y : None
            Ignored.
        X_target : array-like or Target or None, default=None
            Target images, any number.

        Returns
        -------
        self

        Raises
        ------
        GeneratorMismatchError
            If X does not fit the generator.
        """
        rows = self._fit_data(X)
        self._keep(self._identity())
        if X_target is not None:
            return self.adapt(X_target)
        if self.adapt_on == "fit":
            self._adapt_to(rows, self._made_generator(), X, y)
        return self

    def fit_transform(self, X, y=None, X_target=None):
        """Fit, and give the source rows as the next step of a Pipeline shall see them.

        Parameters
        ----------
        X : array-like, as in `fit`
        y : None
            Ignored.
        X_target : array-like or Target or None, default=None

        Returns
        -------
        ndarray of the form of X
            X itself with ``source="identity"``, its projections without corruption with ``source="project"``.
        """
        self.fit(X, y, X_target=X_target)
        rows = valid_rows(self, X, reset=False)
        form = form_of(X, rows)
        if self.source == "project":
            rows = self._project(rows, self._identity(), ("images",), form.dtype)["images"]
        return rows.astype(form.dtype).reshape(len(rows), *form.shape)

    def adapt(self, X):
        """Estimate the corruption between source and target and keep it.

        Parameters
        ----------
        X : array-like or Target
            Target images.

        Returns
        -------
        self
        """
        return super().adapt(X.X if isinstance(X, Target) else X)
