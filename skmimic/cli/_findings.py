"""What was found in new images: scores, and the counts that follow from them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["FALSE_DISCOVERIES", "Findings", "n_discoveries"]

FALSE_DISCOVERIES = 0.1  # of what is listed, the part that may be false


@dataclass(frozen=True, eq=False)
class Findings:
    """Scores of all new images.

    Attributes
    ----------
    scores, p_values, labels : ndarray (n,)
    threshold : float
    normal_scores : ndarray (m,)
        Of held-out normal images.
    file_names : list of str or None
        None for arrays.
    contamination : float
        Rate of false alarms that the threshold is set to.
    """

    scores: np.ndarray
    p_values: np.ndarray
    labels: np.ndarray
    threshold: float
    normal_scores: np.ndarray
    file_names: list | None
    contamination: float

    def __len__(self):
        return len(self.scores)

    @cached_property
    def order(self):
        """Rows from the strangest on, equal ones as they came."""
        return np.argsort(self.scores, kind="stable")

    @property
    def n_flagged(self):
        """How many lie below the threshold."""
        return int((self.labels == -1).sum())

    @property
    def n_discoveries(self):
        """How many are found at a false discovery rate of a tenth."""
        return n_discoveries(self.p_values, FALSE_DISCOVERIES)

    def name(self, row):
        """Tell the file name of an image, or its row."""
        return str(row) if self.file_names is None else self.file_names[row]


def n_discoveries(p_values, rate):
    """Count discoveries by the rule of Benjamini and Hochberg, as scipy 1.11 and later do.

    Parameters
    ----------
    p_values : ndarray (n,)
    rate : float
        Part of the discoveries that may be false, on average.

    Returns
    -------
    int
    """
    ranks = np.arange(1, len(p_values) + 1)
    is_low = np.sort(p_values) * len(p_values) / ranks <= rate
    return int(ranks[is_low].max(initial=0))
