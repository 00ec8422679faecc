"""Figure 9a of the paper, and accuracy against the budget of attacks that know the defence."""

import numpy as np

from benchmarks.defence.attacks import GROUPS
from benchmarks.defence.tables import lines_of

__all__ = ["draw_budgets", "draw_universal"]

UNIVERSAL = (  # method, generator
    ("none", "-"),
    ("MimicDefense", "vae"),
    ("MimicGAN as printed", "vae"),
    ("Defense-GAN", "vae"),
    ("INC", "vae"),
    ("adversarial training", "-"),
)
BUDGETS = (("none", "-"), ("MimicDefense", "vae"), ("adversarial training", "-"))
KINDS = {"exact": "-", "bpda": ":"}  # line styles


def draw_universal(lines, path):
    """Draw accuracy against the strength of a universal perturbation; higher is better.

    Parameters
    ----------
    lines : list of dict
        Of one data set.
    path : Path
        Of the PNG.
    """
    curves = {f"{method}": curve(lines, method, kind, GROUPS["universal"]) for method, kind in UNIVERSAL}
    _draw(path, [(name, *found, "-") for name, found in curves.items()], "strength of the universal perturbation", True)


def draw_budgets(lines, path):
    """Draw accuracy against the budget of the exact gradient and of BPDA; higher is better."""
    curves = []
    for method, kind in BUDGETS:
        for gradient, style in KINDS.items():
            name = f"{method}, {gradient}" if gradient == "bpda" else method
            curves.append((name, *curve(lines, method, kind, GROUPS[gradient]), style))
    _draw(path, curves, "largest change of a pixel, eps, pixels in [0, 1]", False)


def curve(lines, method, kind, attacks):
    """Return strengths, means and deviations of the accuracies that are there."""
    found = [(attack.strength, lines_of(lines, method, kind, attack)) for attack in attacks]
    values = [(strength, [float(line["accuracy"]) for line in group]) for strength, group in found if group]
    strengths = [strength for strength, _ in values]
    return strengths, [float(np.mean(group)) for _, group in values], [float(np.std(group)) for _, group in values]


def _draw(path, curves, label, is_logarithmic):
    curves = [one for one in curves if one[1]]
    if not curves:
        return
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.5, 4), layout="constrained")
    for name, strengths, means, deviations, style in curves:
        axis.errorbar(strengths, means, deviations, label=name, linestyle=style, marker="o", markersize=3, capsize=2)
    if is_logarithmic:
        axis.set_xscale("log", base=2)
        axis.set_xticks(curves[0][1], [f"{value:g}" for value in curves[0][1]])
    axis.set(xlabel=label, ylabel="accuracy, %", ylim=(0, 100))
    axis.legend(fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)
