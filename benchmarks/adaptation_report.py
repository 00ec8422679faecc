"""Table 1 and Figure 8 from the results: one JSON a direction, method and seed, and a few kept images."""

import json
from pathlib import Path

import numpy as np
from adaptation_domains import DIRECTIONS, MORE

__all__ = ["PAPER", "draw_figure", "read_results", "table"]

NAMES = {
    "none": "No adaptation",
    "none_area": "No adaptation, MNIST shrunk by areas",
    "pgd": "PGD, the paper's settings",
    "pgd_tuned": "PGD, our defaults",
    "subspace": "Subspace alignment (skada)",
    "ot": "Optimal transport (POT)",
    "ot_map": "Optimal transport (POT), learned map",
    "mimicgan": "MimicGAN, the paper's preset",
    "plain": "MimicGAN, plain port of Algorithm 1",
    "ours": "skmimic, defaults",
    "ours_labelled": 'skmimic with class_prior="source"',
}
NOTHING = "-"
PAPER = {
    "knn": {
        "none": (71.26, 31.65),
        "none_area": (71.26, 31.65),
        "pgd": (58.15, 24.96),
        "subspace": (59.53, 44.61),
        "ot": (77.92, 60.50),
        "ot_map": (77.92, 60.50),
        "mimicgan": (80.75, 65.50),
    },
    "cnn": {"none": (81.6, 60.3), "none_area": (81.6, 60.3), "pgd": (61.7, 48.2), "mimicgan": (83.7, 63.3)},
}
TASK_SPECIFIC = {
    "CoGAN": (91.2, 89.1),
    "ADDA": (92.4, 93.8),
    "Gen to Adapt": (95.3, 90.8),
    "DANN": (95.7, 90.0),
    "CyCADA": (95.6, 96.5),
}


def read_results(folder):
    """Read all results of a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of dict
    """
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]


def _of(results, direction, method):
    return [result for result in results if (result["direction"], result["label"]) == (direction, method)]


def _labels(results, directions):
    """Methods that were run in these directions, in the order of the table; variants follow their method."""
    found = {result["label"] for result in results if result["direction"] in directions}
    return sorted(found, key=lambda label: (list(NAMES).index(label.split("+")[0]), label))


def _name(label):
    method, *changes = label.split("+")
    return ", ".join([NAMES[method], *changes])


def _spread(values):
    """Write percentages: one, or the mean with the lowest and the highest."""
    values = 100 * np.array([value for value in values if value is not None])
    if not len(values):
        return NOTHING
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f})"


def _line(*cells):
    return "| " + " | ".join(cells) + " |"


def _accuracy_rows(results, judge, title):
    for label in _labels(results, DIRECTIONS):
        runs = [_of(results, direction, label) for direction in DIRECTIONS]
        measured = [_spread([run["accuracy"][judge] for run in some]) for some in runs]
        paper = PAPER[judge].get(label.split("+")[0])
        quoted = [f"{value:.2f}" for value in paper] if paper else [NOTHING, NOTHING]
        if measured != [NOTHING, NOTHING]:
            yield _line(title, _name(label), measured[0], quoted[0], measured[1], quoted[1])


def _cost_rows(results, directions):
    for label in _labels(results, directions):
        for direction in directions:
            runs = _of(results, direction, label)
            if runs:
                yield _line(_name(label), direction, *_costs(runs))


def _costs(runs):
    rows, aligned = runs[0]["n_rows"], runs[0]["n_aligned"]
    seconds, memory = min(run["seconds_all_rows"] for run in runs), max(run["peak_mib"] for run in runs)
    measured = runs[0]["scale"] == 1
    note = "" if measured else f", extrapolated from {aligned:,} rows"
    return f"{rows:,}", f"{seconds:,.0f}{note}", f"{memory:,.0f}"


def _more_rows(results):
    for direction in MORE:
        before = [run["accuracy"]["knn"] for run in _of(results, direction, "none")]
        for label in _labels(results, [direction]):
            after = [run["accuracy"]["knn"] for run in _of(results, direction, label)]
            if label != "none":
                yield _line(direction, _name(label), _spread(before), _spread(after))


def table(results):
    """Write the results as markdown: accuracy beside the paper's, cost, and the other domains.

    Parameters
    ----------
    results : list of dict

    Returns
    -------
    str
    """
    lines = [
        _line("classifier", "method", "M→U", "M→U, paper", "U→M", "U→M, paper"),
        "|---|---|---|---|---|---|",
        *_accuracy_rows(results, "knn", "1-NN"),
        *_accuracy_rows(results, "cnn", "CNN"),
        *(
            _line("CNN", f"{name}, task-specific, quoted from the paper", NOTHING, f"{mu:.2f}", NOTHING, f"{um:.2f}")
            for name, (mu, um) in TASK_SPECIFIC.items()
        ),
        "",
        "Accuracy in per cent without the 100 validation rows; with several generators the mean (lowest to highest).",
        "",
        _line("method", "direction", "target rows", "seconds, fastest of the generators", "peak memory, MiB"),
        "|---|---|---|---|---|",
        *_cost_rows(results, DIRECTIONS),
    ]
    more = list(_more_rows(results))
    if more:
        lines += ["", _line("domains", "method", "1-NN before", "1-NN after"), "|---|---|---|---|", *more]
    return "\n".join(lines) + "\n"


def draw_figure(results, folder, path):
    """Draw Figure 8: target digits, their projection by PGD, and ours, in both directions.

    Parameters
    ----------
    results : list of dict
    folder : Path
        Of the results, where the kept images lie.
    path : Path
        Of the PNG.
    """
    panels = {direction: _panel(results, folder, direction) for direction in DIRECTIONS}
    panels = {direction: rows for direction, rows in panels.items() if len(rows) > 1}
    if not panels:
        return
    import matplotlib.pyplot as plt  # only the figure needs it

    figure, axes = plt.subplots(len(panels), 1, squeeze=False, figsize=(11, 2.1 * len(panels)), layout="constrained")
    for axis, (direction, rows) in zip(axes[:, 0], panels.items(), strict=True):
        axis.imshow(np.concatenate([_strip(images) for images in rows.values()]), cmap="gray", vmin=0, vmax=255)
        axis.set_yticks(8 + 17 * np.arange(len(rows)), list(rows))
        axis.set_xticks([])
        axis.set_title(direction.replace("->", " to ").replace("mnist", "MNIST").replace("usps", "USPS"), loc="left")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _panel(results, folder, direction):
    """Rows of pictures of a direction by their names; of each method the first seed."""
    rows = {}
    for method, name in (("pgd", "PGD"), ("mimicgan", "MimicGAN"), ("ours", "skmimic")):
        runs = _of(results, direction, method)
        if runs:
            kept = np.load(Path(folder, runs[0]["kept"]))
            rows.setdefault("target", kept["target"])
            rows[name] = kept["aligned"]
    return rows


def _strip(images):
    """Put images (n, 256) side by side with a white line between."""
    framed = np.pad(images.reshape(-1, 16, 16), ((0, 0), (0, 1), (0, 1)), constant_values=255)
    return np.concatenate(list(framed), axis=1)
