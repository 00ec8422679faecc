"""Strange images beside the normal ones that are most like them."""

from numbers import Integral

import numpy as np

from ..utils import UNIT, Bounds
from ._drawn import as_drawn
from ._gallery import ACCENT, QUIET, Row, draw_gallery, draw_heading, gallery_size, new_axes, range_of

__all__ = ["AnomalyDisplay"]

WIDTH = 8  # of the histogram, in sides of a picture
FEWEST_BINS, ROWS_A_BIN = 10, 10


class AnomalyDisplay:
    """The strangest images, the normal ones that mimic them best, maps of where they differ, and all scores.

    Parameters
    ----------
    rows : dict of str to ndarray (n, h, w), (n, c, h, w) or (n, h, w, c)
        Images by the name of their row, in one range.
    scores, p_values : ndarray (n,)
        Of these images; higher is more normal.
    all_scores : ndarray (m,)
        Of all new images, for the histogram.
    normal_scores : ndarray (k,)
        Of held-out normal images.
    threshold : float
    data_range : (low, high) or None, default=None
        Values of black and white; None reads it off the images.

    Attributes
    ----------
    ax_ : matplotlib axes
        With the images.
    histogram_ax_ : matplotlib axes
    figure_ : matplotlib figure

    See Also
    --------
    AnomalyDisplay.from_estimator : Make it from a fitted detector.

    Examples
    --------
    >>> import numpy as np
    >>> from skmimic.plotting import AnomalyDisplay
    >>> display = AnomalyDisplay({"new": np.zeros((1, 8, 8))}, [-2.0], [0.1], [-2.0], [0.0, -1.0], -1.5)
    >>> list(display.rows)
    ['new']
    """

    def __init__(self, rows, scores, p_values, all_scores, normal_scores, threshold, *, data_range=None):
        self.rows, self.scores, self.p_values, self.all_scores = rows, scores, p_values, all_scores
        self.normal_scores, self.threshold, self.data_range = normal_scores, threshold, data_range

    @classmethod
    def from_estimator(cls, estimator, X, *, n_images=8, axes=None):
        """Score images and draw the strangest.

        Parameters
        ----------
        estimator : MimicAnomalyDetector
            Fitted.
        X : array-like, as in the `predict` of the estimator
        n_images : int, default=8
            How many are drawn, at least 1; all are scored.
        axes : pair of matplotlib axes or None, default=None
            For images and histogram; None makes a new figure.

        Returns
        -------
        AnomalyDisplay
        """
        if not (isinstance(n_images, Integral) and n_images >= 1):
            raise ValueError(f"AnomalyDisplay: n_images is how many images to draw, at least 1, got {n_images!r}.")
        report = estimator.report(X, n_shown=n_images)
        shown, shape = report.shown, estimator.image_shape_
        images = as_drawn("AnomalyDisplay", X, shape)[shown]
        rows = {"new": images, **_beside(report, shape, Bounds.of(estimator.data_range_))}
        drawn = report.scores[shown], report.p_values[shown]
        known = report.scores, report.normal_scores, report.threshold
        return cls(rows, *drawn, *known, data_range=estimator.data_range_).plot(axes)

    def plot(self, axes=None):
        """Draw images and histogram.

        Parameters
        ----------
        axes : pair of matplotlib axes or None, default=None
            None makes a new figure.

        Returns
        -------
        AnomalyDisplay
            Itself, with `ax_`, `histogram_ax_` and `figure_`.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        rows = [Row(name, images, is_main=name == "new") for name, images in self.rows.items()]
        if axes is None:
            width, height = gallery_size(rows)
            axes = new_axes("AnomalyDisplay", width, WIDTH, height=height + 2)
        self.ax_, self.histogram_ax_ = axes
        draw_gallery(self.ax_, rows, range_of(self.rows.values()) if self.data_range is None else self.data_range)
        for column, (score, p) in enumerate(zip(self.scores, self.p_values, strict=True)):
            draw_heading(self.ax_, column, f"{score:.3g}\np {p:.2g}")
        self._draw_histogram(self.histogram_ax_)
        self.figure_ = self.ax_.figure
        return self

    def _draw_histogram(self, ax):
        both = np.concatenate([self.normal_scores, self.all_scores])
        bins = np.linspace(both.min(), both.max() + 1e-9, max(len(both) // ROWS_A_BIN, FEWEST_BINS))
        ax.hist(self.normal_scores, bins, color=QUIET, alpha=0.5, density=True, label="held-out normal")
        ax.hist(self.all_scores, bins, color=ACCENT, histtype="step", density=True, label="new")
        ax.axvline(self.threshold, color=QUIET, linestyle="--", label="threshold")
        ax.set(xlabel="score, higher is more normal", ylabel="density")
        ax.legend(fontsize=8)


def _beside(report, shape, bounds):
    """Normal images and maps of the images shown; by the residual there are only maps."""
    maps = np.asarray(report.maps).reshape(len(report.shown), -1)
    is_by_pixel = maps.shape[1] == shape[1] * shape[2]
    maps = as_drawn("AnomalyDisplay", maps, (1, *shape[1:]) if is_by_pixel else shape)
    lowest = min(maps.min(), 0)
    shown = {"where": UNIT.convert((maps - lowest) / max(maps.max() - lowest, 1e-9), bounds)}
    if report.nearest_normals is None:
        return shown
    return {"nearest normal": as_drawn("AnomalyDisplay", report.nearest_normals, shape), **shown}
