"""What a detector answers: scores, labels, p-values, maps and normal images to show beside a row."""

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from ..exceptions import DetectionError
from ..metrics import p_values
from ..utils import n_values
from ._calibration_rows import FEWEST_DISTINCT, threshold
from ._detector_scores import DetectorScores

__all__ = ["DetectorMethods", "maps_as_came"]


class DetectorMethods(OutlierMixin, DetectorScores):
    """Methods of detectors; the parameters are documented in the subclass."""

    def score_samples(self, X):
        """Score every row; higher is more normal.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,), float64
            Minus the standardised distance to normal images: about zero for a usual one. By the residual minus the L1
            error in units of X, summed over the pixels; for a pixel that was not seen the mean error of those that were
            is taken, so that rows with holes compare with whole ones.
        """
        return self._judged(X)[0]

    def decision_function(self, X):
        """Return ``score_samples(X)`` minus the threshold; negative means outlier.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,), float64
            The threshold is `offset_`, or that of normal images after the corruption of X where
            ``adapt_on="transform"`` learns one from it.
        """
        check_is_fitted(self, "offset_")
        scores, calibration_scores = self._judged(X)
        return scores - self._threshold_among(calibration_scores)

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

    def p_values(self, X):
        """Return conformal p-values: how often a held-out normal row scores as low.

        For a list of anomalies of which a tenth may be false, pass them to `scipy.stats.false_discovery_control` and
        take those at or below 0.1.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray (n_samples,), float64, in (0, 1]
        """
        check_is_fitted(self, "calibration_scores_")
        return p_values(*self._judged(X))

    def score_maps(self, X):
        """Show where rows are unlike normal ones.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of the form of X; (n_samples, H, W) for colour images that are compared with normal ones
            What each pixel adds to the two-way distance, with ``score_by="neighbors"`` to the squared plain one (of
            values scaled to [0, 1] by `data_range_`), with "patches" the mean unlikeness of the
            neighbourhoods that cover it. By the residual the absolute error: it sums to ``-score_samples(X)`` over each
            whole row, and is NaN where a pixel was not seen.
        """
        rows, form = self._new_data(X)
        known = self._known_for(rows)
        return form.answer(self._errors(rows)) if known is None else maps_as_came(known.maps(rows), form)

    def p_maps(self, X):
        """Return conformal p-values of every pixel: how often a held-out normal image shows as much there.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray as from `score_maps`, in (0, 1]

        Raises
        ------
        DetectionError
            If rows are judged by the residual.
        """
        rows, form = self._new_data(X)
        return maps_as_came(self._images_for(rows, "p_maps").p_maps(rows), form)

    def nearest_normals(self, X):
        """Return the normal image that mimics each row best.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of the form of X
            One of the rows of `fit`, after the learned corruption. Of fewer than 1,000 normals it may be a slightly
            warped copy.

        Raises
        ------
        DetectionError
            If rows are judged by the residual.
        """
        rows, form = self._new_data(X)
        return form.answer(self._images_for(rows, "nearest_normals").mimics(rows).astype(form.dtype))

    def _judged(self, X):
        """Scores of X, and the sorted scores of held-out normals that they compare with."""
        rows, _ = self._new_data(X)
        known = self._known_for(rows)
        if known is None:
            return self._scores(rows), getattr(self, "calibration_scores_", None)
        return known.scores(rows, self.n_jobs), known.calibration_scores

    def _threshold_among(self, calibration_scores):
        """The threshold of `fit` or `adapt`; that among these scores where the call at hand learns a corruption."""
        if self._now is None or self._was_adapted or self.adapt_on != "transform":
            return self.offset_
        return threshold(calibration_scores, self.contamination)

    def _images_for(self, rows, method):
        return self._checked_known(self._known_for(rows), method)

    def _checked_known(self, known, method):
        """Refuse what compares with normal images where there are none."""
        if known is None:
            raise DetectionError(
                f"{type(self).__name__}: {method} compares rows with normal images, but they are judged by the "
                f'residual. Fit with score_by="auto" on at least {FEWEST_DISTINCT} distinct images.'
            )
        return known


def maps_as_came(maps, form):
    """Give maps the form of grey images of X; where X has colours they stay as they are.

    Parameters
    ----------
    maps : ndarray (n, H, W)
    form : Form
        Of X.

    Returns
    -------
    ndarray (n, ...)
    """
    is_grey = n_values(form.shape) == n_values(maps.shape[1:])
    return form.answer(maps.reshape(len(maps), -1)) if is_grey else maps
