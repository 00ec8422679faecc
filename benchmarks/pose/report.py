"""Tables and the figure of the benchmark of poses.

python -m benchmarks.pose.report
python -m benchmarks.pose.report --maps a.csv --clean b.csv --out pose.md --figure pose.png
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.pose.__main__ import OUT
from benchmarks.pose.objective import NEAR, TONES
from benchmarks.pose.results import read
from benchmarks.pose.solvers import LEARNERS

__all__ = ["clean_table", "draw", "maps_table"]

FIGURE = Path(__file__).parents[2] / "docs" / "_static" / "pose_error_by_rows.png"
NAMES = {
    "digits16": "digits 16x16, DCGAN",
    "digits28": "digits 28x28, DCGAN",
    "faces64": "faces 64x64, DCGAN",
    "fashion28": "Fashion-MNIST 28x28, VAE",
    "vae1200": "digits 28x28, VAE of 1,200",
    "vae_nine_digits": "digits 28x28 without nines, VAE of 1,200",
    "dcgan1200": "digits 28x28, DCGAN of 1,200",
    "pca_faces": "faces 64x64, PCA",
    "pca_fashion": "Fashion-MNIST 28x28, PCA",
}
MARKERS = dict(zip(LEARNERS, "osx", strict=True))
MAPS_HEAD = (
    "data",
    "rows",
    "tone",
    "method",
    "maps",
    "error, px (median / max)",
    f"below {NEAR} px",
    "family",
    "with mask",
    "gain error, %",
    "d_proj : known (median / max)",
    "fit, s",
    "transform, s",
    "PGD, s",
)
CLEAN_HEAD = ("data", "rows", "method", "cases", "come back", "error, px (max)", "gain error, % (max)", "found")


def maps_table(lines):
    """Write a line for each data set, number of rows, tone and method that learns.

    Parameters
    ----------
    lines : list of dict
        As read from the file.

    Returns
    -------
    str
        Markdown.
    """
    by_case = {(*_place(line), line["method"]): line for line in lines}
    groups = _grouped([line for line in lines if line["method"] in LEARNERS], "data", "rows", "tone", "method")
    return _table(MAPS_HEAD, [_maps_cells(key, group, by_case) for key, group in groups])


def _place(line):
    """Tell which rows under which map a line is about."""
    return tuple(line[name] for name in ("data", "part", "rows", "tone", "seed", "map"))


def _maps_cells(key, group, by_case):
    data, rows, tone, method = key
    errors, families = _floats(group, "error_px"), Counter(line["family"] for line in group)
    known, pgd = ([by_case.get((*_place(line), one)) for line in group] for one in ("known", "pgd"))
    pairs = zip(group, known, strict=True)
    ratios = [float(line["d_proj"]) / float(best["d_proj"]) for line, best in pairs if best]
    return (
        NAMES[data],
        rows,
        tone,
        method,
        len(group),
        f"{np.median(errors):.3f} / {errors.max():.3f}",
        f"{(errors < NEAR).sum()}",
        ", ".join(f"{family} {n}" for family, n in families.most_common()),
        sum(int(line["has_mask"]) for line in group),
        f"{100 * np.median(_floats(group, 'error_gain')):.2f}",
        f"{np.median(ratios):.2f} / {max(ratios):.2f}" if ratios else "-",
        _seconds(group, "seconds_fit"),
        _seconds(group, "seconds_transform"),
        _seconds(pgd, "seconds_transform"),
    )


def clean_table(lines):
    """Write a line for each data set, number of rows and method, on rows without a corruption."""
    return _table(CLEAN_HEAD, [_clean_cells(*one) for one in _grouped(lines, "data", "rows", "method")])


def _clean_cells(key, group):
    data, rows, method = key
    failed = [f"{line['family']}: {line['described']}" for line in group if line["is_clean"] == "0"]
    families = Counter(line["family"] for line in group).most_common()
    return (
        NAMES[data],
        rows,
        method,
        len(group),
        len(group) - len(failed),
        f"{_floats(group, 'error_px').max():.3f}",
        f"{100 * _floats(group, 'error_gain').max():.2f}",
        "; ".join(failed) or ", ".join(f"{family} {n}" for family, n in families),
    )


def _grouped(lines, *names):
    """Gather lines by the values of some columns, in the order of data, rows, tone, method."""
    groups = {}
    for line in lines:
        groups.setdefault(tuple(line[name] for name in names), []).append(line)
    return sorted(groups.items(), key=lambda item: [_rank(value) for value in item[0]])


def _rank(value):
    for order in (tuple(NAMES), TONES, LEARNERS):
        if value in order:
            return order.index(value)
    return int(value)


def _floats(lines, name):
    return np.array([float(line[name]) for line in lines])


def _seconds(lines, name):
    """Mean of seconds, of the lines that are there."""
    lines = [line for line in lines if line]
    return f"{_floats(lines, name).mean():.1f}" if lines else "-"


def _table(head, body):
    lines = (head, ["---"] * len(head), *body)
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"


def draw(lines, path):
    """Draw the error of the map against the number of rows: the median, and the largest thin.

    Parameters
    ----------
    lines : list of dict
    path : Path
        Of the PNG.
    """
    import matplotlib.pyplot as plt

    lines = [line for line in lines if line["tone"] == "none" and line["method"] in LEARNERS]
    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for (data, method), group in _grouped(lines, "data", "method"):
        errors = [(int(rows), _floats(few, "error_px")) for (rows,), few in _grouped(group, "rows")]
        x, style = [rows for rows, _ in errors], {"color": f"C{list(NAMES).index(data)}", "marker": MARKERS[method]}
        label = f"{NAMES[data]}, {method}"
        axis.plot(x, [np.median(one) for _, one in errors], label=label, fillstyle="none", **style)
        axis.plot(x, [one.max() for _, one in errors], linewidth=0.6, linestyle="--", markersize=3, **style)
    numbers = sorted({int(line["rows"]) for line in lines})
    axis.axhline(NEAR, color="grey", linewidth=0.8, linestyle=":")
    axis.set(xlabel="rows", xscale="log", yscale="log")
    axis.set_xticks(numbers, numbers)
    axis.set_xticks([], minor=True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_ylabel("error of the map, pixels (lower is better)\nmedian, and the largest dashed")
    figure.legend(frameon=False, loc="outside right upper", fontsize=9)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(words=None):
    """Write the tables and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", type=Path, nargs="*", default=[OUT / "maps.csv"])
    parser.add_argument("--clean", type=Path, nargs="*", default=[OUT / "clean.csv"])
    parser.add_argument("--out", type=Path, default=OUT / "pose.md")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    arguments = parser.parse_args(words)
    maps, clean = (read([path for path in paths if path.exists()]) for paths in (arguments.maps, arguments.clean))
    machines = "; ".join(sorted({line["machine"] for line in maps + clean}))
    texts = [f"Seconds are processor seconds of one thread on {machines}."]
    if maps:
        texts.append("Random affine maps; PGD is the time of its `transform` on the same rows.\n\n" + maps_table(maps))
        draw(maps, arguments.figure)
    if clean:
        texts.append("Rows without a corruption.\n\n" + clean_table(clean))
    arguments.out.write_text("\n\n".join(texts), encoding="utf-8")
    print(f"{arguments.out} written")


if __name__ == "__main__":
    main()
