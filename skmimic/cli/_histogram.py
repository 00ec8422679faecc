"""Histogram of scores as a drawing inside an HTML page."""

import numpy as np

__all__ = ["histogram"]

WIDTH, HEIGHT, BOTTOM, TOP = 640, 220, 40, 24  # of the drawing; room for the numbers below and the words above
N_BINS, N_TICKS = 48, 5
NORMAL, NEW, LINE = "#c9ced6", "#0b6bcb", "#b42318"


def histogram(normal_scores, scores, threshold):
    """Draw how many normal and new images have which score, and the threshold.

    Parameters
    ----------
    normal_scores, scores : ndarray
    threshold : float

    Returns
    -------
    str
        An SVG element. Both kinds are drawn as shares, so that their heights compare.
    """
    every = np.concatenate([normal_scores, scores, [threshold]])
    low, high = every.min(), max(every.max(), every.min() + 1e-9)
    edges = np.linspace(low, high, N_BINS + 1)
    shares = [np.histogram(part, edges)[0] / len(part) for part in (normal_scores, scores)]
    scale = (HEIGHT - BOTTOM - TOP) / max(part.max() for part in shares)
    x = (edges - low) / (high - low) * WIDTH
    normal, new = (HEIGHT - BOTTOM - part * scale for part in shares)
    at = (threshold - low) / (high - low) * WIDTH
    return "\n".join(
        [
            f'<svg viewBox="-30 0 {WIDTH + 60} {HEIGHT}" role="img" aria-label="Histogram of scores">',
            f'<path d="{_steps(x, normal)}Z" fill="{NORMAL}"/>',
            f'<path d="{_steps(x, new)}" fill="none" stroke="{NEW}" stroke-width="2"/>',
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{LINE}" '
            'stroke-dasharray="5 4" stroke-width="2"/>',
            *_ticks(low, high),
            *_words(),
            "</svg>",
        ]
    )


def _steps(x, heights):
    """Path along the tops of bars, from the ground to the ground."""
    ground = HEIGHT - BOTTOM
    corners = zip(x.repeat(2), [ground, *heights.repeat(2), ground], strict=True)
    return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in corners)


def _ticks(low, high):
    for share in np.linspace(0, 1, N_TICKS):
        value = low + share * (high - low)
        yield f'<text x="{share * WIDTH:.0f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:.3g}</text>'


def _words():
    middle, end = f'x="{WIDTH / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle"', 'y="14" text-anchor="end"'
    yield f"<text {middle}>score, higher is more normal; height: share of the images</text>"
    names = (
        ("held-out normal images", "#6b7280", WIDTH - 230),
        ("new images", NEW, WIDTH - 110),
        ("threshold", LINE, WIDTH),
    )
    for name, colour, x in names:
        yield f'<text x="{x}" {end} style="fill: {colour}">{name}</text>'
