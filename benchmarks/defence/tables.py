"""Means over generators, in cells."""

import numpy as np

from benchmarks.anomaly.tables import table
from benchmarks.defence.attacks import GROUPS
from benchmarks.defence.methods import FILTERS, METHODS

__all__ = [
    "PAPER",
    "REPORTED",
    "attack_table",
    "cell",
    "lines_of",
    "main_table",
    "settings_table",
    "speed_table",
    "table_of",
    "universal_table",
]

PAPER = {  # Figure 9b: mean and standard deviation over three generators
    "none": ((5.6,), (6.2,), (11.6,), (0.4,), (5.4,)),
    "Cowboy": ((66.0, 3.5), (71.4, 4.7), (61.6, 5.0), (68.8, 3.8), (65.2, 5.1)),
    "Defense-GAN": ((68.5, 3.1), (78.9, 1.4), (65.9, 2.4), (71.7, 3.2), (69.9, 2.2)),
    "MimicGAN": ((72.2, 3.8), (82.4, 3.8), (67.6, 2.8), (75.0, 4.4), (75.7, 4.4)),
}
PAPER_CLEAN = 91.5  # of the paper's classifier
REPORTED = "fashion_mnist"


def lines_of(lines, method, kind, attack):
    """Keep the lines of a case, of the most images that it was measured on."""
    wanted = {"method": method, **attack.key}
    found = [line for line in lines if wanted.items() <= line.items() and line["generator"] in (kind, "-")]
    most = max((int(line["rows"]) for line in found), default=0)
    return [line for line in found if int(line["rows"]) == most]


def cell(lines, column="accuracy"):
    """Write the mean over seeds, and their standard deviation if there are several."""
    values = [float(line[column]) for line in lines]
    if not values:
        return "-"
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def table_of(lines, attacks, kinds=("vae", "dcgan"), methods=None):
    """Write a line for each method and generator, a column for each attack; methods without a line are left out."""
    body = []
    for method in METHODS if methods is None else methods:
        for kind in kinds:
            found = [lines_of(lines, method, kind, attack) for attack in attacks]
            places = {line["generator"] for group in found for line in group}
            if places and (kind == kinds[0] or kind in places):
                body.append(_row(method, kind if kind in places else "-", found))
    head = ("defence", "generator", *(_title(attack) for attack in attacks), "seeds", "images")
    return table(head, body)


def _row(method, kind, found):
    everything = [line for group in found for line in group]
    seeds = {line["seed"] for line in everything if line["generator"] != "-"}
    rows = sorted({int(line["rows"]) for line in everything})
    cells = [cell(group) for group in found]
    return method, kind, *cells, len(seeds) or 1, ", ".join(str(n) for n in rows)


def _title(attack):
    strength = f" {attack.strength:g}" if attack.strength else ""
    return f"{attack.name}{strength}{', ' + attack.gradient if attack.gradient == 'bpda' else ''}"


def main_table(lines):
    """Write Figure 9b, with the paper's own lines below ours."""
    attacks = [*GROUPS["clean"], *GROUPS["paper"]]
    return table_of(_reported(lines), attacks) + "".join(_quoted(*one) for one in PAPER.items())


def _quoted(method, values):
    cells = [" ± ".join(f"{value:.1f}" for value in pair) for pair in values]
    place = ("-", PAPER_CLEAN, *cells, 1) if method == "none" else ("GAN", "-", *cells, 3)
    return f"| {' | '.join(str(value) for value in (f'the paper: {method}', *place, 500))} |\n"


def universal_table(lines):
    """Write Figure 9a as numbers."""
    return table_of(_reported(lines), GROUPS["universal"])


def attack_table(lines, *groups):
    """Write what is left under the attacks of some groups."""
    return table_of(_reported(lines), [attack for group in groups for attack in GROUPS[group]])


def speed_table(lines):
    """Write how many images a second are cleaned and read, the median of the clean and the attacked ones."""
    body = []
    for method in METHODS:
        for kind in ("vae", "dcgan", "-"):
            found = [line for line in _reported(lines) if (line["method"], line["generator"]) == (method, kind)]
            speeds = [float(line["rows_per_second"]) for line in found if line["rows_per_second"]]
            if speeds:
                body.append((method, kind, f"{np.median(speeds):.3g}"))
    return table(("defence", "generator", "images a second"), body)


def settings_table(lines):
    """Write what settings were chosen from, on images that are not reported."""
    chosen = [line for line in lines if line["data"] == f"{REPORTED} settings"]
    return table_of(chosen, [*GROUPS["clean"], *GROUPS["paper"]], methods=["none", "MimicDefense", *FILTERS])


def _reported(lines):
    return [line for line in lines if line["data"] == REPORTED]
