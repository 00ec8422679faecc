"""Scores of new images as a table in a file, and in a few lines for people."""

import csv
import io

from ._console import plain
from ._findings import FALSE_DISCOVERIES

__all__ = ["as_csv", "counts_in_words", "summary_lines"]

COLUMNS = ("image", "score", "p_value", "label")
MOST_LINES = 5  # of the strangest images on the terminal


def as_csv(findings):
    """Write the scores of all images in their order, with all digits.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    bytes
        UTF-8; bytes of file names that are none are escaped.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    columns = (findings.scores.tolist(), findings.p_values.tolist(), findings.labels.tolist())
    for row, values in enumerate(zip(*columns, strict=True)):
        writer.writerow([findings.name(row), *values])
    return stream.getvalue().encode("utf-8", "backslashreplace")


def counts_in_words(findings):
    """Say how many images there are, and how many of them are strange.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    list of str
        Sentences without a full stop.
    """
    m = len(findings.normal_scores)
    rate = max(findings.contamination, 1 / (m + 1))  # no threshold among m scores has a lower one
    return [
        f"{len(findings)} new images, whose scores are compared with those of {m} normal images that were held out",
        f"{findings.n_flagged} are below the threshold; if all were normal, about {rate * len(findings):.3g} would be "
        f"(false alarms: {100 * rate:.3g} %)",
        f"{findings.n_discoveries} are anomalies if {100 * FALSE_DISCOVERIES:.3g} % of those listed may be false "
        f"(lowest possible p-value: {1 / (m + 1):.2g})",
    ]


def summary_lines(findings):
    """Sum up the findings for the terminal.

    Parameters
    ----------
    findings : Findings

    Yields
    ------
    str
    """
    yield from counts_in_words(findings)
    yield f"{'strangest':<32}{'score':>12}{'p-value':>12}"
    for row in findings.order[:MOST_LINES]:
        yield f"{plain(findings.name(row)):<32}{findings.scores[row]:>12.4g}{findings.p_values[row]:>12.2g}"
