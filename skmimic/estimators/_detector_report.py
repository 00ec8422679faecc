"""All that a detector says of a batch of images, in one answer."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..metrics import p_values
from ._detector_methods import DetectorMethods, maps_as_came
from ._detector_scores import summed

__all__ = ["AnomalyReport", "DetectorReports"]


@dataclass(frozen=True, eq=False, repr=False)
class AnomalyReport:
    """What a detector says of n images; of the strangest also where, and which normal image is most like them.

    Attributes
    ----------
    scores : ndarray (n,), float64
        Of every image; higher is more normal.
    p_values : ndarray (n,), float64, in (0, 1]
        How often a held-out normal image scores as low.
    threshold : float
        Images that score below are outliers.
    labels : ndarray (n,) of int
        -1 for outliers, +1 for all others.
    normal_scores : ndarray (m,), float64
        Sorted scores of the held-out normal images that these compare with.
    shown : ndarray (k,) of int
        Which images the fields below speak of, the strangest first.
    maps : ndarray (k, ...)
        Where they are strange, as from `score_maps`.
    p_maps : ndarray (k, ...) or None
        As from `p_maps`; None unless they were asked for.
    nearest_normals : ndarray (k, ...) or None
        As from `nearest_normals`; None where images are judged by the residual.

    See Also
    --------
    MimicAnomalyDetector.report : Makes it.
    """

    scores: np.ndarray
    p_values: np.ndarray
    threshold: float
    labels: np.ndarray
    normal_scores: np.ndarray
    shown: np.ndarray
    maps: np.ndarray
    p_maps: np.ndarray | None = None
    nearest_normals: np.ndarray | None = None

    def __repr__(self):
        """Tell on one line how many images there are, and how many of them are strange."""
        found, lowest = int((self.labels == -1).sum()), self.p_values.min()
        return (
            f"{type(self).__name__}({len(self.scores)} images, {found} outliers below {self.threshold:.3g}, lowest "
            f"p-value {lowest:.2g}, {len(self.shown)} shown)"
        )


class DetectorReports(DetectorMethods):
    """Reports of detectors; the parameters are documented in the subclass."""

    def report(self, X, *, n_shown=None, p_maps=False):
        """Say all of a batch in one answer.

        The scores are computed once, and with ``adapt_on="transform"`` the corruption is learned once. Maps and normal
        images cost more than scores, so they can be asked for the strangest images alone.

        Parameters
        ----------
        X : array-like, as in `fit`
        n_shown : int or None, default=None
            How many of the strangest images get maps and normal images. 0 asks for none, None for all.
        p_maps : bool, default=False
            Whether to compute `p_maps`, too.

        Returns
        -------
        AnomalyReport
            Bit for bit what `score_samples`, `p_values`, `predict`, `score_maps`, `p_maps` and `nearest_normals` give.

        Raises
        ------
        DetectionError
            If `p_maps` are asked for, and images are judged by the residual.

        Examples
        --------
        >>> from skmimic import MimicAnomalyDetector
        >>> from skmimic.datasets import load_mnist_sample
        >>> digits = load_mnist_sample()
        >>> zeros, ones = (digits.images[digits.target == digit] for digit in (0, 1))
        >>> report = MimicAnomalyDetector().fit(zeros[:100]).report(ones[:5], n_shown=2)
        >>> report.labels
        array([-1, -1, -1, -1, -1])
        >>> report.maps.shape
        (2, 28, 28)
        """
        check_is_fitted(self, "offset_")
        self._check_n_shown(n_shown)
        rows, form = self._new_data(X)
        known = self._known_for(rows)
        if p_maps:
            self._checked_known(known, "p_maps")
        if known is None:
            return self._by_residual(rows, form, n_shown)
        return self._by_normals(known, rows, form, n_shown, p_maps)

    def _check_n_shown(self, n_shown):
        if n_shown is not None and not (isinstance(n_shown, Integral) and n_shown >= 0):
            raise ValueError(
                f"{type(self).__name__}: n_shown is how many images to show, an integer of at least 0, or None for "
                f"all, got {n_shown!r}."
            )

    def _by_normals(self, known, rows, form, n_shown, p_maps):
        scores = known.scores(rows, self.n_jobs)
        order, count = _strangest_first(scores, n_shown)
        chosen = rows[order[: max(count, 1)]]  # of none, forms and types are those of one
        return self._report(
            scores,
            known.calibration_scores,
            order[:count],
            maps=maps_as_came(known.maps(chosen), form)[:count],
            p_maps=maps_as_came(known.p_maps(chosen), form)[:count] if p_maps else None,
            nearest_normals=form.answer(known.mimics(chosen).astype(form.dtype))[:count],
        )

    def _by_residual(self, rows, form, n_shown):
        errors = self._errors(rows)
        scores = -summed(errors)
        order, count = _strangest_first(scores, n_shown)
        return self._report(scores, self.calibration_scores_, order[:count], maps=form.answer(errors[order[:count]]))

    def _report(self, scores, normal_scores, shown, **pictures):
        threshold = self._threshold_among(normal_scores)
        labels = np.where(scores - threshold < 0, -1, 1)
        chances = p_values(scores, normal_scores)
        return AnomalyReport(scores, chances, threshold, labels, normal_scores, shown, **pictures)


def _strangest_first(scores, n_shown):
    """Order rows from the strangest on, equal ones as they came; also return how many are shown."""
    order = np.argsort(scores, kind="stable")
    return order, len(order[:n_shown])
