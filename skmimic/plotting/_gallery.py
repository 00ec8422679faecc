"""Rows of small pictures with a name before and a bar behind each row, in one pair of axes."""

from dataclasses import dataclass

import numpy as np

from ..utils import BYTES, CANONICAL, UNIT, Bounds, channels_axis, import_extra

__all__ = [
    "ACCENT",
    "GLOW",
    "HEAD",
    "INK",
    "QUIET",
    "STEP",
    "Row",
    "bars_from",
    "draw_gallery",
    "draw_heading",
    "gallery_size",
    "new_axes",
    "range_of",
]

INK, QUIET, FAINT, ACCENT, GLOW, LOST = "#1b1f24", "#6b7280", "#e5e7eb", "#0b6bcb", "#e3f0fd", "#f7c59f"
PAPER = ("#f6f7f9", INK)  # colours of the lowest and of the highest value of grey images
SIDE = 0.6  # of a picture in a figure of its own, in inches
STEP = 1.1  # from picture to picture, in sides of a picture
LABEL, BAR, HEAD = 3.4, 3.2, 0.6  # room for the names, the bars and the headings


@dataclass(frozen=True)
class Row:
    """One row of a gallery.

    Attributes
    ----------
    name : str
    images : ndarray (n, h, w), (n, c, h, w) or (n, h, w, c)
        Grey or RGB. Masked pixels of a numpy masked array, and NaN, are drawn in another colour.
    share : float or None
        Length of the bar, in [0, 1].
    note : str
        Small print below the name.
    is_main : bool
        Whether to draw it in the main colour.
    """

    name: str
    images: np.ndarray
    share: float | None = None
    note: str = ""
    is_main: bool = False


def gallery_size(rows):
    """Return width and height of a gallery, in sides of a picture."""
    has_bars = any(row.share is not None for row in rows)
    width = max(len(row.images) for row in rows) * STEP
    return LABEL + width + (BAR + 1.6 if has_bars else 0), len(rows) * STEP


def bars_from(rows):
    """Return where the bars begin, in sides of a picture from the first one."""
    return max(len(row.images) for row in rows) * STEP + 0.25


def draw_gallery(ax, rows, data_range):
    """Draw rows of pictures.

    Parameters
    ----------
    ax : matplotlib axes
    rows : sequence of Row
    data_range : (low, high)
    """
    width, height = gallery_size(rows)
    for index, row in enumerate(rows):
        top = index * STEP
        colour = ACCENT if row.is_main else INK
        if row.is_main:
            _draw_box(ax, -LABEL, top - 0.05, width, STEP, GLOW)
        _draw_name(ax, row, top, colour)
        for column, image in enumerate(row.images):
            _draw_image(ax, image, column * STEP, top, Bounds.of(data_range))
        if row.share is not None:
            _draw_bar(ax, row.share, bars_from(rows), top, colour if row.is_main else QUIET)
    ax.set(xlim=(-LABEL, width - LABEL), ylim=(height - 0.05, -0.05), aspect="equal")
    ax.axis("off")


def draw_heading(ax, column, text):
    """Write a heading above a column of a gallery, or above several with a position between them.

    Parameters
    ----------
    ax : matplotlib axes
        With the gallery.
    column : float
    text : str
    """
    ax.text(column * STEP + 0.5, -0.15, text, ha="center", va="bottom", color=QUIET, fontsize=8.5)
    ax.set_ylim(top=-HEAD)


def range_of(images):
    """Read black and white off sets of images, which a picture shows in one range.

    Parameters
    ----------
    images : iterable of ndarray

    Returns
    -------
    Bounds
    """
    images = [np.ma.asarray(one) for one in images]
    if any(one.dtype == np.uint8 for one in images):
        return BYTES
    seen = [one for one in map(_as_numbers, images) if one.count()]
    low, high = (float(end([end(one) for one in seen])) for end in (np.min, np.max)) if seen else CANONICAL
    spanned = Bounds(low, high) if low < high else Bounds(low - 1, high + 1)
    return next((usual for usual in (UNIT, CANONICAL) if usual.holds(low, high)), spanned)


def new_axes(subject, *widths, height):
    """Make a figure with axes beside one another; sizes are in sides of a picture.

    Parameters
    ----------
    subject : str
        Who asks.
    *widths : float
    height : float

    Returns
    -------
    list of matplotlib axes
    """
    pyplot = import_extra("matplotlib.pyplot", extra="plot", purpose=subject)
    size = (SIDE * sum(widths), SIDE * height)
    _, axes = pyplot.subplots(1, len(widths), figsize=size, width_ratios=widths, squeeze=False, layout="constrained")
    return list(axes[0])


def _draw_name(ax, row, top, colour):
    weight = "bold" if row.is_main else "normal"
    middle = top + (0.36 if row.note else 0.5)
    ax.text(-0.25, middle, row.name, ha="right", va="center", color=colour, fontsize=10.5, weight=weight)
    ax.text(-0.25, top + 0.76, row.note, ha="right", va="center", color=QUIET, fontsize=7.5)


def _as_numbers(image):
    """Mask what is no number; booleans become 0 and 1, which can be subtracted."""
    image = np.ma.asarray(image)
    return np.ma.masked_invalid(image.astype(np.float64) if image.dtype.kind != "f" else image)


def _channels_first(image):
    """Bring one picture to (1, h, w) or (3, h, w)."""
    image = image[None] if image.ndim == 2 else image
    image = np.moveaxis(image, -1, 0) if image.ndim == 3 and channels_axis(image.shape) == -1 else image
    if image.ndim != 3 or len(image) not in (1, 3):
        raise ValueError(
            f"A picture must be (h, w), (c, h, w) or (h, w, c) with one or three channels, got {image.shape}. Choose "
            "or combine channels."
        )
    return image


def _draw_image(ax, image, left, top, bounds):
    """Draw one picture; grey ones as ink on paper."""
    place = {"extent": (left, left + 1, top + 1, top), "interpolation": "nearest", "zorder": 2}
    image = _channels_first(_as_numbers(image))
    colours = import_extra("matplotlib.colors", extra="plot", purpose="A picture")
    if len(image) == 3:
        values = bounds.convert(image.filled(bounds.low), UNIT).clip(0, 1).transpose(1, 2, 0)
        values[np.ma.getmaskarray(image).any(axis=0)] = colours.to_rgb(LOST)
        ax.imshow(values, **place)
        return
    inks = colours.LinearSegmentedColormap.from_list("ink", PAPER).with_extremes(bad=LOST)
    ax.imshow(image[0], cmap=inks, vmin=bounds.low, vmax=bounds.high, **place)


def _draw_bar(ax, share, left, top, colour):
    _draw_box(ax, left, top + 0.3, BAR, 0.4, FAINT)
    _draw_box(ax, left, top + 0.3, BAR * share, 0.4, colour)
    text = {"ha": "left", "va": "center", "fontsize": 10.5, "weight": "bold"}
    ax.text(left + BAR + 0.2, top + 0.5, f"{100 * share:.0f} %", color=colour, **text)


def _draw_box(ax, left, top, width, height, colour):
    patches = import_extra("matplotlib.patches", extra="plot", purpose="A picture")
    ax.add_patch(patches.Rectangle((left, top), width, height, facecolor=colour, linewidth=0))
