"""The figures of the demo: as a table for people, as JSON for programs, as panels of the picture."""

import numpy as np

from .. import __version__
from ..plotting import Panel, Row
from ..surrogates import in_words
from ._restoration import LOST, ROTATION, ZOOM

__all__ = ["alignment_lines", "as_json", "panels", "restoration_lines"]

ASKED = f"rotated by {ROTATION} degrees, scaled to {ZOOM}, a third of the pixels lost"


def restoration_lines(restoration):
    """Tell in a table what the methods make of the corrupted digits.

    Parameters
    ----------
    restoration : Restoration

    Yields
    ------
    str
        Lines.
    """
    yield f"(a) {len(restoration.labels)} MNIST digits, {ASKED}"
    yield f"    {'':<18}{'d_proj':>8}{'1-NN accuracy':>16}{'seconds':>10}"
    for method in (restoration.corrupted, *restoration.methods):
        seconds = "" if method.duration is None else f"{method.duration.wall:.1f}"
        yield f"    {method.name:<18}{method.d_proj:>8.2f}{100 * method.accuracy:>14.1f} %{seconds:>10}".rstrip()
    yield f"    the clean digits themselves: {100 * restoration.clean_accuracy:.1f} %"
    yield f"    MimicGAN found: {_finding(restoration)}"


def alignment_lines(alignment):
    """Tell in a table what alignment does.

    Parameters
    ----------
    alignment : Alignment

    Yields
    ------
    str
        Lines.
    """
    yield f"(b) a classifier of MNIST reads {len(alignment.labels)} of scikit-learn's digits, from another scanner"
    yield f"    {'':<34}{'1-NN accuracy':>16}{'seconds':>10}"
    yield f"    {'as they are':<34}{100 * alignment.accuracy_before:>14.1f} %"
    names = "with MimicDomainAligner", 'the same with class_prior="source"'
    for name, reading in zip(names, alignment.readings, strict=False):
        yield f"    {name:<34}{100 * reading.accuracy:>14.1f} %{reading.duration.wall:>10.1f}"


def as_json(restoration, alignment, total, arguments):
    """Gather all figures.

    Parameters
    ----------
    restoration : Restoration
    alignment : Alignment
    total : Duration
    arguments : argparse.Namespace

    Returns
    -------
    dict
    """
    methods = {method.name: _figures(method) for method in (restoration.corrupted, *restoration.methods)}
    labelled = alignment.with_labels
    return {
        "version": __version__,
        "seed": arguments.seed,
        "quick": arguments.quick,
        "restoration": {
            "n_digits": len(restoration.labels),
            "corruption": {"rotation_deg": ROTATION, "scale": ZOOM, "fraction_lost": LOST},
            "found": {**restoration.found, "in_words": in_words(restoration.found)},
            "clean_accuracy": restoration.clean_accuracy,
            "methods": methods,
        },
        "alignment": {
            "n_target": len(alignment.labels),
            "accuracy_before": alignment.accuracy_before,
            "accuracy_after": alignment.without_labels.accuracy,
            **_seconds(alignment.without_labels.duration),
            "with_source_labels": None if labelled is None else _reading(labelled),
        },
        **_seconds(total),
    }


def _figures(method):
    figures = {"d_proj": method.d_proj, "accuracy": method.accuracy}
    return figures if method.duration is None else {**figures, **_seconds(method.duration)}


def _reading(reading):
    return {"accuracy_after": reading.accuracy, **_seconds(reading.duration)}


def _seconds(duration):
    return {"seconds": duration.wall, "cpu_seconds": duration.cpu}


def panels(restoration, alignment):
    """Lay out the picture: a digit of each class, the first that came.

    Parameters
    ----------
    restoration : Restoration
    alignment : Alignment

    Returns
    -------
    tuple of Panel
    """
    return _restoration_panel(restoration), _alignment_panel(alignment)


def _restoration_panel(restoration):
    shown = _one_of_each(restoration.labels)
    pgd, mimicgan, known = restoration.methods
    corrupted = np.ma.array(restoration.corrupted.images[shown])
    corrupted[:, restoration.lost] = np.ma.masked
    rows = (
        Row("clean", restoration.clean[shown], restoration.clean_accuracy, "never shown to the methods"),
        Row("corrupted", corrupted, restoration.corrupted.accuracy, "all that is given"),
        Row("PGD", pgd.images[shown], pgd.accuracy, "assumes no corruption"),
        Row("MimicGAN", mimicgan.images[shown], mimicgan.accuracy, "learns the corruption", is_main=True),
        Row("known corruption", known.images[shown], known.accuracy, "is told the corruption"),
    )
    return Panel(
        "Restore images whose corruption nobody knows",
        f"{len(restoration.labels)} digits, {ASKED} (orange)",
        rows,
        "digits read right, 1-NN",
        f"MimicGAN found: {_finding(restoration)}",
    )


def _alignment_panel(alignment):
    shown = _one_of_each(alignment.labels)
    without, labelled = alignment.without_labels, alignment.with_labels
    rows = [
        Row("as they are", alignment.target[shown], alignment.accuracy_before, "digits of another scanner"),
        Row("aligned", without.images[shown], without.accuracy, "MimicDomainAligner", is_main=labelled is None),
    ]
    if labelled is not None:
        told = 'class_prior="source"'
        rows.append(Row("aligned by class", labelled.images[shown], labelled.accuracy, told, is_main=True))
    return Panel(
        "Read another scanner's images with the classifier that you have",
        f"trained on MNIST, reads {len(alignment.labels)} of scikit-learn's digits without seeing a label of theirs",
        tuple(rows),
        "digits read right, 1-NN",
    )


def _finding(restoration):
    """The corruption in words; a lost pixel that no digit reaches leaves no trace."""
    words = in_words(restoration.found)
    blank = " (the others are blank in nearly all digits)"
    return words + blank if 0.01 < restoration.found.get("fraction_masked", 0) < 0.9 * LOST else words


def _one_of_each(labels):
    """Index of the first digit of each class."""
    return [int(np.flatnonzero(labels == digit)[0]) for digit in np.unique(labels)]
