"""What projector, detector and aligner have in common: parameters, the generator, and the two phases."""

import contextlib
import functools
from abc import ABCMeta
from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from sklearn import get_config
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..engine import (
    SOLVERS,
    STARTS,
    Settings,
    Status,
    computing,
    estimate_corruption,
    estimate_mixture,
    is_interruption,
    left_by,
    no_corruption,
    resolve_solver,
)
from ..exceptions import GeneratorMismatchError, IdentifiabilityWarning
from ..generators import Generator, adopt_range, as_generator, linear_generator_from_data
from ..losses import LOSSES
from ..surrogates import Surrogate
from ..utils import Bounds, RowRunner, Versioned, as_images, is_vector, n_values, resolve_device, warn_user
from ..utils._sklearn import CallbackSupportMixin, Interval, StrOptions, makes_frames, with_callbacks
from ._columns import cure_of_surplus
from ._data import (
    canonical_images,
    check_image_shape,
    distinct_rows,
    valid_rows,
)
from ._drafts import all_or_nothing
from ._huge import refuse_far
from ._layout import Form, check_order, known_image_shape, mismatch
from ._parameters import CheckedParameters, check_unchanged, named_by, values_used
from ._projection import Job, project_rows
from ._ranges import RangeMemory, check_units, choose_data_range
from ._reporting import Printer, Reporter

__all__ = ["MimicEstimator", "is_given", "n_components_of"]

MOST_COMPONENTS = 32


class MimicEstimator(Versioned, CallbackSupportMixin, CheckedParameters, metaclass=ABCMeta):
    """Base class: resolves the generator and runs phases A and B; parameters are documented in the subclasses."""

    _parameter_constraints: ClassVar[dict] = {
        "gan": "no_validation",
        "surrogate": "no_validation",
        "solver": [StrOptions(set(SOLVERS))],
        "T": [Interval(Integral, 1, None, closed="left")],
        "T1": [Interval(Integral, 0, None, closed="left")],
        "T2": [Interval(Integral, 0, None, closed="left")],
        "lr_surrogate": [Interval(Real, 0, None, closed="neither")],
        "lr_latent": [Interval(Real, 0, None, closed="neither")],
        "lambda_adv": [Interval(Real, 0, None, closed="left")],
        "loss": [StrOptions(set(LOSSES)), callable],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "adapt_on": [StrOptions({"fit", "transform"}), None],
        "n_adapt": [Interval(Integral, 2, None, closed="left")],
        "start": [StrOptions(set(STARTS))],
        "optimizer": [StrOptions({"auto", "lbfgs", "adam", "rmsprop", "rmsprop_tf"})],
        "stochastic_clipping": ["boolean"],
        "image_shape": "no_validation",  # by CheckedParameters
        "data_range": [StrOptions({"auto"}), "array-like"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    n_surrogates = 1  # a parameter of MimicGANProjector

    def __init__(
        self,
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
    ):
        self.gan = gan
        self.surrogate = surrogate
        self.solver = solver
        self.T = T
        self.T1 = T1
        self.T2 = T2
        self.lr_surrogate = lr_surrogate
        self.lr_latent = lr_latent
        self.lambda_adv = lambda_adv
        self.loss = loss
        self.n_init = n_init
        self.adapt_on = adapt_on
        self.n_adapt = n_adapt
        self.start = start
        self.optimizer = optimizer
        self.stochastic_clipping = stochastic_clipping
        self.image_shape = image_shape
        self.data_range = data_range
        self.batch_size = batch_size
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # -- data ---------------------------------------------------------------------------------------------------------

    def _fit_data(self, X, is_clean=False):
        """Validate the X of `fit`, settle generator and data range, and return the rows."""
        rows, form = self._first_data(X)
        self._settle(form, rows, rows, is_clean)
        return rows

    def _first_data(self, X):
        """Validate the X of `fit`; return the rows and the form in which they came."""
        with named_by(type(self).__name__):
            told = known_image_shape(self.image_shape, self.gan)
        return valid_rows(self, X, reset=True, image_shape=told, whole=self._why_whole())

    def _settle(self, form, rows, seen, is_clean=False):
        """Settle generator and data range; a generator that is made in `fit` is made of the rows `seen`.

        The rows `seen` tell where latents lie, too, if they are clean or what the generator was made of.
        """
        subject, self._form = type(self).__name__, form
        names = getattr(self, "feature_names_in_", None)
        told = check_image_shape(subject, self.image_shape, form, rows, names)
        gan, generator = self._generator_of_rows(seen, told)
        self.image_shape_ = generator.image_shape
        if told not in (None, self.image_shape_) or n_values(self.image_shape_) != rows.shape[1]:
            cure = cure_of_surplus(rows, n_values(self.image_shape_), names)
            raise mismatch(subject, (len(rows), *form.shape), told, self.image_shape_, cure)
        self.data_range_ = self._choose_range(gan, generator, rows)
        refuse_far(subject, rows, self.data_range_)
        self.generator_ = adopt_range(generator, self.data_range_)
        if generator.adopts_range and gan is not None:
            check_units(subject, self.generator_, self.data_range_, rows)
        if is_clean or self._made_generator():
            self.generator_ = adopt_range(generator, self.data_range_, seen)
        is_measured = generator.adopts_range and isinstance(self.data_range, str)
        self._range_memory = RangeMemory.of(self.data_range_, rows, is_measured)
        if self._has_range():
            self._range_memory.check_mixed(subject, rows)
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._used = values_used(self)
        self._was_adapted = False

    def _generator_of_rows(self, rows, told):
        """Return the `gan` parameter, fitted to the rows if it is to be, and the generator that it is."""
        gan = self._trained(rows, told)
        with named_by(type(self).__name__):
            generator = self._resolve_generator(gan, rows, told)
        self._check_solver(generator, generator.is_linear)
        return gan, generator

    def _settle_unseen(self, saved_range=None):
        """Settle generator and data range where no X of `fit` was seen.

        The range is that of the parameters, or else what was saved, or else that of the generator.
        """
        subject = type(self).__name__
        self._validate_params()
        if self._made_generator():
            raise NotFittedError(
                f"{subject}: with gan={self.gan!r} the generator is made of the X of fit. Call fit(X) first, or pass a "
                "generator that is ready."
            )
        self._form = Form((0,), None, np.dtype(np.float32))
        with named_by(subject):
            told = known_image_shape(self.image_shape, self.gan)
            generator = self._resolve_generator(self.gan, None, told)
        self.image_shape_, n_features = generator.image_shape, n_values(generator.image_shape)
        self._form = Form(self.image_shape_, self.image_shape_, np.dtype(np.float32))
        check_image_shape(subject, self.image_shape, self._form, np.zeros((0, n_features)))
        bounds = saved_range if isinstance(self.data_range, str) else Bounds.of(self.data_range)
        if generator.adopts_range and bounds is None:
            raise NotFittedError(
                f"{subject}: nobody told what black and white are in the generator, and fit, which would measure it on "
                "X, was not called. Call fit(X) first, or pass data_range=(low, high)."
            )
        self.data_range_ = bounds or getattr(self.gan, "data_range_", generator.data_range)
        self.generator_ = adopt_range(generator, self.data_range_)
        self._range_memory = RangeMemory.of(self.data_range_, np.zeros((0, n_features)))
        self._form = Form((n_features,), None, np.dtype(np.float32))
        self.n_features_in_ = n_features
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._used = values_used(self)

    def _check_ready(self):
        """Ask for `fit` and for valid parameters, as `set_params` may have changed them; `fit` checks its own."""
        check_is_fitted(self)
        if get_config()["skip_parameter_validation"]:
            return
        self._validate_params()
        with named_by(type(self).__name__):
            check_unchanged(self, vars(self).get("_used", {}))  # a pickle of an earlier version has none
        self._check_solver_of_generator()

    def _new_data(self, X, whole=None):
        """Validate the X of any later method; return the rows and the form of the answer.

        `whole` says why NaN, a pixel that was not seen, is refused, beside what the generator asks for.
        """
        self._check_ready()
        rows, form = valid_rows(self, X, reset=False, image_shape=self.image_shape_, whole=whole or self._why_whole())
        refuse_far(type(self).__name__, rows, self.data_range_)
        self._check_range(rows)
        return rows, form

    def _check_range(self, rows):
        """Warn of rows in another range than those of `fit`."""
        if self._has_range():
            self._range_memory.check(type(self).__name__, rows)

    def _has_range(self):
        """Whether X has a black and a white; vectors have none unless somebody told them."""
        return not (is_vector(self.image_shape_) and self._range_memory.is_measured)

    def _trained(self, rows, image_shape):
        """The `gan` parameter; a clone trained on the rows if it is an estimator that is not fitted."""
        gan = self.gan
        if hasattr(gan, "fit") and not isinstance(gan, type) and not _has_generator(gan):
            is_decomposition = hasattr(gan, "inverse_transform")  # which takes no images
            self._check_solver(gan, is_decomposition)
            own = clone(gan)
            if getattr(own, "data_range", None) == "auto":
                own.set_params(data_range=getattr(self, "data_range_", self.data_range))
            return own.fit(rows if image_shape is None or is_decomposition else as_images(rows, image_shape))
        return gan

    def _check_solver_of_generator(self):
        """Check the solver; a generator that is made later is looked at then."""
        if hasattr(self, "generator_"):
            self._check_solver(self.generator_, self.generator_.is_linear)

    def _check_solver(self, gan, is_linear):
        """Refuse least squares for a generator that is not linear."""
        if self.solver == "closed_form" and not is_linear:
            raise GeneratorMismatchError(
                f'{type(self).__name__}: solver="closed_form" finds latents by least squares, which needs a linear '
                f'generator (a decomposition such as PCA, or gan=None), got {gan!r}. Set solver="auto".'
            )

    def _choose_range(self, gan, generator, rows):
        """The `data_range` parameter; with "auto" what an estimator that was trained here took X to be in, or a guess.

        An estimator that was trained before expects X in the range of its own X.
        """
        told = self.data_range
        if isinstance(told, str) and gan is not self.gan and hasattr(gan, "data_range_"):
            return gan.data_range_  # it has looked at these rows
        expected = getattr(gan, "data_range_", generator.data_range)
        is_open = generator.adopts_range
        return choose_data_range(type(self).__name__, told, rows, is_open=is_open, expected=expected)

    def _resolve_generator(self, gan, rows, image_shape):
        if gan is None:
            return linear_generator_from_data(rows, n_components_of(rows), image_shape)
        if isinstance(gan, (Generator, str)) or hasattr(gan, "generator_"):
            return as_generator(gan)
        if hasattr(gan, "inverse_transform") and gan is self.gan:
            check_order(type(self).__name__, self._form)
        return _generator_of(gan, image_shape)

    # -- phase A ------------------------------------------------------------------------------------------------------

    def _settings(self, solver=None):
        """Settings of the engine; the solver is that of the parameters unless another is named."""
        if solver is None:
            self._check_solver_of_generator()
            solver = self.solver
        is_alternating = solver == "alternating"
        if hasattr(self, "generator_") and self.generator_.is_linear and solver in ("auto", "amortized"):
            solver = "joint"
        optimiser = self.optimizer
        if optimiser == "auto":
            first_order = "rmsprop_tf" if is_alternating else "adam"
            optimiser = first_order if is_alternating or self.stochastic_clipping else "lbfgs"
        if optimiser == "lbfgs" and self.stochastic_clipping:
            raise ValueError(
                f"{type(self).__name__}: stochastic_clipping=True draws coordinates anew, which L-BFGS cannot follow. "
                'Set optimizer="adam" or "auto", or stochastic_clipping=False.'
            )
        return Settings(
            solver=solver,
            start=self.start,
            T=self.T,
            T1=self.T1,
            T2=self.T2,
            lr_surrogate=self.lr_surrogate,
            lr_latent=self.lr_latent,
            optimiser=optimiser,
            loss=self.loss,
            lambda_adv=self.lambda_adv,
            latent_weight=0.0 if is_alternating else 1.0,
            stochastic_clipping=self.stochastic_clipping,
            tol=0.0 if is_alternating else 1e-4,
            n_init=self.n_init,
        )

    def _surrogate_for(self, made_generator=False):
        """With "auto", nothing is learned on vectors, nor on the rows that the generator itself was made of."""
        if isinstance(self.surrogate, str) and self.surrogate == "auto":
            return "identity" if made_generator or is_vector(self.image_shape_) else "auto"
        return self.surrogate

    def _estimate(self, rows, surrogate, report=None, keep_order=False, record=False):
        """Phase A: learn the corruption that the rows share."""
        settings = replace(self._settings(), record=record)
        chosen = distinct_rows(rows, self.n_adapt, self.data_range_)
        if len(chosen) < 2 and not is_given(surrogate):
            warn_user(
                f"{type(self).__name__}: one distinct row cannot tell the corruption from the image (paper, section "
                "4.3); no corruption is assumed. Pass several rows, or call adapt(X) on a batch first.",
                IdentifiabilityWarning,
            )
            return no_corruption(settings, self.seed_, Status.NOT_IDENTIFIABLE)
        n_each = len(rows) // self.n_surrogates  # though phase A sees n_adapt of them, the others are to be projected
        settings = replace(settings, solver=resolve_solver(settings.solver, (n_each, *self.image_shape_)))
        device = resolve_device(self.device)
        with computing():
            batch = canonical_images(rows if keep_order else rows[chosen], self.image_shape_, self.data_range_)
            generator = self.generator_.on(device)
            phase_a = functools.partial(estimate_mixture, n_surrogates=self.n_surrogates)
            phase_a = estimate_corruption if self.n_surrogates == 1 else phase_a
            return phase_a(generator, batch.to(device), settings, surrogate, seed=self.seed_, report=report)

    @with_callbacks
    def _adapt_to(self, rows, made_generator=False, X=None, y=None):
        """Run phase A and keep its outcome; an interruption keeps the best so far."""
        report = Reporter(self, X, y)
        try:
            adaptation = self._estimate(rows, self._surrogate_for(made_generator), report)
        except BaseException as error:
            partial = left_by(error)
            if partial is not None:
                self._was_adapted = True
                self._keep(partial)
            raise
        self._was_adapted = True
        self._keep(adaptation)
        with self._keeping_what_was_learned():
            report.done()

    @contextlib.contextmanager
    def _keeping_what_was_learned(self):
        """Let an interruption inside leave what phase A has learned, as that of an interrupted fit."""
        try:
            yield
        except BaseException as error:
            if is_interruption(error):
                self._keep(self._adaptation.interrupted())
            raise

    def _may_replace(self, before):
        """Whether an interrupted fit is worth the attributes `before` it; a hook of `all_or_nothing`."""
        return True

    @all_or_nothing
    def adapt(self, X):
        """Estimate the corruption again, from other rows; all else that `fit` learned stays.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        self
        """
        rows, _ = self._new_data(X)
        self._adapt_to(rows)
        return self

    def _adaptation_for(self, rows):
        """Estimate the corruption from these rows if this call is to do so, else take what is kept."""
        if self.adapt_on == "transform" and not self._was_adapted:
            return self._estimate(rows, self._surrogate_for())
        return self._adaptation

    def _keep(self, adaptation):
        vars(self).update(  # in one step, lest an interruption find half of them
            _adaptation=adaptation,
            surrogate_=adaptation.surrogate,
            trace_=adaptation.trace,
            n_iter_=max(adaptation.trace.n_rounds, 1),
        )

    def _identity(self, status=Status.COMPLETED):
        return no_corruption(self._settings(), self.seed_, status)

    def _made_generator(self):
        """Whether the generator was made of the X of `fit`."""
        return self.gan is None or (hasattr(self.gan, "fit") and not _has_generator(self.gan))

    # -- phase B ------------------------------------------------------------------------------------------------------

    def _project(self, rows, adaptation, outputs, dtype, latents=None):
        """Phase B: project rows with the corruption frozen; returns a dict of arrays."""
        arrays, batch_size = project_rows(
            self._job(adaptation, outputs, dtype), rows, self.n_jobs, latents, Printer(self)
        )
        self._keep_batch_size(batch_size)
        return arrays

    def _keep_batch_size(self, batch_size):
        """Remember the rows of a chunk where memory ran out."""
        if batch_size < RowRunner(self.batch_size).batch_size:
            self.batch_size_ = batch_size

    def _job(self, adaptation, outputs, dtype):
        device = resolve_device(self.device)
        return Job(self.generator_, adaptation, self.data_range_, np.dtype(dtype), self.batch_size, device, outputs)

    def _in_form(self, rows, form):
        """Give rows the form of X; a data frame holds rows."""
        return rows if makes_frames(self) else form.answer(rows)

    def _why_whole(self):
        """Say why X must not contain NaN; None where it may."""
        if not self._made_generator():
            return None
        return (
            f"with gan={self.gan!r} the generator is made of the X of fit, which takes whole images, and every later X "
            "must be whole too. Pass a fitted generator, for instance sklearn.decomposition.PCA().fit(X_whole), which "
            "accepts NaN, or leave these rows out."
        )

    def __sklearn_tags__(self):
        """Say that float32 and float64 are kept, and that NaN is a pixel that was not seen."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = not self._made_generator()
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _has_generator(gan):
    """Whether an estimator is fitted, or is a decomposition that is its own generator."""
    if isinstance(gan, (Generator, torch.nn.Module)) or hasattr(gan, "generator_"):
        return True
    try:
        check_is_fitted(gan)
    except (NotFittedError, TypeError):
        return False
    return True


def _generator_of(gan, image_shape):
    """Make a generator of what is none yet; if it has a shape of its own, the caller will see that it is another."""
    try:
        return as_generator(gan, image_shape=image_shape)
    except GeneratorMismatchError:
        if image_shape is None:
            raise
        return as_generator(gan)


def n_components_of(rows):
    """Components of the linear generator that ``gan=None`` makes of rows."""
    return max(1, min(MOST_COMPONENTS, rows.shape[1] // 2))


def is_given(surrogate):
    """Whether there is nothing to learn."""
    if isinstance(surrogate, str):
        return surrogate == "identity"
    return isinstance(surrogate, Surrogate) and not any(value.requires_grad for value in surrogate.parameters())
