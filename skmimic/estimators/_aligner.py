"""Domain adaptation: bring target images onto the source manifold, before a classifier of source images."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..engine import Status, carrying, computing, has_enough_rows, is_interruption, learn_guide
from ..exceptions import IdentifiabilityWarning
from ..utils import warn_user
from ..utils._sklearn import StrOptions, _fit_context
from ._classes import class_shares, labelled_source
from ._data import canonical_images, check_seen, distinct_rows, valid_rows
from ._docs import with_shared_parameters
from ._domains import check_sample_domain, source_and_targets, target_domains
from ._drafts import all_or_nothing
from ._inputs import as_array
from ._projector_methods import ProjectorMethods

__all__ = ["MimicDomainAligner", "Target"]

LABELLED = (
    "class_prior compares projections with whole images of the source. Leave these rows of the source out, or set "
    "class_prior=None."
)


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


@with_shared_parameters('"transform"', n_adapt="10_000")
class MimicDomainAligner(ProjectorMethods):
    """Bring target images onto the source manifold, so that a classifier of source images reads them.

    In a Pipeline, ``fit(X_source, y_source)`` learns the source side only and hands the source rows on *unchanged*
    (``source="identity"``, the paper's protocol): `fit_transform` is then not `fit` followed by `transform`.
    ``transform(X_target)`` estimates the corruption between the two from the batch that it is given (phase A), projects
    every row (phase B) and keeps nothing; a row's answer thus depends on its batch. After ``adapt(X_target)``, or
    ``fit(X, y, X_target=...)``, `transform` is phase B only: row by row, any order, one row too. A single row without
    `adapt` is projected without corruption, with an `IdentifiabilityWarning`. No target labels are used, and those of
    the source only with `class_prior`.

    In skada's ``make_da_pipeline`` it is a test-time adapter: where rows come with `sample_domain`, source rows (zero
    or more) pass as they are and every target domain (below zero) has a corruption of its own. scikit-learn's metadata
    routing, where it is enabled, brings the labels here without any ``set_fit_request``.

    Parameters
    ----------
    %(shared)s
    source : {"identity", "project"}, default="identity"
        What `fit_transform` gives: the source rows themselves, or their projections without corruption.
    class_prior : {"source"}, array-like of float (n_classes,), dict of class to float, or None, default=None
        Shares of the classes that are expected in a target batch, in the order of `classes_` or by class; "source" are
        those of the source. With it, the source labels are used (not in the paper): rows of the batch whose projections
        look alike are taken to be of one class, the classes to have these shares, and every projection is moved, as
        little as needed, towards where source images of its class lie nearest. Where digits are written in another hand
        that reads far more of them right; where the shares are wrong, rows are moved to wrong classes. It takes a batch
        of 20 rows for each class, and another projection of it. Images are compared by what the generator's
        discriminator sees in them, without one by their pixels; of the source up to 10,000 images are kept, fewer of
        large ones (64x64 in colour: 406). None uses no labels.

    Attributes
    ----------
    surrogate_ : FittedSurrogate
        Learned by `adapt`; the identity before. With several target domains, the last one's.
    surrogates_ : dict of int to FittedSurrogate
        By label of the target domain, where `sample_domain` told the labels.
    classes_ : ndarray (n_classes,)
        Labels of the source, sorted; with `class_prior` only.
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

    _labelled_source = None
    __metadata_request__fit: ClassVar[dict] = {"sample_domain": True}
    __metadata_request__transform: ClassVar[dict] = {"sample_domain": True}

    _parameter_constraints: ClassVar[dict] = {
        **ProjectorMethods._parameter_constraints,
        "source": [StrOptions({"identity", "project"})],
        "class_prior": [StrOptions({"source"}), dict, "array-like", None],
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
        n_adapt=10_000,
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
        class_prior=None,
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
        self.class_prior = class_prior

    @all_or_nothing(anew=True)
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, X_target=None, sample_domain=None):
        """Learn the source side; with target rows also the corruption between source and target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W), (n_samples, C, H, W) or (n_samples, H, W, C)
            Source images. NaN is a pixel that was not seen, as in `MimicGANProjector`; with ``source="identity"`` it
            comes back as it is.
        y : array-like of shape (n_samples,) or None
            Classes of the source images, for `class_prior`; ignored without it. Those of target rows do not count.
        X_target : array-like or Target or None, default=None
            Target images, any number.
        sample_domain : array-like of int (n_samples,), int or None, default=None
            Label of the domain of every row of X: zero or more for source rows, less for target rows. None: all are
            source rows. Without any source row, the generator must not be one that is made of X.

        Returns
        -------
        self

        Raises
        ------
        GeneratorMismatchError
            If X does not fit the generator.
        ValueError
            If target rows come both ways, source rows are missing, or `class_prior` doesn't fit `y`.
        """
        if sample_domain is not None:
            X = as_array(type(self).__name__, X)
        source, targets = source_and_targets(type(self).__name__, X, sample_domain)
        self._check_sides(source, targets, X_target)
        rows = self._fit_data(X if source is None else source, is_clean=source is not None)
        self._keep_labels(rows, X, y, sample_domain)
        self._keep(self._identity())
        self._adaptations = {}
        if X_target is not None:
            self._adapt_to(self._target_rows(X_target))
        elif targets:
            self._adapt_to_each(targets)
        elif self.adapt_on == "fit":
            self._adapt_to(rows, self._made_generator(), X, y)
        return self

    def _keep_labels(self, rows, X, y, sample_domain):
        """Keep source images and what they are, if `class_prior` asks for them."""
        self._labelled_source = None
        if self.class_prior is None:
            return
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"{name}: class_prior={self.class_prior!r} requires y to be passed, but the target y is None. Pass the "
                "labels of the source rows, or set class_prior=None."
            )
        check_seen(name, rows, whole=LABELLED)
        check_consistent_length(X, y)
        y, _ = source_and_targets(name, y, sample_domain)
        self.classes_, self._class_counts, self._labelled_source = labelled_source(
            rows, y, self.image_shape_, self.data_range_
        )
        self._class_shares()

    def _class_shares(self):
        """Read `class_prior` as it is now, for the classes of the source."""
        name = type(self).__name__
        if self._labelled_source is None:
            raise ValueError(
                f"{name}: class_prior={self.class_prior!r} uses labels of source rows, but this aligner was not fitted "
                "with them. Call fit(X_source, y_source) first, or set class_prior=None."
            )
        return class_shares(name, self.class_prior, self.classes_, self._class_counts)

    def _estimate(self, rows, surrogate, report=None, keep_order=False, record=False):
        """Phase A, and with `class_prior` the classes of the rows."""
        shares = None if self.class_prior is None else self._class_shares()
        adaptation = super()._estimate(rows, surrogate, report, keep_order, record)
        if shares is None or adaptation.trace.status is Status.NOT_IDENTIFIABLE:
            return adaptation
        chosen = distinct_rows(rows, self.n_adapt, self.data_range_)
        if not has_enough_rows(len(chosen), shares):
            mend = "Raise n_adapt" if len(chosen) == self.n_adapt else "Pass 20 rows for each class"
            warn_user(
                f"{type(self).__name__}: {len(chosen)} distinct rows are too few to tell {np.count_nonzero(shares)} "
                f"classes by their shares; they are aligned without. {mend}, or set class_prior=None.",
                IdentifiabilityWarning,
            )
            return adaptation
        with carrying(adaptation.interrupted):
            return replace(adaptation, guide=self._guide(rows[chosen], adaptation, shares))

    def _guide(self, rows, adaptation, shares):
        with computing():
            projector = self._job(adaptation, (), np.float32).projector()
            batch = canonical_images(rows, self.image_shape_, self.data_range_)
            return learn_guide(projector.generator, projector, batch, self._labelled_source, shares)

    def __sklearn_tags__(self):
        """Say whether labels are needed."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.class_prior is not None
        return tags

    def _check_sides(self, source, targets, X_target):
        name = type(self).__name__
        if targets and X_target is not None:
            raise ValueError(f"{name}: target rows came as X_target and in X (sample_domain below 0). Pass them once.")
        if source is None and self._made_generator():
            raise ValueError(
                f"{name}: the generator is made of source rows, but sample_domain is below 0 for all rows of X, which "
                "makes them target rows. Pass source rows too, or a fitted generator."
            )
        if source is None and self.class_prior is not None:
            raise ValueError(
                f"{name}: class_prior={self.class_prior!r} uses labels of source rows, but sample_domain is below 0 "
                "for all rows of X, which makes them target rows. Pass source rows too, or set class_prior=None."
            )

    def fit_transform(self, X, y=None, X_target=None, sample_domain=None):
        """Fit, and give the rows as the next step of a Pipeline shall see them.

        Parameters
        ----------
        X : array-like, as in `fit`
        y : array-like of shape (n_samples,) or None
            As in `fit`.
        X_target : array-like or Target or None, default=None
        sample_domain : array-like of int (n_samples,), int or None, default=None
            As in `fit`.

        Returns
        -------
        ndarray of the form of X
            Source rows themselves with ``source="identity"``, their projections without corruption with
            ``source="project"``; target rows aligned.
        """
        self.fit(X, y, X_target=X_target, sample_domain=sample_domain)
        rows, form = valid_rows(self, X, reset=False, image_shape=self.image_shape_, whole=self._why_whole())
        return self._align_by_domain(rows, form, 0 if sample_domain is None else sample_domain)

    def transform(self, X, sample_domain=None):
        """Replace target rows by their clean twins on the source manifold.

        Parameters
        ----------
        X : array-like, as in `fit`
        sample_domain : array-like of int (n_samples,), int or None, default=None
            Label of the domain of every row of X, as in `fit`. Source rows are given as `fit_transform` gives them. A
            target domain that is new has its corruption estimated from its rows here, without keeping it, if
            ``adapt_on="transform"``. None: all are rows of the target that `adapt` or `fit` saw last.

        Returns
        -------
        ndarray of the form of X

        Raises
        ------
        ValueError
            If a target domain is new although others are known, and `adapt_on` isn't "transform".
        """
        if sample_domain is None:
            return super().transform(X)
        rows, form = self._new_data(X)
        return self._align_by_domain(rows, form, sample_domain)

    def _align_by_domain(self, rows, form, sample_domain):
        labels = check_sample_domain(type(self).__name__, sample_domain, rows)
        images = rows.astype(form.dtype)
        if self.source == "project" and (labels >= 0).any():
            images[labels >= 0] = self._clean(rows[labels >= 0], self._identity(), form)
        for label, target in target_domains(rows, labels).items():
            images[labels == label] = self._clean(target, self._adaptation_of(label, target), form)
        return self._in_form(images, form)

    def _clean(self, rows, adaptation, form):
        return self._project(rows, adaptation, ("images",), form.dtype)["images"]

    def _adaptation_of(self, label, rows):
        """Take what is kept for a target domain, else estimate it from these rows."""
        if label in self._adaptations:
            return self._adaptations[label]
        if not self._adaptations:
            return self._adaptation_for(rows)
        if self.adapt_on == "transform":
            return self._estimate(rows, self._surrogate_for())
        raise ValueError(
            f"{type(self).__name__}: target domain {label} is not among the known ones, {sorted(self._adaptations)}. "
            'Call fit_new_domain on some of its rows, or set adapt_on="transform".'
        )

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

    def _target_rows(self, X):
        return self._new_data(X.X if isinstance(X, Target) else X)[0]

    @all_or_nothing
    def fit_new_domain(self, X, y=None, sample_domain=None):
        """Estimate the corruption of target domains, new or known, and keep it; this is skada's name for `adapt`.

        Parameters
        ----------
        X : array-like or Target
            Target images.
        y : None
            Ignored.
        sample_domain : array-like of int (n_samples,), int or None, default=None
            Labels of the domains, below zero. None: one domain without a label, as in `adapt`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is a source row.
        """
        if sample_domain is None:
            self._adapt_to(self._target_rows(X))
            return self
        rows = as_array(type(self).__name__, X.X if isinstance(X, Target) else X)
        source, targets = source_and_targets(type(self).__name__, rows, sample_domain)
        if source is not None:
            raise ValueError(
                f"{type(self).__name__}: fit_new_domain takes target rows, but sample_domain is 0 or more for "
                f"{len(source)} rows, which makes them source rows. Pass labels below 0."
            )
        self._adapt_to_each(targets)
        return self

    def _adapt_to_each(self, targets):
        """Learn the corruption of every domain; an interruption leaves those before it, and the best of its own."""
        for place, (label, rows) in enumerate(targets.items()):
            try:
                self._adapt_to(self._target_rows(rows))
            except BaseException as error:
                if is_interruption(error) and self.trace_.status is Status.INTERRUPTED:
                    self._know(label)
                elif is_interruption(error) and place > 0:
                    self._keep(self._adaptation.interrupted())
                raise
            self._know(label)

    def _know(self, label):
        self._adaptations = {**self._adaptations, label: self._adaptation}

    @property
    def surrogates_(self):
        """The learned corruptions by label of the target domain."""
        check_is_fitted(self)
        return {label: adaptation.surrogate for label, adaptation in self._adaptations.items()}
