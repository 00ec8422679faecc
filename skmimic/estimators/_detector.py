"""Anomaly scores: how badly a row is explained by a clean image under the normal corruption."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from ..exceptions import SkmimicWarning
from ..metrics import p_values
from ..utils import warn_user
from ..utils._sklearn import Interval, StrOptions, _fit_context
from ._base import MimicEstimator, is_given, n_components_of
from ._data import distinct_rows
from ._docs import with_shared_parameters
from ._drafts import all_or_nothing
from ._ranges import without_units

__all__ = ["MimicAnomalyDetector"]

HELD_OUT, FEWEST_HELD_OUT = 0.2, 40  # share of the distinct normal rows, and how many at least where half of them do
FEWEST_WARNED = 10  # held-out rows; with fewer every threshold is rough, and the default of 0.1 cannot be set
FEWEST_SPLIT = 5  # distinct rows; fewer calibrate on themselves, as none can be spared
ROWS_A_NUMBER = 100  # rows for each number that a pixel learns, from where rows of fit score as new ones do, to 1 %


@with_shared_parameters('"fit"')
class MimicAnomalyDetector(OutlierMixin, MimicEstimator):
    """Score images by their distance from the manifold of normal ones, whatever corruption they share.

    `fit` learns the corruption f^ of the normal rows (phase A), projects them (phase B) and sets the threshold. New
    rows are projected alone with f^ frozen: an anomalous batch cannot be explained away.

    The threshold comes from normal rows that nothing was learned from, as rows that a model was made of score too
    well. Where something is learned in `fit`, a fifth of the distinct rows is held out, or 40 where these are no more
    than half. So `contamination` is the rate of false alarms to expect on *new* normal rows. It is a mean over draws of
    X: with m rows held out a single threshold has a rate that spreads around it with a standard deviation of about
    ``sqrt(contamination * (1 - contamination) / m)``, and no rate below ``1 / (m + 1)`` can be set.

    Parameters
    ----------
    %(shared)s
    contamination : float, default=0.1
        Fraction of new normal rows that `predict` is to call outliers, in (0, 0.5]. Where nothing is learned in `fit`
        it is that of the rows of `fit`, too.
    error : {"mimicked", "projection"}, default="mimicked"
        Score by ``||Y - f^(G(z))||_1`` or by ``||Y - G(z)||_1``.

    Attributes
    ----------
    offset_ : float
        Threshold: ``decision_function = score_samples - offset_``.
    calibration_scores_ : ndarray
        Sorted scores of the normal rows that neither a generator made in `fit` nor phase A has seen; of all rows where
        there is neither, or `gan=None` has 100 rows or more for each of its components and its mean.
    surrogate_ : FittedSurrogate
        The learned corruption.
    generator_ : Generator
    image_shape_ : tuple (C, H, W)
    data_range_ : Bounds
    trace_ : OptimizationTrace
    n_iter_ : int
    seed_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        When X has column names.

    See Also
    --------
    MimicGANProjector : The projection itself.

    References
    ----------
    MimicGAN, section 5.3 and Table 2. The paper scores with Eq. 5, which needs the clean image; see
    ``docs/paper/deviations.md``.

    Examples
    --------
    >>> import numpy as np
    >>> from skmimic import MimicAnomalyDetector
    >>> rng = np.random.default_rng(0)
    >>> normal = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 16))
    >>> detector = MimicAnomalyDetector(contamination=0.05).fit(normal)
    >>> detector.predict(normal[:1] + 9 * rng.normal(size=(1, 16)))
    array([-1])
    """

    _parameter_constraints: ClassVar[dict] = {
        **MimicEstimator._parameter_constraints,
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "error": [StrOptions({"mimicked", "projection"})],
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
        contamination=0.1,
        error="mimicked",
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
        self.contamination = contamination
        self.error = error

    @all_or_nothing(anew=True)
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the corruption, the threshold and the calibration scores from normal images.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W), (n_samples, C, H, W) or (n_samples, H, W, C)
            Normal images, possibly corrupted all alike. NaN is a pixel that was not seen.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        GeneratorMismatchError
            If X does not fit the generator.

        Warns
        -----
        SkmimicWarning
            If `contamination` is lower than ten held-out rows or more can set.
        """
        rows, form = self._first_data(X)
        seen, held_out = self._split(rows)
        self._settle(form, rows, rows[seen])
        self._keep(self._identity())
        if self.adapt_on == "fit":
            self._adapt_to(rows[seen], self._made_generator(), X, y)
        with self._keeping_what_was_learned():
            self.calibration_scores_ = np.sort(self._scores(rows[held_out]))
            self._warn_if_too_few(len(held_out))
        self.offset_ = _threshold(self.calibration_scores_, self.contamination)
        return self

    def _split(self, rows):
        """Split distinct rows by content into those that models may see and those held out for calibration."""
        order = distinct_rows(without_units(rows), len(rows))
        if len(order) < FEWEST_SPLIT or not self._learns_from(rows, len(order)):
            return order, order
        can_be_spared = min(len(order) // 2, len(order) - self._n_components())
        n_held_out = max(int(HELD_OUT * len(order)), min(FEWEST_HELD_OUT, can_be_spared))
        return order[n_held_out:], order[:n_held_out]

    def _n_components(self):
        """How many rows a decomposition that is fitted here needs at least."""
        wanted = getattr(self.gan, "n_components", None) if self._made_generator() else None
        return wanted if isinstance(wanted, Integral) else 0

    def _warn_if_too_few(self, n_held_out):
        lowest = 1 / (n_held_out + 1)
        if n_held_out >= FEWEST_WARNED and self.contamination < lowest:
            warn_user(
                f"{type(self).__name__}: contamination={self.contamination:g} asks for fewer false alarms than "
                f"{n_held_out} held-out rows can set; {lowest:.2g} of new normal rows are to be expected. Pass "
                "more rows.",
                SkmimicWarning,
            )

    def _learns_from(self, rows, n_distinct):
        """Whether rows of `fit` score better than new ones, as something is learned from them."""
        if self.gan is None:
            return n_distinct < ROWS_A_NUMBER * (1 + n_components_of(rows))
        return self._made_generator() or (self.adapt_on == "fit" and not is_given(self.surrogate))

    def _may_replace(self, before):
        """A detector without a threshold is better than none, and worse than one that has it."""
        return hasattr(self, "offset_") or "offset_" not in before

    def _scores(self, rows):
        return -_summed(self._errors(rows))

    def _errors(self, rows):
        """Absolute error of every pixel (n, n_features); NaN where it was not seen."""
        return np.abs(rows.astype(np.float64) - self._projected(rows))

    def _projected(self, rows):
        output = "mimicked" if self.error == "mimicked" else "images"
        return self._project(rows, self._adaptation_for(rows), (output,), np.float64)[output]

    def score_samples(self, X):
        """Return minus the L1 error of every row; higher is more normal.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,), float64
            In units of X, summed over the pixels. For a pixel that was not seen the mean error of those that were is
            taken, so that rows with holes compare with whole ones.
        """
        rows, _ = self._new_data(X)
        return self._scores(rows)

    def decision_function(self, X):
        """Return ``score_samples(X) - offset_``; negative means outlier.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,), float64
        """
        check_is_fitted(self, "offset_")
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Return +1 for inliers and -1 for outliers.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,) of int
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def score_maps(self, X):
        """Return the absolute error of every pixel.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of the form of X
            Sums to ``-score_samples(X)`` over each whole row; NaN where a pixel was not seen.
        """
        rows, form = self._new_data(X)
        return form.answer(self._errors(rows))

    def p_values(self, X):
        """Return conformal p-values: how often a held-out normal row scores as low.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,), float64, in (0, 1]
        """
        check_is_fitted(self, "calibration_scores_")
        return p_values(self.score_samples(X), self.calibration_scores_)


def _summed(errors):
    """Sum errors (n, p) over the pixels of each row, the mean of those that were seen for each that was not."""
    seen = ~np.isnan(errors)
    return np.where(seen, errors, 0.0).sum(axis=1) * (errors.shape[1] / seen.sum(axis=1))


def _threshold(scores, contamination):
    """Score below which a new normal row lies with a probability, on average over draws of the sorted scores.

    Of m exchangeable scores the k-th lowest has a share of k / (m + 1) of new ones below it, whatever their
    distribution.
    """
    return float(np.percentile(scores, 100 * contamination, method="weibull"))
