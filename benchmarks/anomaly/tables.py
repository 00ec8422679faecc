"""Means over seeds and classes, and Markdown."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Scores", "table"]


@dataclass(frozen=True)
class Scores:
    """Lines of results, and the column that is averaged.

    Attributes
    ----------
    lines : list of dict of str
    measure : str
    """

    lines: list
    measure: str

    def of(self, **wanted):
        """Keep the lines with some values."""
        lines = [line for line in self.lines if all(line[name] == value for name, value in wanted.items())]
        return Scores(lines, self.measure)

    def largest(self, name):
        """Keep the lines with the largest value of a column."""
        return self.of(**{name: max((line[name] for line in self.lines), key=int)})

    def values(self):
        """The column, as numbers."""
        return np.array([float(line[self.measure]) for line in self.lines])

    def mean(self):
        """Mean over seeds, in a cell."""
        return f"{self.values().mean():.3f}" if self.lines else "-"

    def median(self, name):
        """Median of another column."""
        return float(np.median([float(line[name]) for line in self.lines]))

    def means_by(self, name):
        """Mean for each value of a column."""
        return {one: self.of(**{name: one}).values().mean() for one in dict.fromkeys(line[name] for line in self.lines)}

    def mean_over_classes(self):
        """Mean over classes and the standard deviation over seeds, in a cell; seeds without all classes are left out.

        A seed that lacks a class would differ from the others by the class, not by chance.
        """
        whole = self._whole_seeds()
        if not whole:
            return f"{np.mean(list(self.means_by('left_out').values())):.3f}" if self.lines else "-"
        means = [self.of(seed=seed).values().mean() for seed in whole]
        return f"{np.mean(means):.3f} ± {np.std(means, ddof=1):.3f}" if len(means) > 1 else f"{means[0]:.3f}"

    def spread_of_classes(self):
        """Standard deviation over classes of the means over seeds, in a cell."""
        means = list(self.means_by("left_out").values())
        return f"{np.std(means, ddof=1):.3f}" if len(means) > 1 else "-"

    def _whole_seeds(self):
        classes = {line["left_out"] for line in self.lines}
        seeds = dict.fromkeys(line["seed"] for line in self.lines)
        return [seed for seed in seeds if {line["left_out"] for line in self.of(seed=seed).lines} == classes]


def table(head, body):
    """Write Markdown."""
    lines = (head, ["---"] * len(head), *body)
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"
