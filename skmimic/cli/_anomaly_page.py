"""The page of `skmimic detect`: one HTML file with counts, a histogram and the strangest images first."""

import base64
import html
import io
import platform

import numpy as np

from .. import __version__
from ..surrogates import in_words
from ..utils import n_values
from ._anomaly_table import counts_in_words
from ._histogram import histogram
from ._pictures import import_pillow, to_picture

__all__ = ["anomaly_page"]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { padding: .4rem .8rem; text-align: left; vertical-align: top; }
th { color: #6b7280; font-weight: normal; } tr + tr { border-top: 1px solid #e5e7eb; } td { overflow-wrap: anywhere; }
td img { width: 7rem; height: auto; image-rendering: pixelated; display: block; }
.outlier { color: #b42318; font-weight: bold; } pre { background: #f6f7f9; padding: .8rem; white-space: pre-wrap; }
p.note { color: #6b7280; } svg { width: 100%; height: auto; } svg text { font-size: 13px; fill: #6b7280; }
"""
# Colours of a map from nothing to the most; the brightness rises all the way, so that it can be read in grey, too.
HEAT = np.array([(8, 8, 20), (94, 20, 104), (199, 56, 70), (249, 142, 40), (252, 246, 184)], np.float64)


def anomaly_page(findings, rows, images, details, detector, arguments):
    """Lay out the page.

    Parameters
    ----------
    findings : Findings
        Of all new images.
    rows : ndarray (k,) of int
        The strangest, which are shown.
    images : ndarray (k, ...)
        These.
    details : AnomalyReport
        Of these.
    detector : MimicAnomalyDetector
        That judged them.
    arguments : argparse.Namespace

    Returns
    -------
    bytes
        UTF-8.
    """
    title = f"Anomalies in {_text(arguments.new)}"
    parts = [
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>",
        f"<p>Compared with the normal images of {_text(arguments.normal)}.</p><ul>",
        *(f"<li>{_text(sentence)}.</li>" for sentence in counts_in_words(findings)),
        "</ul><h2>Scores</h2>",
        histogram(findings.normal_scores, findings.scores, findings.threshold),
        f"<h2>The {len(rows)} strangest images</h2>",
        f'<p class="note">{_text(_legend(details))}</p>',
        *_table(findings, rows, images, details, detector),
        "<h2>How it was made</h2><ul>",
        *(f"<li>{_text(sentence)}</li>" for sentence in _settings(detector, arguments)),
        f"</ul><pre>{_text(arguments.command_line)}</pre></body></html>",
    ]
    return "\n".join(parts).encode("utf-8")


def _text(value):
    """Escape a text for HTML; characters that cannot be printed, which could hide or break something, are replaced."""
    return html.escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value)))


def _legend(details):
    where = "The brighter a pixel of the map, the more it differs; all maps have one scale."
    if details.nearest_normals is None:
        return f"{where} It shows what no clean image explains."
    return f"Beside each stands the normal image that is most like it, where parts may move a little. {where}"


def _settings(detector, arguments):
    import sklearn
    import torch

    yield f"score by {detector.score_by_}, threshold {detector.offset_:.4g}, seed {arguments.seed}"
    if arguments.adapt:
        yield f"corruption that the new images share: {in_words(detector.surrogate_.describe())}"
    versions = {"Python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    versions["scikit-learn"] = sklearn.__version__
    yield f"skmimic {__version__}, " + ", ".join(f"{name} {version}" for name, version in versions.items())


def _table(findings, rows, images, details, detector):
    """Show an image a line: itself, the normal one that is most like it, the map, and its numbers."""
    drawn = _Drawn(detector)
    place = np.argsort(details.shown)  # where each image stands among the details
    maps, normals = drawn.heat(details.maps), details.nearest_normals
    heads = ["", "image", "new", *([] if normals is None else ["nearest normal"]), "where", "score", "p-value", ""]
    yield f"<table><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead><tbody>"
    for index, row in enumerate(rows):
        at, name = place[index], _text(findings.name(row))
        pictures = [drawn.image(images[index], f"{name}, new")]
        pictures += [] if normals is None else [drawn.image(normals[at], f"{name}, nearest normal")]
        pictures.append(_tag(drawn.pillow.fromarray(maps[at]), f"{name}, where"))
        numbers = [f"{findings.scores[row]:.4g}", f"{findings.p_values[row]:.2g}"]
        label = '<span class="outlier">anomaly</span>' if findings.labels[row] == -1 else "normal"
        cells = "".join(f"<td>{cell}</td>" for cell in (index + 1, name, *pictures, *numbers, label))
        yield f"<tr>{cells}</tr>"
    yield "</tbody></table>"


class _Drawn:
    """Images and maps of a detector as PNG data inside the page."""

    def __init__(self, detector):
        self.pillow, self.shape, self.bounds = import_pillow(), detector.image_shape_, detector.data_range_

    def image(self, image, words):
        """Show an image; pixels that were not seen are black."""
        seen = np.nan_to_num(np.asarray(image, np.float64), nan=self.bounds.low)
        return _tag(to_picture(self.pillow, seen, self.shape, self.bounds), words)

    def heat(self, maps):
        """Colour maps (k, ...), all in one scale: (k, H, W, 3)."""
        n_pixels = n_values(self.shape[1:])
        maps = np.nan_to_num(np.asarray(maps, np.float64)).reshape(len(maps), -1, n_pixels).sum(axis=1)
        maps = maps.reshape(len(maps), *self.shape[1:])
        lowest = min(maps.min(), 0.0)
        steps = (maps - lowest) / max(maps.max() - lowest, 1e-12) * (len(HEAT) - 1)
        at = np.arange(len(HEAT))
        return np.stack([np.interp(steps, at, colour) for colour in HEAT.T], axis=-1).round().astype(np.uint8)


def _tag(picture, words):
    content = io.BytesIO()
    picture.save(content, "PNG")
    data = base64.b64encode(content.getvalue()).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{words}">'
