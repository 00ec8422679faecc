"""Anomaly scores: how unlike normal images a row is, or how badly a clean image explains it."""

from numbers import Integral, Real
from typing import ClassVar

from ..utils import Bounds
from ..utils._sklearn import Interval, StrOptions, _fit_context
from ._base import MimicEstimator
from ._calibration_rows import FEWEST_NORMALS, choose_score, threshold, warn_of_residual
from ._data import distinct_rows
from ._detector_report import DetectorReports
from ._detector_scores import SETTINGS
from ._docs import with_shared_parameters
from ._drafts import all_or_nothing

__all__ = ["MimicAnomalyDetector"]


@with_shared_parameters('"fit"')
class MimicAnomalyDetector(DetectorReports):
    """Find images that are unlike normal ones, and where, under whatever corruption they share.

    `fit` remembers normal images. A new row is compared with those that are nearest to it: its edges may move by a
    pixel or two until they lie on the edges of the normal image, and the other way round. What cannot be explained so,
    joined with the plain distance, is the score. Nothing is trained, and no generator is needed.

    Where new rows come from another camera, `adapt` learns their corruption f^ with a generator of normal images from a
    batch of them, and the normal images go through it. With ``surrogate="auto"`` these have the last word: only what
    brings them nearer to the usual half of the batch is kept. So half of it may be anomalies. What is said below of the
    generator and of f^ is used there, with ``adapt_on="transform"``, and by the residual. A generator that is to be
    made of X is made when the first corruption is learned.

    ``score_by="residual"`` is the paper's: `fit` learns f^ of the normal rows (phase A), and a row is scored by what no
    clean image G(z) explains after it (phase B). A generator of nine digits also makes the tenth, so this is a score
    for noise and faults that it cannot make, not for things that look alike.

    The threshold comes from normal rows that nothing was learned from, as rows that a model was made of score too
    well. A fifth of the distinct rows is held out, or 40 where these are no more than half; 2,000 at most where images
    are compared. So `contamination` is the rate of false alarms to expect on *new* normal rows. It is a mean over draws
    of X: with m rows held out a single threshold has a rate that spreads around it with a standard deviation of about
    ``sqrt(contamination * (1 - contamination) / m)``, and no rate below ``1 / (m + 1)`` can be set.

    Parameters
    ----------
    %(shared)s
    score_by : {"auto", "edges", "neighbors", "patches", "residual"}, default="auto"
        What rows are judged by. "edges": distance to the normal images whose edges mimic those of the row best. "auto":
        the same, and the plain distance as far as it tells normals from one another. "neighbors": the plain distance
        to the nearest normal rows alone, which need not be images. "patches": neighbourhoods of 9x9 pixels at the same
        place, for images that no single normal one explains, such as faces with a strange part.
        "residual": ``||Y - f^(G(z))||_1``; "auto" is this, too, for rows that are no images (one row or column, as
        `image_shape` and the generator say; 64, 192 or more values that fill a grey or RGB square are taken for images)
        and where there are fewer than 12 distinct ones.
    n_candidates : int or "auto", default="auto"
        Normal images, nearest by cosine, whose edges are matched with those of a row; "auto" is 60 of fewer than 8,000
        and 20 of more. The time of a row grows with it.
    n_neighbors : int, default=3
        Best of them, whose distances are averaged.
    reach : int or "auto", default="auto"
        Pixels that edges may move; "auto" is a fourteenth of the side. Images of more than 32 pixels a side are
        averaged to at most 32 for their edges.
    memory_size : int or None, default=50_000
        Normal images that are remembered at most, drawn at random; None keeps all.
    features : callable or None, default=None
        From images, a tensor (n, C, H, W) in [0, 1], to feature maps (n, k, h, w) that are no larger, each image alone,
        in place of edges: for instance the first layers of a network of timm or torchvision.
    contamination : float, default=0.1
        Fraction of new normal rows that `predict` is to call outliers, in (0, 0.5]. By the residual it is that of the
        rows of `fit`, too, where nothing is learned in `fit`. By normal rows it is not: those that are remembered are
        normal to themselves, so `fit_predict` finds few outliers among them.
    error : {"mimicked", "projection"}, default="mimicked"
        Residual by ``||Y - f^(G(z))||_1`` or by ``||Y - G(z)||_1``.

    Attributes
    ----------
    score_by_ : str
        What rows are judged by; "residual" where "auto" had no images to compare.
    offset_ : float
        Threshold: ``decision_function = score_samples - offset_``.
    calibration_scores_ : ndarray
        Sorted scores of the normal rows that were held out. By the residual of those that neither a generator made in
        `fit` nor phase A has seen; of all rows where there is neither, or `gan=None` has 100 rows or more for each of
        its components and its mean.
    normals_ : NormalImages or None
        The normal images that rows are compared with, after what `adapt` has learned.
    surrogate_ : FittedSurrogate
        The learned corruption.
    generator_ : Generator
        Missing where it is to be made of X and no corruption was learned yet.
    image_shape_ : tuple (C, H, W)
    data_range_ : Bounds
        Where there is no generator and no usual range holds X, what X spans.
    trace_ : OptimizationTrace
    n_iter_ : int
    seed_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        When X has column names.

    See Also
    --------
    MimicGANProjector : The projection itself.
    skmimic.detection.NormalImages : The comparison itself.

    References
    ----------
    MimicGAN, section 5.3 and Table 2. The paper scores with Eq. 5, which needs the clean image; see
    ``docs/paper/deviations.md``.

    Examples
    --------
    >>> from skmimic import MimicAnomalyDetector
    >>> from skmimic.datasets import load_mnist_sample
    >>> digits = load_mnist_sample()
    >>> zeros = digits.images[digits.target == 0]  # uint8 (n, 28, 28)
    >>> detector = MimicAnomalyDetector(contamination=0.05).fit(zeros[:100])
    >>> detector.predict(digits.images[digits.target == 1][:3])
    array([-1, -1, -1])
    >>> detector.score_maps(zeros[100:103]).shape
    (3, 28, 28)
    """

    _parameter_constraints: ClassVar[dict] = {
        **MimicEstimator._parameter_constraints,
        "score_by": [StrOptions({"auto", "edges", "neighbors", "patches", "residual"})],
        "n_candidates": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "reach": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "memory_size": [Interval(Integral, FEWEST_NORMALS, None, closed="left"), None],
        "features": [callable, None],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "error": [StrOptions({"mimicked", "projection"})],
    }
    _used_in_fit = ("score_by", *SETTINGS)

    def __init__(
        self,
        gan=None,
        *,
        surrogate="auto",
        solver="auto",
        T=20,
        T1=25,
        T2=25,
        lr_surrogate=1e-2,
        lr_latent=5e-2,
        lambda_adv=0.0,
        loss="charbonnier",
        n_init=1,
        adapt_on="fit",
        n_adapt=1000,
        start="auto",
        optimizer="auto",
        stochastic_clipping=False,
        image_shape=None,
        data_range="auto",
        batch_size=256,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
        score_by="auto",
        n_candidates="auto",
        n_neighbors=3,
        reach="auto",
        memory_size=50_000,
        features=None,
        contamination=0.1,
        error="mimicked",
    ):
        super().__init__(
            gan,
            surrogate,
            solver,
            T,
            T1,
            T2,
            lr_surrogate,
            lr_latent,
            lambda_adv,
            loss,
            n_init,
            adapt_on,
            n_adapt,
            start,
            optimizer,
            stochastic_clipping,
            image_shape,
            data_range,
            batch_size,
            device,
            n_jobs,
            random_state,
            verbose,
        )
        self.score_by = score_by
        self.n_candidates = n_candidates
        self.n_neighbors = n_neighbors
        self.reach = reach
        self.memory_size = memory_size
        self.features = features
        self.contamination = contamination
        self.error = error

    @all_or_nothing(anew=True)
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Remember normal images, or learn their corruption, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W), (n_samples, C, H, W) or (n_samples, H, W, C)
            Normal images, possibly corrupted all alike. NaN is a pixel that was not seen; ``score_by="residual"`` alone
            takes it.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        DetectionError
            If "edges", "neighbors" or "patches" is asked for, and there are fewer than 12 distinct rows, or if they are
            no images and not "neighbors" is.
        GeneratorMismatchError
            If X does not fit the generator.

        Warns
        -----
        SkmimicWarning
            If `contamination` is lower than the held-out rows can set (by the residual: ten or more), or "auto" takes
            the residual for images because there are fewer than 12 distinct ones.
        """
        rows, form = self._first_data(X)
        order = distinct_rows(rows, len(rows), Bounds.spanning(rows))
        shape = self._shape_told(form, rows)
        warn_of_residual(type(self).__name__, self.score_by, shape, len(order))
        self.score_by_ = choose_score(type(self).__name__, self.score_by, shape, len(order))
        self.normals_ = self._of_fit = self._now = None
        if self.score_by_ == "residual":
            self._fit_residual(rows, form, order, X, y)
        else:
            self._fit_normals(rows, form, order, shape)
        self.offset_ = threshold(self.calibration_scores_, self.contamination)
        return self

    @all_or_nothing
    def adapt(self, X):
        """Learn the corruption of new rows, anomalies among them or not.

        Normal images go through it, those that rows are compared with and the held-out ones, and the threshold and
        p-values are set anew. Where nothing is found, nothing changes. By the residual the threshold stays that of
        `fit`.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        self
        """
        rows, _ = self._new_data(X)
        if self._of_fit is None:
            self._adapt_to(rows)
            return self
        self._make_generator()
        self._adapt_to(rows)
        self._compare_with(self._of_fit.carried(self.surrogate_))
        self.offset_ = threshold(self.calibration_scores_, self.contamination)
        return self
