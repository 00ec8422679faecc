"""The picture of the demo, and the first thing that a reader of README.md sees."""

import io
from dataclasses import dataclass

from ..utils import atomic_write, import_extra
from ._gallery import ACCENT, INK, QUIET, bars_from, draw_gallery, gallery_size

__all__ = ["DemoDisplay", "Panel"]

SIDE = 0.5  # of a small picture, in inches
TITLE, GAP, MARGIN = 0.72, 0.3, 0.2


@dataclass(frozen=True)
class Panel:
    """A gallery under a title.

    Attributes
    ----------
    title, subtitle : str
    rows : sequence of Row
    measure : str
        What the bars show.
    finding : str
        A sentence below, in the main colour.
    """

    title: str
    subtitle: str
    rows: tuple
    measure: str
    finding: str = ""


class DemoDisplay:
    """Galleries beneath one another, each with the accuracy of a classifier beside every row.

    Parameters
    ----------
    panels : sequence of Panel
    data_range : (low, high), default=(0, 255)

    Attributes
    ----------
    figure_ : matplotlib figure
        Belongs to no window.
    """

    def __init__(self, panels, *, data_range=(0, 255)):
        self.panels, self.data_range = panels, data_range

    def plot(self):
        """Draw the figure.

        Returns
        -------
        DemoDisplay
            Itself, with `figure_`.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        figures = import_extra("matplotlib.figure", extra="plot", purpose="The picture of the demo")
        sizes = [tuple(SIDE * side for side in gallery_size(panel.rows)) for panel in self.panels]
        feet = [0.3 if panel.finding else 0.0 for panel in self.panels]
        width = max(w for w, _ in sizes) + 2 * MARGIN
        height = sum(h + TITLE + foot for (_, h), foot in zip(sizes, feet, strict=True)) + GAP * len(sizes)
        self.figure_ = figures.Figure(figsize=(width, height), facecolor="white")
        top = height
        for panel, (w, h), foot in zip(self.panels, sizes, feet, strict=True):
            top -= TITLE
            place = (MARGIN / width, (top - h) / height, w / width, h / height)
            self._draw(panel, self.figure_.add_axes(place), top / height)
            top -= h + foot + GAP
        return self

    def _draw(self, panel, ax, top):
        draw_gallery(ax, panel.rows, self.data_range)
        figure, inch = self.figure_, 1 / self.figure_.get_figheight()
        left, bottom = ax.get_position().x0, ax.get_position().y0
        right, _ = figure.transFigure.inverted().transform(ax.transData.transform((bars_from(panel.rows), 0)))
        small = {"fontsize": 9.5, "va": "bottom"}
        figure.text(left, top + 0.38 * inch, panel.title, fontsize=13.5, weight="bold", color=INK, va="bottom")
        figure.text(left, top + 0.13 * inch, panel.subtitle, color=QUIET, **small)
        figure.text(right, top + 0.13 * inch, panel.measure, color=QUIET, **small)
        below = bottom - 0.12 * inch
        figure.text(left, below, panel.finding, color=ACCENT, fontsize=9.5, va="top", wrap=True)

    def save(self, path):
        """Write the figure as PNG, whole or not at all.

        Parameters
        ----------
        path : str or path-like
        """
        stream = io.BytesIO()
        self.figure_.savefig(stream, format="png", dpi=160)
        atomic_write(path, stream.getvalue())
