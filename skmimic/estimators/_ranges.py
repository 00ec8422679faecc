"""What black and white are in X, and whether later rows mean the same."""

from dataclasses import dataclass

import numpy as np

from ..exceptions import DataRangeError, DataRangeWarning
from ..utils import FAINT, UNIT, Bounds, warn_user

__all__ = ["RangeMemory", "check_units", "choose_data_range", "range_of_images"]

LEAVES_MEASURED = 0.5  # of a range that was measured on rows: new ones may be darker or brighter; bytes are not so near
N_SAMPLES = 64  # of a generator, whose values tell its units
USUAL = 0.01, 0.99  # quantiles of the values of samples; Gaussian latents overshoot black and white now and then
APART = 0.4  # of what the usual values span, by which all rows leave it: digits, faces in [-1, 1] for [0, 1] .47 to .9
PART = 0.3  # of the same, that bright rows span to be taken for others' [0, 1]: digits and faces .36 to .5
NOISE = 0.05  # of the range, by which bright rows may go below its middle
SMALL_CHANCE = 0.01  # of rows like those of `fit`, below which new rows are in doubt: one row after a fit of 98
# Rows in [0, 1] among rows in [-1, 1]: benchmarks/mixed_ranges.py has no false alarm in 6,000 batches of one range,
# nor in 1,440 with 1 row and a part of 0. So these two are margins, for a few rows that are bright by nature.
FEWEST_HALVED = 2  # rows that look halved, at least
PART_HALVED = 0.1  # of the rows that are not constant, at least
FEWEST_BINARY = 2  # rows of nothing but 0 and 1 among bytes: one may be nearly black; MNIST, Fashion, USPS have none
FILLING = 0.5  # of the range that other rows must reach for those to be told; digits and clothes reach .6 and more
BLACK = -0.9  # median of the darkest values of the other rows, at most; higher, inverted and blurred digits are told
ALIKE = 0.1  # in [-1, 1]: mean distance of the quantiles of halved rows, doubled, from those of the others
N_PROFILED = 100  # rows of each kind whose quantiles are taken
FAR_TOO_WIDE = 16  # times as wide as [0, 1]: whatever was seen in `fit`, floats within [-1, 1] are not in such a range


def choose_data_range(subject, data_range, rows, *, is_open=False, expected=None):
    """Find the range that the pixel values of X are in.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    data_range : "auto" or pair of float
    rows : ndarray (n, n_features)
    is_open : bool, default=False
        Whether any range will do, as for vectors and for linear generators in the units of X; "auto" then is what the
        rows span.
    expected : Bounds or None, default=None
        Range that X is expected in, such as that of the generator.

    Returns
    -------
    Bounds

    Raises
    ------
    DataRangeError
        If no usual range fits the values.

    Warns
    -----
    DataRangeWarning
        If two ranges could be meant, or the values do not fit the range that was given.
    """
    if isinstance(data_range, str):
        return Bounds.spanning(rows) if is_open else Bounds.read(rows, subject, own=expected)
    bounds = Bounds.of(data_range)
    low, high = float(np.nanmin(rows)), float(np.nanmax(rows))
    is_faint = low < high and rows.dtype != np.uint8 and not bounds.is_filled(low, high, FAINT)
    if is_faint or not bounds.holds(low, high):
        _warn(subject, low, high, bounds)
    return bounds


def range_of_images(subject, data_range, rows):
    """Find the range of images that no generator was named for: any will do, and a usual one is likelier.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    data_range : "auto" or pair of float
    rows : ndarray (n, n_features)

    Returns
    -------
    bounds : Bounds
    is_measured : bool
        Whether it is no more than what the rows span.
    """
    if isinstance(data_range, str):
        try:
            return Bounds.read(rows, subject), False
        except DataRangeError:
            return Bounds.spanning(rows), True
    return choose_data_range(subject, data_range, rows), False


def _warn(subject, low, high, bounds, why="", where=""):
    warn_user(
        f"{subject}: X goes from {low:g} to {high:g}{where}, which does not fit the data range {tuple(bounds)}{why}. "
        "Rescale X, or pass data_range=(low, high).",
        DataRangeWarning,
    )


def check_units(subject, generator, bounds, rows):
    """Look whether a generator that was taken to be in the units of X is in them.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    generator : Generator
        In whose range the values should lie.
    bounds : Bounds
        Range of X.
    rows : ndarray (n, n_features)

    Raises
    ------
    DataRangeError
        If its samples fill next to nothing of the range, the range next to nothing of them, or both lie apart.

    Warns
    -----
    DataRangeWarning
        If all rows leave what its samples usually span, or lie in the upper half of it, as [0, 1] does in [-1, 1].
    """
    lows, highs = _informative(*_ends_of(rows))
    if not len(lows):
        return
    samples = generator.sample(N_SAMPLES, random_state=0)
    low, high = float(samples.min()), float(samples.max())
    words = f"the generator, whose range nobody told, gives values from {low:g} to {high:g}"
    cure = (
        "Make it of images in the units of X, or say what its black and white are: as_generator(gan, data_range=(low, "
        "high))."
    )
    width, own = bounds.high - bounds.low, high - low
    if not FAINT * width <= own <= width / FAINT or low >= bounds.high or high <= bounds.low:
        raise DataRangeError(f"{subject}: X is in {tuple(bounds)}, but {words}; they are not in the same units. {cure}")
    usual = Bounds(*np.quantile(samples, USUAL).tolist())
    width = usual.high - usual.low
    leave = (lows < usual.low - APART * width) | (highs > usual.high + APART * width)
    is_bright = lows.min() >= usual.low + width / 2 and highs.max() - lows.min() >= PART * width
    if leave.all() or is_bright:
        warn_user(
            f"{subject}: X goes from {lows.min():g} to {highs.max():g}, but {words}; they may be in other units. "
            f"{cure} If the corruption did that to X, there is nothing to do.",
            DataRangeWarning,
        )


@dataclass(frozen=True)
class RangeMemory:
    """How the rows of `fit` lie in their range, by which rows in other units are known.

    Rows that differ in nothing, such as blank ones, tell nothing and do not count.

    Attributes
    ----------
    bounds : Bounds
    is_measured : bool
        Whether the range is no more than what these rows span.
    n_rows : int
        Rows of `fit`.
    n_bright : int
        Those without a value in the lower half of the range.
    n_faint : int
        Those that span next to nothing of it.
    """

    bounds: Bounds
    is_measured: bool
    n_rows: int
    n_bright: int
    n_faint: int

    @classmethod
    def of(cls, bounds, rows, is_measured=False):
        """Remember rows (n, n_features) and their range."""
        return cls(bounds, is_measured, *_kinds(bounds, *_informative(*_ends_of(rows))))

    def check(self, subject, rows):
        """Warn when new rows do not look as if they were in the same range.

        They leave it; or all lie in its upper half, as [0, 1] does in [-1, 1]; or all span next to nothing of it, as
        [0, 1] does in [0, 255]. Rows of `fit` that are as bright or as faint make it likely that this is their nature.

        Parameters
        ----------
        subject : str
            Name of the estimator.
        rows : ndarray (n, n_features)

        Warns
        -----
        DataRangeWarning
        """
        ends = _ends_of(rows)
        low, high = float(np.nanmin(ends[0])), float(np.nanmax(ends[1]))
        lows, highs = _informative(*ends)
        if self._is_left(low, high, lows, highs) or self._is_certain(rows.dtype, low, high, lows):
            _warn(subject, low, high, self.bounds)
            return
        if self.n_faint == 0 and self._warn_of_narrow(subject, rows, *ends):
            return
        if self._warn_of_halved(subject, rows, *ends, self.n_bright / max(self.n_rows, 1)):
            return
        n_rows, *kinds = _kinds(self.bounds, lows, highs)
        for n_now, n_then in zip(kinds, (self.n_bright, self.n_faint), strict=True):
            chance = (n_then + 1) / (self.n_rows + 2)
            if n_rows and n_now == n_rows and chance**n_rows < SMALL_CHANCE:
                why = ": rows of fit filled more of it" if self.n_rows else " as images usually do"
                _warn(subject, low, high, self.bounds, why)
                return

    def check_mixed(self, subject, rows):
        """Warn of the rows of `fit` that look as if they were in [0, 1] among others in [0, 255] or [-1, 1].

        Parameters
        ----------
        subject : str
            Name of the estimator.
        rows : ndarray (n, n_features)

        Warns
        -----
        DataRangeWarning
            The first such row is named.
        """
        ends = _ends_of(rows)
        if not self._warn_of_narrow(subject, rows, *ends):
            self._warn_of_halved(subject, rows, *ends)

    def _warn_of_narrow(self, subject, rows, lows, highs):
        """Warn of the first row in [0, 1] among others in a far wider range; return whether there is one."""
        index = _narrow_row(self.bounds, rows, lows, highs)
        if index is None or np.nanmax(highs) <= 1:
            return False
        where = f" in row {index}"
        _warn(subject, float(lows[index]), float(highs[index]), self.bounds, " as other rows do", where=where)
        return True

    def _warn_of_halved(self, subject, rows, lows, highs, part_bright=0.0):
        """Warn of rows in [0, 1] among others in [-1, 1], unless `fit` saw as many bright ones.

        Returns whether it has warned.
        """
        halved = _halved_rows(self.bounds, rows, lows, highs)
        if not len(halved) or part_bright > len(halved) / len(rows) / 2:
            return False
        warn_user(
            f"{subject}: {len(halved)} of {len(rows)} rows of X look as if they were in (0, 1), among others in the "
            f"data range {tuple(self.bounds)}; the first is row {halved[0]}, from {lows[halved[0]]:g} to "
            f"{highs[halved[0]]:g}. Bring all rows to one range, 2 * X - 1 for these. If the corruption did that to "
            "them, there is nothing to do.",
            DataRangeWarning,
        )
        return True

    def _is_certain(self, dtype, low, high, lows):
        """Whether one row is enough: booleans, or values within [-1, 1] in a range that is far too wide for them."""
        if dtype.kind == "b":
            return self.bounds != UNIT
        is_narrow = low >= -1 and high <= 1 and self.bounds.high - self.bounds.low >= FAR_TOO_WIDE
        return len(lows) > 0 and is_narrow and self.n_faint < self.n_rows

    def _is_left(self, low, high, lows, highs):
        """Whether values leave the range; where it was measured, whether every row does, as one may be an outlier."""
        if not self.is_measured:
            return not self.bounds.holds(low, high)
        margin = LEAVES_MEASURED * (self.bounds.high - self.bounds.low)
        leave = (lows < self.bounds.low - margin) | (highs > self.bounds.high + margin)
        return len(leave) > 0 and bool(leave.all())


def _narrow_row(bounds, rows, lows, highs):
    """First row in [-1, 1] although the range is far too wide for it, or None.

    Its values are fractions; or it is one of several that hold nothing but 0 and 1, and others fill the range.
    """
    if bounds.high - bounds.low < FAR_TOO_WIDE:
        return None
    binary = []
    for index in np.flatnonzero((lows >= -1) & (highs <= 1) & (lows < highs)):
        seen = rows[index][~np.isnan(rows[index])] if rows.dtype.kind == "f" else rows[index]
        if (seen != np.round(seen)).any():
            return int(index)
        if lows[index] == 0:
            binary.append(int(index))
    others = np.delete(highs, binary)
    if len(binary) < FEWEST_BINARY or not others.size or not bounds.is_filled(bounds.low, np.nanmax(others), FILLING):
        return None
    return binary[0]


def _halved_rows(bounds, rows, lows, highs):
    """Indices of rows that look as if they were in [0, 1] among others in [-1, 1]; none where that is in doubt."""
    nothing = np.zeros(0, dtype=np.intp)
    if rows.dtype.kind != "f" or max(abs(bounds.low + 1), abs(bounds.high - 1)) > 2 * NOISE:
        return nothing
    tells = lows < highs
    halved = tells & (lows >= -2 * NOISE) & (highs <= 1 + 2 * NOISE)
    others = tells & ~halved
    if not others.any() or halved.sum() < max(FEWEST_HALVED, PART_HALVED * tells.sum()):
        return nothing
    if np.median(lows[others]) > BLACK:
        return nothing
    difference = 2 * _profile(rows[halved]) - 1 - _profile(rows[others])
    return np.flatnonzero(halved) if np.abs(difference).mean() <= ALIKE else nothing


def _profile(rows):
    """Mean over rows of their quantiles, in steps of a twentieth."""
    few = rows[:: -(-len(rows) // N_PROFILED)]
    return np.nanquantile(few, np.linspace(0, 1, 21), axis=1).mean(axis=1)


def _ends_of(rows):
    """Least and largest value of each row; NaN is no value."""
    lows, highs = np.fmin.reduce(rows, axis=1), np.fmax.reduce(rows, axis=1)
    return lows.astype(np.float64), highs.astype(np.float64)


def _informative(lows, highs):
    """Least and largest values of the rows that have two."""
    tells = lows < highs
    return lows[tells], highs[tells]


def _kinds(bounds, lows, highs):
    """Count rows, those in the upper half, and those that span next to nothing."""
    width = bounds.high - bounds.low
    bright = lows >= bounds.low + (0.5 - NOISE) * width
    return len(lows), int(bright.sum()), int((highs - lows < FAINT * width).sum())
