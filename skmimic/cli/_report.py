"""The figures of the demo: as a table for people, as JSON for programs, as panels of the picture."""

import numpy as np

from .. import __version__
from ..plotting import Panel, Row
from ..surrogates import in_words
from ._restoration import LOST, WARP

__all__ = ["alignment_lines", "as_json", "panels", "restoration_lines"]

ASKED = f"rotated by {WARP.rotation} degrees, scaled to {WARP.zoom}, sheared, shifted, a third of the pixels lost"


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


def alignment_lines(alignments):
    """Tell in a table what alignment does.

    Parameters
    ----------
    alignments : list of Alignment
        Of the same digits: without labels, and with those of the source if there are enough digits.

    Yields
    ------
    str
        Lines.
    """
    first = alignments[0]
    yield f"(b) a classifier of MNIST reads {len(first.labels)} of scikit-learn's digits, from another scanner"
    yield f"    {'':<34}{'1-NN accuracy':>16}{'seconds':>10}"
    yield f"    {'as they are':<34}{100 * first.accuracy_before:>14.1f} %"
    names = "with MimicDomainAligner", 'the same with class_prior="source"'
    for name, alignment in zip(names, alignments, strict=False):
        yield f"    {name:<34}{100 * alignment.accuracy_after:>14.1f} %{alignment.duration.wall:>10.1f}"


def as_json(restoration, alignments, total, arguments):
    """Gather all figures.

    Parameters
    ----------
    restoration : Restoration
    alignments : list of Alignment
        As in `alignment_lines`.
    total : Duration
    arguments : argparse.Namespace

    Returns
    -------
    dict
    """
    methods = {method.name: _figures(method) for method in (restoration.corrupted, *restoration.methods)}
    without, *labelled = alignments
    return {
        "version": __version__,
        "seed": arguments.seed,
        "quick": arguments.quick,
        "restoration": {
            "n_digits": len(restoration.labels),
            "corruption": {
                "rotation_deg": WARP.rotation,
                "scale": WARP.zoom,
                "shear_deg": WARP.shear,
                "shift_px": WARP.shift,
                "fraction_lost": LOST,
            },
            "found": {**restoration.found, "in_words": in_words(restoration.found)},
            "clean_accuracy": restoration.clean_accuracy,
            "methods": methods,
        },
        "alignment": {
            "n_target": len(without.labels),
            "accuracy_before": without.accuracy_before,
            **_reading(without),
            "with_source_labels": _reading(labelled[0]) if labelled else None,
        },
        **_seconds(total),
    }


def _figures(method):
    figures = {"d_proj": method.d_proj, "accuracy": method.accuracy}
    return figures if method.duration is None else {**figures, **_seconds(method.duration)}


def _reading(alignment):
    return {"accuracy_after": alignment.accuracy_after, **_seconds(alignment.duration)}


def _seconds(duration):
    return {"seconds": duration.wall, "cpu_seconds": duration.cpu}


def panels(restoration, alignments):
    """Lay out the picture: a digit of each class, the first that came.

    Parameters
    ----------
    restoration : Restoration
    alignments : list of Alignment
        As in `alignment_lines`.

    Returns
    -------
    tuple of Panel
    """
    return _restoration_panel(restoration), _alignment_panel(alignments)


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


def _alignment_panel(alignments):
    first = alignments[0]
    shown = _one_of_each(first.labels)
    rows = [Row("as they are", first.target[shown], first.accuracy_before, "digits of another scanner")]
    words = ("aligned", "MimicDomainAligner"), ("aligned by class", 'class_prior="source"')
    for (name, note), alignment in zip(words, alignments, strict=False):
        is_main = alignment is alignments[-1]
        rows.append(Row(name, alignment.aligned[shown], alignment.accuracy_after, note, is_main=is_main))
    return Panel(
        "Read another scanner's images with the classifier that you have",
        f"trained on MNIST, reads {len(first.labels)} of scikit-learn's digits without seeing a label of theirs",
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
