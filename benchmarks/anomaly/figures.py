"""Figure 10 of the paper, and AUROC against the number of normal rows."""

from benchmarks.anomaly.methods import METHODS
from benchmarks.anomaly.tables import Scores

__all__ = ["SHOWN", "draw_classes", "draw_memory"]

SHOWN = ("mimic auto", "MimicGAN as printed, M->U", "PGD/AnoGAN", "EGBAD", "VAE", "GANomaly", "cosine 5-NN")
CURVES = ("mimic auto", "mimic edges", "cosine 5-NN")
CHANCE = 0.5


def draw_classes(lines, path, data="mnist", split="random"):
    """Draw a bar for each class that was left out and each method, as Figure 10 does; higher is better.

    Of several sizes of memory the largest is taken, of several budgets the last in the file.

    Parameters
    ----------
    lines : list of dict
    path : Path
        Of the PNG.
    data : str, default="mnist"
    split : str, default="random"
    """
    import matplotlib.pyplot as plt

    scores = Scores([line for line in lines if line["data"] == data and line["split"] == split], "auroc")
    methods = [method for method in SHOWN if scores.of(method=method).lines]
    if not methods:
        return
    classes = sorted({line["left_out"] for line in scores.lines}, key=int)
    figure, axis = plt.subplots(figsize=(9, 3.5), layout="constrained")
    width = 0.85 / len(methods)
    for i, method in enumerate(methods):
        means = _by_class(scores.of(method=method))
        places = [k + (i - (len(methods) - 1) / 2) * width for k in range(len(classes))]
        axis.bar(places, [means.get(one, 0) for one in classes], width, label=method)
    axis.axhline(CHANCE, color="black", linewidth=0.7, linestyle="--")
    axis.set(xlabel="class left out", ylabel="area under ROC", ylim=(0, 1), xticks=range(len(classes)))
    axis.set_xticklabels(classes)
    figure.legend(loc="outside upper center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _by_class(scores):
    """Means by class, of the largest memory, the most rows and the budget that was measured last."""
    scores = scores.largest("memory").largest("rows")
    return scores.of(budget=scores.lines[-1]["budget"]).means_by("left_out")


def draw_memory(lines, path, data="mnist", split="random"):
    """Draw mean AUROC over classes against the number of normal rows; higher is better.

    Only classes that were measured at every size of a method count, so that a curve shows the size alone. Of several
    numbers of rows the largest is taken.

    Parameters
    ----------
    lines, path, data, split : as in `draw_classes`
    """
    import matplotlib.pyplot as plt

    scores = Scores([line for line in lines if line["data"] == data and line["split"] == split], "auroc")
    methods = [method for method in METHODS if method in CURVES and scores.of(method=method).lines]
    if not methods:
        return
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for method in methods:
        sizes, means = curve(scores.of(method=method).largest("rows"))
        axis.plot(sizes, means, "o-", label=method)
    axis.set(xlabel="normal rows", ylabel="area under ROC, mean over classes", xscale="log")
    axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def curve(scores):
    """Return sizes of memory and the mean over the classes that all of them have."""
    sizes = sorted({line["memory"] for line in scores.lines}, key=int)
    by_size = [scores.of(memory=size).means_by("left_out") for size in sizes]
    common = set.intersection(*(set(means) for means in by_size))
    if not common:
        return [], []
    return [int(size) for size in sizes], [sum(means[one] for one in common) / len(common) for means in by_size]
