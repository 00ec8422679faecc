"""Figures of the robustness benchmark."""

import matplotlib.pyplot as plt
import numpy as np
from robustness_data import SWEPT, levels_of
from robustness_methods import METHODS, NAMES
from robustness_report import sweep_ratios

from skmimic.plotting import ProjectionDisplay, TrajectoryDisplay

__all__ = ["draw_curves", "draw_grid", "draw_sweep", "draw_trajectory"]

COLOURS = {**dict(zip(METHODS, plt.get_cmap("tab10").colors[1:], strict=False)), "ours": "tab:blue", "known": "black"}
UNTOUCHED = {"rotation": 0, "missing": 0, "zoom_out": 1.0, "zoom_in": 1.0}  # strength of no corruption


def draw_curves(results, data, path):
    """Draw Figure 4: error against strength, with the standard deviation over the images.

    Parameters
    ----------
    results : list of dict
        Of this data set.
    data : str
    path : Path
        Of the PNG.
    """
    figure, axes = plt.subplots(1, len(SWEPT), figsize=(4 * len(SWEPT), 3.4), layout="constrained", sharey=True)
    for axis, (group, title) in zip(axes, SWEPT.items(), strict=True):
        for index, method in enumerate(METHODS):
            _draw_curve(axis, results, data, group, method, index)
        strengths = _strengths(data, group)
        margin = 0.05 * (strengths[-1] - strengths[0])
        axis.set_xlim(strengths[0] - margin, strengths[-1] + margin)
        axis.set_xlabel(title)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set(ylabel="distance to the clean image", ylim=(0, None))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside right upper", fontsize=9)
    _save(figure, path)


def _strengths(data, group):
    """Strengths of a group from none to the strongest; zoom out runs downwards."""
    return [UNTOUCHED[group], *(level.strength for level in levels_of(data).values() if level.group == group)]


def _draw_curve(axis, results, data, group, method, index):
    """Draw one method, shifted a little to the side so that the bars of several can be told apart."""
    levels = levels_of(data)
    points = [(UNTOUCHED[group], "none")] + [(one.strength, name) for name, one in levels.items() if one.group == group]
    found = [(x, *_mean_and_sd(results, name, method)) for x, name in points if _has(results, name, method)]
    if found:
        x, mean, sd = np.array(found).T
        aside = (index - len(METHODS) / 2) * 0.006 * np.ptp(_strengths(data, group))
        style = {"color": COLOURS[method], "label": NAMES[method], "capsize": 2, "marker": "o", "markersize": 3}
        axis.errorbar(x + aside, mean, sd, linewidth=2 if method == "ours" else 1, elinewidth=0.6, **style)


def _has(results, level, method):
    return any((result["level"], result["method"]) == (level, method) for result in results)


def _mean_and_sd(results, level, method):
    """Mean over the seeds of the mean and of the standard deviation over the images."""
    found = [one["d_proj"] for one in results if (one["level"], one["method"]) == (level, method)]
    return [np.mean([one[key] for one in found]) for key in ("mean", "sd")]


def draw_grid(found, path):
    """Draw Figure 5 or 7: what was kept of each method.

    Parameters
    ----------
    found : dict of str to Path
        Archives of bytes by method; what does not exist is left out.
    path : Path
        Of the PNG.
    """
    rows = {}
    for method in [method for method, archive in found.items() if archive.exists()]:
        kept = np.load(found[method])
        for name in ("clean", "observed"):
            if name in kept:
                rows.setdefault(name, kept[name])
        rows[NAMES[method]] = kept["projected"]
    if rows:
        _save(ProjectionDisplay(rows, data_range=(0, 255), main=NAMES["ours"]).plot().figure_, path)


def draw_sweep(results, path):
    """Draw Figure 6a: the ratio of every draw against the number of images, and where the rows are identifiable.

    Parameters
    ----------
    results : list of dict
    path : Path
        Of the PNG.
    """
    ratios = sweep_ratios(results)
    if not ratios:
        return
    figure, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
    for size, values in ratios.items():
        axis.plot([size] * len(values), values, "o", color=COLOURS["ours"], alpha=0.3, markersize=4)
    axis.plot(list(ratios), [np.median(values) for values in ratios.values()], color=COLOURS["ours"], label="median")
    axis.axhline(1.2, color="grey", linewidth=0.8, linestyle=":", label="20 % above")
    axis.set_xscale("log", base=2)
    axis.set(xlabel="images seen together", ylabel="error over that with all images", ylim=(0, None))
    axis.set_xticks(list(ratios), [str(size) for size in ratios])
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    _save(figure, path)


def draw_trajectory(estimator, X, clean, path):
    """Draw Figure 1: how projections come about.

    Parameters
    ----------
    estimator : MimicGANProjector
        Fitted.
    X, clean : ndarray (n, c, h, w)
    path : Path
        Of the PNG.
    """
    _save(TrajectoryDisplay.from_estimator(estimator, X, clean).figure_, path)


def _save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
