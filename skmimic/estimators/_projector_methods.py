"""What projectors have in common: rows to latents and back, pictures on the way, scores."""

from numbers import Integral

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone

from ..engine import ProjectionResult
from ..utils import CANONICAL, as_images, as_rows
from ..utils._sklearn import _fit_context
from ._base import MimicEstimator
from ._data import canonical_images
from ._drafts import all_or_nothing
from ._projection import ALL_OUTPUTS, follow_rows, sample_rows

__all__ = ["ObservedProjector", "ProjectorMethods"]

CLEAN = (
    "the corruption is put back on clean images, which are whole. Pass what transform gives: it fills in what was not "
    "seen."
)


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
            Clean images G(z) in the range of X, whole where X is not. With `set_output` a data frame of rows,
            whatever the form of X.
        """
        if self.output == "latents":
            return self.encode(X)
        rows, form = self._new_data(X)
        images = self._project(rows, self._adaptation_for(rows), ("images",), form.dtype)["images"]
        return self._in_form(images, form)

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
        self._check_ready()
        images = torch.as_tensor(self.generator_.decode(Z))
        images = self.generator_.data_range.convert(images, self.data_range_).numpy()
        return self._form.answer(as_rows(images.astype(self._form.dtype)))

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
            If several corruptions were learned and the labels are missing or do not name one for each row; if X
            contains NaN.
        """
        self._check_ready()
        if self.output == "latents":
            X = self.decode(X)
        rows, form = self._new_data(X, whole=CLEAN)
        images = canonical_images(rows, self.image_shape_, self.data_range_)
        corrupted = torch.from_numpy(self._corrupted(images, labels))
        return form.answer(as_rows(CANONICAL.convert(corrupted, self.data_range_).numpy().astype(form.dtype)))

    def _corrupted(self, images, labels):
        surrogates = [component.surrogate for component in self._adaptation.components]
        if labels is None and len(surrogates) == 1:
            return self.surrogate_.apply(images)
        labels = _checked_labels(type(self).__name__, labels, len(images), len(surrogates))
        return np.stack([surrogate.apply(images) for surrogate in surrogates])[labels, np.arange(len(images))]

    def score_samples(self, X):
        """Return minus the residual L(Y, f^(G(z))) of every row, over the pixels that it has seen; higher is better.

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
            every 25 steps of phase B, and at its end where the aligner's `class_prior` holds rows to their classes.
            All of them lie in memory together.
        n_samples : int or None, default=None
            Plausible images to draw for each row, at least 2: `ProjectionResult.samples`, and their `spread`. Each
            costs half a projection, with a linear generator next to nothing. What is drawn are latents, given the
            row and the learned corruption; pixels are taken to have independent Gaussian noise of the standard
            deviation that the residual of the row shows. The aligner's `class_prior` plays no part in them.

        Returns
        -------
        ProjectionResult

        Raises
        ------
        ValueError
            If `n_samples` is no whole number, or below 2.

        References
        ----------
        MimicGAN, Algorithm 1.
        """
        is_count = isinstance(n_samples, Integral) and not isinstance(n_samples, bool)
        if n_samples is not None and not (is_count and n_samples >= 2):
            raise ValueError(
                f"{type(self).__name__}: n_samples={n_samples!r} must be a whole number of at least 2, or None."
            )
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
        is_whole = is_whole and adaptation.guide is None  # which phase A did not follow
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

    @all_or_nothing(anew=True)
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the corruption of X (phase A) if ``adapt_on="fit"``, else only check X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W), (n_samples, C, H, W) or (n_samples, H, W, C)
            Corrupted images. NaN, or what a masked array masks, is a pixel that was not seen: it counts nowhere. Each
            row needs one that was. NaN is refused where the generator is made of X.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        GeneratorMismatchError
            If X does not fit the generator.
        ValueError
            If X is infinite, has a row of nothing but NaN, or any NaN where it makes the generator.
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
