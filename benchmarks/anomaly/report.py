"""Tables and figures of the benchmark of anomalies.

    python -m benchmarks.anomaly.report
    python -m benchmarks.anomaly.report --left-out a.csv b.csv --out anomaly.md --figures folder

Files that are not there are left out. The tables have a line a method and a column a class; a cell is the mean over
seeds. Means over classes come with the standard deviation over seeds, and with that over classes as the paper's.
"""

import argparse
from pathlib import Path

from benchmarks.anomaly.__main__ import OUT
from benchmarks.anomaly.figures import draw_classes, draw_memory
from benchmarks.anomaly.methods import METHODS, QUOTED
from benchmarks.anomaly.tables import Scores, table
from benchmarks.pose.results import read

__all__ = ["calibration_table", "left_out_tables", "streams_table", "write"]

CALIBRATION_HEAD = (
    "data",
    "left out",
    "stream",
    "method",
    "held out",
    "fresh",
    "false alarms at .05",
    "found at .05",
    "false discoveries at .1 (± standard error)",
    "found in lists",
)


def left_out_tables(lines, measure="auroc"):
    """Write a table for each data set, split and memory.

    Of a method that was measured on several numbers of rows the largest is shown; slow ones are given fewer.

    Parameters
    ----------
    lines : list of dict
        As read from the file.
    measure : str, default="auroc"

    Returns
    -------
    str
        Markdown.
    """
    texts = []
    for (data, split, memory), group in _grouped(lines, "data", "split", "memory"):
        classes = sorted({line["left_out"] for line in group}, key=int)
        scores = Scores(group, measure)
        head = ("method", *classes, "mean ± sd of seeds", "sd of classes", "the paper", "training", "rows", "rows/s")
        cells = [_method_cells(method, budget, classes, scores, data) for method, budget in _methods_of(group)]
        title = f"{data}, {split} split: {measure.replace('_', ' ')}, up to {memory} normals"
        texts.append(f"### {title}\n\n{table(head, cells)}")
    return "\n".join(texts)


def _method_cells(method, budget, classes, scores, data):
    chosen = scores.of(method=method, budget=budget).largest("rows").largest("held_out")
    quoted = QUOTED.get(method) if data == "mnist" and scores.measure == "auroc" else None
    return (
        method,
        *(chosen.of(left_out=one).mean() for one in classes),
        chosen.mean_over_classes(),
        chosen.spread_of_classes(),
        f"{quoted[0]:.2f} ± {quoted[1]:.2f}" if quoted else "-",
        "-" if budget == "none" else f"{budget}, {chosen.median('steps'):.0f} steps",
        chosen.lines[0]["rows"],
        f"{chosen.median('rows_per_second'):.0f}",
    )


def _methods_of(lines):
    order = list(METHODS)
    return sorted({(line["method"], line["budget"]) for line in lines}, key=lambda one: (order.index(one[0]), one[1]))


def streams_table(lines, measure="auroc"):
    """Write a line for each data set, share of anomalies and method, a column for each corruption."""
    texts = []
    for place, group in _grouped(lines, "data", "split", "memory", "rows", "batch", "share"):
        data, split, memory, rows, batch, share = place
        corruptions = list(dict.fromkeys(line["corruption"] for line in group))
        methods = dict.fromkeys((line["method"], line["budget"]) for line in group)
        scores = Scores(group, measure)
        cells = []
        for method, budget in methods:
            chosen = scores.of(method=method, budget=budget)
            cells.append((method, budget, *(chosen.of(corruption=one).mean_over_classes() for one in corruptions)))
        told = (
            f"{measure.replace('_', ' ')}, {memory} normals, {rows} + {rows} rows, {batch} adapted to, {share} strange"
        )
        head = ("method", "training", *corruptions)
        texts.append(f"### {data}, {split} split, streams: {told}\n\n{table(head, cells)}")
    return "\n".join(texts)


def calibration_table(lines):
    """Write a line for each case."""
    names = ("data", "left_out", "corruption", "method", "n_calibration", "n_fresh", "false_alarms", "found_at_5")
    cells = [(*(line[one] for one in names), _proportion(line), line["found_in_lists"]) for line in lines]
    return f"### Error rates\n\n{table(CALIBRATION_HEAD, cells)}"


def _proportion(line):
    return f"{line['false_discoveries']} ± {line['standard_error']}"


def _grouped(lines, *names):
    """Gather lines by the values of some columns, in the order in which they come."""
    groups = {}
    for line in lines:
        groups.setdefault(tuple(line[name] for name in names), []).append(line)
    return groups.items()


def write(arguments):
    """Write the tables and draw the figures of what is there."""
    left_out, streams, calibration = (
        read([path for path in paths if path.exists()])
        for paths in (arguments.left_out, arguments.streams, arguments.calibration)
    )
    parts = []
    if left_out:
        parts += [left_out_tables(left_out, measure) for measure in arguments.measures]
        arguments.figures.mkdir(parents=True, exist_ok=True)
        draw_classes(left_out, arguments.figures / "anomaly_figure_10.png")
        draw_memory(left_out, arguments.figures / "anomaly_memory.png")
    if streams:
        parts += [streams_table(streams, measure) for measure in arguments.measures]
    if calibration:
        parts.append(calibration_table(calibration))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(parts), encoding="utf-8")


def main(words=None):
    """Read the files and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("left_out", "streams", "calibration"):
        path = OUT.with_name(f"{name}.csv")
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, nargs="+", default=[path])
    parser.add_argument("--measures", nargs="+", default=["auroc"], help="auroc, average_precision, false_alarms, ...")
    parser.add_argument("--out", type=Path, default=OUT.with_name("anomaly.md"))
    parser.add_argument("--figures", type=Path, default=Path(__file__).parents[2] / "docs" / "_static")
    write(parser.parse_args(words))


if __name__ == "__main__":
    main()
