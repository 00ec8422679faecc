"""How projections come about: the paper's Figure 1."""

import numpy as np

from ..metrics import d_proj
from ._drawn import as_drawn
from ._gallery import ACCENT, GLOW, HEAD, QUIET, STEP, Row, draw_gallery, draw_heading, gallery_size, new_axes

__all__ = ["TrajectoryDisplay"]

CURVE_WIDTH = 6.5  # of the error's axes, in sides of a picture


class TrajectoryDisplay:
    """The projection of some images at some moments, and the distance to the clean images over time.

    Two rows an image: the projection G(z), and that with the corruption of the moment put on, f^(G(z)). Each row ends
    in what it ought to become, the clean image and the observed one.

    Parameters
    ----------
    trajectory : sequence of Snapshot
        From ``project(X, trajectory=True).trajectory``.
    observed : ndarray (n, C, H, W)
    clean : ndarray (n, C, H, W) or None, default=None
        The true images, if known.
    data_range : (low, high), default=(-1, 1)
        Values of black and white.
    n_images : int, default=3
        How many of the first images are drawn.
    n_moments : int, default=7
        At how many moments; they lie closer together at the beginning, where more happens.

    Attributes
    ----------
    errors : ndarray (n_snapshots, n) or None
        Distance `d_proj` of every projection to its clean image at every snapshot.
    ax_ : matplotlib axes
        With the pictures.
    error_ax_ : matplotlib axes or None
        With the error.
    figure_ : matplotlib figure

    See Also
    --------
    TrajectoryDisplay.from_estimator : Make it from a fitted estimator.

    References
    ----------
    MimicGAN, figure 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skmimic.engine import Snapshot
    >>> from skmimic.plotting import TrajectoryDisplay
    >>> images = np.zeros((2, 1, 8, 8))
    >>> path = [Snapshot(step, images + step / 100, images) for step in (0, 25, 50)]
    >>> TrajectoryDisplay(path, observed=images, clean=images).errors.mean(axis=1)
    array([0., 2., 4.])
    """

    def __init__(self, trajectory, observed, clean=None, *, data_range=(-1.0, 1.0), n_images=3, n_moments=7):
        self.trajectory, self.observed, self.clean = tuple(trajectory), observed, clean
        self.data_range, self.n_images, self.n_moments = data_range, n_images, n_moments
        low, high = data_range
        self.errors = None
        if clean is not None:
            errors = [d_proj(clean, moment.images, data_range=(low, high)) for moment in self.trajectory]
            self.errors = np.stack(errors)

    @classmethod
    def from_estimator(cls, estimator, X, X_true=None, *, n_images=3, n_moments=7, ax=None):
        """Project images with ``estimator.project`` and draw the way there.

        Parameters
        ----------
        estimator : estimator with a method `project`
            Fitted. With ``solver="alternating"`` the corruption is learned on the way, as in the paper; with the other
            solvers it is learned before.
        X : array-like, as in the `project` of the estimator
            Corrupted images; all of them are projected.
        X_true : array-like of the form of X or None, default=None
            Clean images, if known.
        n_images : int, default=3
            How many of the first images are drawn.
        n_moments : int, default=7
            At how many moments.
        ax : matplotlib axes, a pair of them, or None, default=None
            For the pictures, and for the error. None makes a new figure.

        Returns
        -------
        TrajectoryDisplay
        """
        trajectory = estimator.project(X, trajectory=True).trajectory
        observed, clean = (
            None if rows is None else as_drawn("TrajectoryDisplay", rows, estimator.image_shape_)
            for rows in (X, X_true)
        )
        numbers = {"n_images": n_images, "n_moments": n_moments}
        return cls(trajectory, observed, clean, data_range=tuple(estimator.data_range_), **numbers).plot(ax)

    def plot(self, ax=None):
        """Draw the pictures, and beside them the error if the clean images are known.

        Parameters
        ----------
        ax : matplotlib axes, a pair of them, or None, default=None
            For the pictures, and for the error, which is left out if there is one only. None makes a new figure.

        Returns
        -------
        TrajectoryDisplay
            Itself, with `ax_`, `error_ax_` and `figure_`.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        chosen = self._moments()
        rows = [row for index in range(min(self.n_images, len(self.observed))) for row in self._rows(index, chosen)]
        axes = self._new_axes(rows) if ax is None else list(np.atleast_1d(ax))
        self.ax_, self.figure_, self.error_ax_ = axes[0], axes[0].figure, None
        self._draw_pictures(rows, chosen)
        if self.errors is not None and len(axes) > 1:
            self.error_ax_ = axes[1]
            self._draw_error(chosen)
        return self

    def _moments(self):
        """Indices of the snapshots to draw, closer together at the beginning."""
        last = len(self.trajectory)
        return np.unique(np.geomspace(1, last, min(self.n_moments, last)).round().astype(int)) - 1

    def _rows(self, index, chosen):
        """Two rows of one image, each with its target at the end."""
        moments = [self.trajectory[i] for i in chosen]
        images = [moment.images[index] for moment in moments]
        clean = [] if self.clean is None else [self.clean[index]]
        mimicked = [moment.mimicked[index] for moment in moments]
        yield Row("projection", np.stack(images + clean), note="G(z)", is_main=True)
        yield Row("corrupted again", np.stack([*mimicked, self.observed[index]]), note="f^(G(z))")

    def _new_axes(self, rows):
        width, height = gallery_size(rows)
        widths = (width,) if self.errors is None else (width, CURVE_WIDTH)
        return new_axes("TrajectoryDisplay", *widths, height=height + HEAD)

    def _draw_pictures(self, rows, chosen):
        draw_gallery(self.ax_, rows, self.data_range)
        for column, index in enumerate(chosen):
            draw_heading(self.ax_, column, str(self.trajectory[index].step))
        draw_heading(self.ax_, -1.6, "latent steps")
        draw_heading(self.ax_, len(chosen), "target")
        self.ax_.axvline(len(chosen) * STEP - (STEP - 1) / 2, color=QUIET, linewidth=1, zorder=3)

    def _draw_error(self, chosen):
        steps = [moment.step for moment in self.trajectory]
        ax, mean = self.error_ax_, self.errors.mean(axis=1)
        ax.fill_between(steps, *np.quantile(self.errors, [0.25, 0.75], axis=1), color=GLOW, label="middle half")
        ax.plot(steps, mean, color=ACCENT, label="mean")
        ax.plot([steps[i] for i in chosen], mean[chosen], "o", color=ACCENT, markersize=4)
        ax.set(xlabel="latent steps", ylabel="distance to the clean image", ylim=(0, None))
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=8.5)
