"""The two ways in which a detector judges rows: by normal images, and by the residual of a projection."""

from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from ..generators import adopt_range
from ..utils import infer_image_shape, resolve_device
from ._base import MimicEstimator, is_given, n_components_of
from ._calibration_rows import FEWEST_NORMALS, MOST_HELD_OUT, split, warn_if_too_few
from ._data import check_image_shape, check_seen, distinct_rows
from ._huge import refuse_far
from ._layout import known_image_shape, mismatch
from ._normal_rows import NormalRows
from ._parameters import named_by, values_used
from ._ranges import RangeMemory, range_of_images

__all__ = ["SETTINGS", "DetectorScores", "summed"]

FEWEST_SPLIT = 5  # distinct rows; fewer calibrate on themselves, as none can be spared
ROWS_A_NUMBER = 100  # rows for each number that a pixel learns, from where rows of fit score as new ones do, to 1 %
SETTINGS = ("n_candidates", "n_neighbors", "reach", "memory_size", "features")  # of the comparison with normal images
MOST_JUDGED = 256  # rows that normal images are held against, chosen by content
WHOLE = (
    "normal images are compared with whole ones. Fill them first, for instance by "
    'MimicGANProjector(gan).fit(X).transform(X), or pass score_by="residual" and a fitted generator.'
)


class DetectorScores(MimicEstimator):
    """What a detector learns, and how it scores; parameters are documented in the subclass."""

    def _shape_told(self, form, rows):
        """The shape (C, H, W) of the images of X, as the rows alone or the parameters tell it."""
        names = getattr(self, "feature_names_in_", None)
        told = check_image_shape(type(self).__name__, self.image_shape, form, rows, names)
        return told or known_image_shape(None, self.gan) or infer_image_shape(rows.shape[1])

    # -- by normal images ---------------------------------------------------------------------------------------------

    def _fit_normals(self, rows, form, order, shape):
        """Remember normal images; a generator is made only where later calls are to learn a corruption."""
        check_seen(type(self).__name__, rows, WHOLE)
        seen, held_out = split(order, FEWEST_NORMALS, MOST_HELD_OUT)
        if self._made_generator():
            self._settle_images(form, rows, shape)
        else:
            self._settle(form, rows, rows[seen])
        self._keep(self._identity())
        settings = {name: getattr(self, name) for name in SETTINGS}
        with named_by(type(self).__name__):
            given = self.image_shape_, self.data_range_, self.seed_
            self._of_fit = NormalRows.fit(rows[seen], rows[held_out], *given, score=self.score_by_, **settings)
        self._compare_with(self._of_fit)
        warn_if_too_few(type(self).__name__, len(held_out), self.contamination, fewest=0)
        if self.adapt_on == "transform":
            self._make_generator()

    def _settle_images(self, form, rows, shape):
        """Settle shape and range of images where the generator is made later, if ever."""
        subject, self._form, self.image_shape_ = type(self).__name__, form, shape
        self.data_range_, is_measured = range_of_images(subject, self.data_range, rows)
        refuse_far(subject, rows, self.data_range_)
        self._range_memory = RangeMemory.of(self.data_range_, rows, is_measured)
        self._range_memory.check_mixed(subject, rows)
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._used, self._was_adapted = values_used(self), False

    def _make_generator(self):
        """Make the generator of the normal rows, if it was not made yet."""
        if hasattr(self, "generator_"):
            return
        rows = self._of_fit.rows()
        _, generator = self._generator_of_rows(rows, self.image_shape_)
        if generator.image_shape != self.image_shape_:
            shape = (len(rows), *self.image_shape_)
            raise mismatch(type(self).__name__, shape, self.image_shape_, generator.image_shape)
        self.generator_ = adopt_range(generator, self.data_range_, rows)

    def _compare_with(self, known):
        self._now, self.normals_ = known, known.normals
        self.calibration_scores_ = known.calibration_scores

    def _estimate(self, rows, surrogate, *args, **kwargs):
        """Phase A; where rows are compared with normal images and the family is open, these settle what was found."""
        learned = super()._estimate(rows, surrogate, *args, **kwargs)
        chosen = distinct_rows(rows, MOST_JUDGED, self.data_range_)
        if self._of_fit is None or surrogate != "auto" or len(chosen) < 2:
            return learned
        fill = self.generator_.on(resolve_device(self.device)).background
        return replace(learned, surrogate=self._of_fit.settled(rows[chosen], learned.surrogate, fill))

    def _known_for(self, rows):
        """Normal images that rows are compared with, after the corruption of these if this call is to learn it."""
        if self._of_fit is not None and self.adapt_on == "transform" and not self._was_adapted:
            return self._of_fit.carried(self._adaptation_for(rows).surrogate)
        return self._now

    # -- by the residual ----------------------------------------------------------------------------------------------

    def _fit_residual(self, rows, form, order, X, y):
        """Learn the corruption of the rows; score what was held out."""
        seen, held_out = self._split(rows, order)
        self._settle(form, rows, rows[seen])
        self._keep(self._identity())
        if self.adapt_on == "fit":
            self._adapt_to(rows[seen], self._made_generator(), X, y)
        with self._keeping_what_was_learned():
            self.calibration_scores_ = np.sort(self._scores(rows[held_out]))
            warn_if_too_few(type(self).__name__, len(held_out), self.contamination)

    def _split(self, rows, order):
        """Hold rows out where something is learned from rows of `fit`, which then score better than new ones."""
        if len(order) < FEWEST_SPLIT or not self._learns_from(rows, len(order)):
            return order, order
        return split(order, self._n_components())

    def _n_components(self):
        """How many rows a decomposition that is fitted here needs at least."""
        wanted = getattr(self.gan, "n_components", None) if self._made_generator() else None
        return wanted if isinstance(wanted, Integral) else 0

    def _learns_from(self, rows, n_distinct):
        if self.gan is None:
            return n_distinct < ROWS_A_NUMBER * (1 + n_components_of(rows))
        return self._made_generator() or (self.adapt_on == "fit" and not is_given(self.surrogate))

    def _may_replace(self, before):
        """A detector without a threshold is better than none, and worse than one that has it."""
        if getattr(self, "normals_", None) is not None:
            return False  # normal images have not gone through what was learned
        return hasattr(self, "offset_") or "offset_" not in before

    def _scores(self, rows):
        return -summed(self._errors(rows))

    def _errors(self, rows):
        """Absolute error of every pixel (n, n_features); NaN where it was not seen."""
        return np.abs(rows.astype(np.float64) - self._projected(rows))

    def _projected(self, rows):
        output = "mimicked" if self.error == "mimicked" else "images"
        return self._project(rows, self._adaptation_for(rows), (output,), np.float64)[output]

    def _why_whole(self):
        compares = getattr(self, "normals_", None) is not None
        score_by = getattr(self, "score_by_", self.score_by)
        if compares or score_by in ("edges", "neighbors", "patches") or (score_by == "auto" and self._made_generator()):
            return WHOLE
        return super()._why_whole()

    def __sklearn_tags__(self):
        """Say that the residual alone takes pixels that were not seen."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan &= self.score_by in ("auto", "residual")
        return tags


def summed(errors):
    """Sum errors (n, p) over the pixels of each row, the mean of those that were seen for each that was not.

    Parameters
    ----------
    errors : ndarray (n, p)
        NaN where a pixel was not seen.

    Returns
    -------
    ndarray (n,)
    """
    seen = ~np.isnan(errors)
    return np.where(seen, errors, 0.0).sum(axis=1) * (errors.shape[1] / seen.sum(axis=1))
