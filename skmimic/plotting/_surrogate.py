"""What a learned corruption does."""

import textwrap

import numpy as np
import torch

from ..surrogates import in_words
from ..utils import CANONICAL
from ._gallery import HEAD, INK, Row, draw_gallery, draw_heading, gallery_size, new_axes

__all__ = ["SurrogateDisplay"]

PATTERNS = ("letter", "dots", "full")
LETTER = ((0.34, 0.24, 0.46, 0.76), (0.34, 0.24, 0.7, 0.36), (0.34, 0.45, 0.62, 0.57))  # left, top, right, bottom


class SurrogateDisplay:
    """Test patterns and images of the generator before and after the learned corruption, and after the true one.

    The letter shows how the content moves, the dots how the strokes change, the full picture what is masked.

    Parameters
    ----------
    rows : dict of str to ndarray (n, C, H, W)
        Images in [-1, 1] by the name of their row, the test patterns first.
    words : str, default=""
        What the corruption does; the title.
    main : str or None, default="learned"
        Name of the row that is set off.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure

    See Also
    --------
    SurrogateDisplay.from_estimator : Make it from a fitted estimator.
    ProjectionDisplay : Observed images and their projections.

    Examples
    --------
    >>> import numpy as np
    >>> from skmimic.plotting import SurrogateDisplay
    >>> display = SurrogateDisplay({"before": np.zeros((4, 1, 8, 8))}, words="no corruption")
    >>> display.words
    'no corruption'
    """

    def __init__(self, rows, *, words="", main="learned"):
        self.rows, self.words, self.main = rows, words, main

    @classmethod
    def from_estimator(cls, estimator, f=None, *, n_images=5, ax=None):
        """Send test patterns through what an estimator has learned, and draw them; several surrogates have a row each.

        Parameters
        ----------
        estimator : estimator with `surrogate_` and `generator_`
            Fitted.
        f : callable or None, default=None
            The true corruption, if known: maps tensors (n, C, H, W) in [-1, 1] to the same shape, as those of
            `skmimic.corruptions` do.
        n_images : int, default=5
            How many images of the generator stand beside the patterns.
        ax : matplotlib axes or None, default=None
            None makes a new figure.

        Returns
        -------
        SurrogateDisplay
        """
        before = np.concatenate([_patterns(estimator.image_shape_), _generated(estimator.generator_, n_images)])
        rows, tensor = {"before": before}, torch.from_numpy(before)
        if f is not None:
            with torch.no_grad():
                rows["true"] = f(tensor).numpy()
        learned = _learned(estimator)
        rows.update({name: surrogate.apply(tensor) for name, surrogate in learned.items()})
        return cls(rows, words=_all_words(learned)).plot(ax)

    def plot(self, ax=None):
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib axes or None, default=None
            None makes a new figure.

        Returns
        -------
        SurrogateDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        rows = [Row(name, images, is_main=name == self.main) for name, images in self.rows.items()]
        width, height = gallery_size(rows)
        title = textwrap.fill(self.words, round(5 * width))
        if ax is None:
            (ax,) = new_axes("SurrogateDisplay", width, height=height + HEAD + 0.5 * (1 + title.count("\n")))
        draw_gallery(ax, rows, CANONICAL)
        for column, name in enumerate(PATTERNS):
            draw_heading(ax, column, name)
        n_generated = len(rows[0].images) - len(PATTERNS)
        if n_generated > 0:
            draw_heading(ax, len(PATTERNS) + (n_generated - 1) / 2, "images of the generator")
        ax.set_title(title, fontsize=11, color=INK)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _learned(estimator):
    """Name the learned surrogates; a projector of mixed batches has several, in a list."""
    several = getattr(estimator, "surrogates_", None)
    if isinstance(several, list) and len(several) > 1:
        return {f"learned {number}": surrogate for number, surrogate in enumerate(several, start=1)}
    return {"learned": estimator.surrogate_}


def _all_words(learned):
    words = {name: in_words(surrogate) for name, surrogate in learned.items()}
    return "; ".join(f"{name}: {said}" for name, said in words.items()) if len(words) > 1 else words["learned"]


def _patterns(image_shape):
    """Draw a letter F, a lattice of dots, and a bright picture, (3, C, H, W)."""
    _, height, width = image_shape
    y, x = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    letter = np.zeros((height, width), dtype=bool)
    for left, top, right, bottom in LETTER:
        letter |= (left <= x) & (x < right) & (top <= y) & (y < bottom)
    dots = np.zeros_like(letter)
    dots[height // 8 :: max(height // 4, 1), width // 8 :: max(width // 4, 1)] = True
    drawn = np.stack([letter, dots, np.ones_like(letter)])[:, None]
    return np.broadcast_to(np.where(drawn, np.float32(1), np.float32(-1)), (3, *image_shape)).copy()


def _generated(generator, n_images):
    images = generator.sample(n_images, random_state=0)
    return generator.data_range.convert(np.asarray(images), CANONICAL).astype(np.float32)
