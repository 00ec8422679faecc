"""Observed images beside their projections."""

import numpy as np

from ._drawn import as_drawn
from ._gallery import Row, draw_gallery, gallery_size, new_axes, range_of

__all__ = ["ProjectionDisplay"]


class ProjectionDisplay:
    """Rows of images beneath one another: what was observed and what was made of it.

    Parameters
    ----------
    rows : dict of str to ndarray (n, h, w), (n, c, h, w) or (n, h, w, c)
        Images by the name of their row; grey or RGB. Masked pixels and NaN are drawn in another colour.
    data_range : (low, high) or None, default=None
        Values of black and white. None reads it off the images: 0..255 for bytes, else the smallest of 0..1, -1..1 and
        what they span that holds all of them.
    main : str or None, default=None
        Name of the row that is set off.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure

    See Also
    --------
    ProjectionDisplay.from_estimator : Make it from a fitted estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from skmimic.plotting import ProjectionDisplay
    >>> display = ProjectionDisplay({"observed": np.zeros((3, 8, 8))})
    >>> list(display.rows)
    ['observed']
    """

    def __init__(self, rows, *, data_range=None, main=None):
        self.rows, self.data_range, self.main = rows, data_range, main

    @classmethod
    def from_estimator(cls, estimator, X, *, X_true=None, n_images=10, ax=None):
        """Project images and draw them.

        Parameters
        ----------
        estimator : MimicGANProjector, MimicDomainAligner, PGDProjector or KnownCorruptionProjector
            Fitted.
        X : array-like, as in the `transform` of the estimator
            Corrupted images.
        X_true : array-like of the form of X or None, default=None
            Clean images, if known.
        n_images : int, default=10
            How many of the first images are drawn; all of X are projected.
        ax : matplotlib axes or None, default=None
            None makes a new figure.

        Returns
        -------
        ProjectionDisplay
        """
        shown = {"clean": X_true, "observed": X, **_restored(estimator, X, n_images)}
        rows = {
            name: as_drawn("ProjectionDisplay", images, estimator.image_shape_, n_images)
            for name, images in shown.items()
            if images is not None
        }
        return cls(rows, data_range=estimator.data_range_, main="restored").plot(ax)

    def plot(self, ax=None):
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib axes or None, default=None
            None makes a new figure.

        Returns
        -------
        ProjectionDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        rows = [Row(name, images, is_main=name == self.main) for name, images in self.rows.items()]
        if ax is None:
            width, height = gallery_size(rows)
            (ax,) = new_axes("ProjectionDisplay", width, height=height)
        draw_gallery(ax, rows, range_of(self.rows.values()) if self.data_range is None else self.data_range)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _restored(estimator, X, n_images):
    """What an estimator makes of X, as images whatever it gives, and the corruption put on that again."""
    found = estimator.transform(X)
    gives_latents = getattr(estimator, "output", "images") == "latents"
    restored = {"restored": estimator.decode(np.asarray(found)) if gives_latents else found}
    if hasattr(estimator, "inverse_transform"):
        several = getattr(estimator, "surrogates_", None)
        is_mixed = isinstance(several, list) and len(several) > 1
        labels = {"labels": estimator.assign(X)[:n_images]} if is_mixed else {}
        restored["corrupted again"] = estimator.inverse_transform(found[:n_images], **labels)
    return restored
