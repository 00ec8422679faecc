"""Parameters whose values scikit-learn's constraints cannot judge."""

import contextlib
import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from torch import nn

from ..generators import load_gan
from ..surrogates import Surrogate, resolve_surrogate
from ..utils import Bounds, is_one_picture, resolve_device
from ..utils._sklearn import InvalidParameterError
from ._layout import known_image_shape

__all__ = ["CheckedParameters", "check_unchanged", "named_by", "values_used"]

# In `fit` alone: what comes later takes what `fit` made of them. Estimators name more of theirs in `_used_in_fit`.
USED = ("gan", "image_shape", "data_range")
ANY_SHAPE = (1, 8, 8)  # of images, by which the name of a surrogate is looked up


class CheckedParameters(BaseEstimator):
    """Check all parameters by one method, in `fit` and, as `set_params` may have changed them, in what comes later."""

    def _validate_params(self):
        super()._validate_params()
        subject = type(self).__name__
        with named_by(subject):
            _check_image_shape(subject, self.image_shape, getattr(self, "gan", None))
        if "surrogate" in self._get_param_names():
            _check_surrogate(subject, self.surrogate)
        try:
            if not isinstance(self.data_range, str):
                Bounds.of(self.data_range)
            resolve_device(self.device)
        except ValueError as error:
            raise InvalidParameterError(f"{subject}: {error}") from error


@contextlib.contextmanager
def named_by(subject):
    """Put the name of the estimator before errors about its parameters.

    Parameters
    ----------
    subject : str
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if not str(error).startswith(subject):
            error.args = (f"{subject}: {error}",)
        raise


def values_used(estimator):
    """Remember the parameters that only `fit` reads.

    Parameters
    ----------
    estimator : BaseEstimator

    Returns
    -------
    dict
    """
    names = (*USED, *getattr(estimator, "_used_in_fit", ()))
    return {name: _mark_of(getattr(estimator, name), name) for name in names}


def _mark_of(value, name):
    """A parameter itself; of `gan`, which may be large, the fingerprint where it has one, else its class."""
    if name != "gan":
        return value
    gan = load_gan(value) if isinstance(value, str) else value
    return getattr(getattr(gan, "generator_", gan), "fingerprint", type(gan).__name__)


def check_unchanged(estimator, used):
    """Refuse parameters that only `fit` reads and that have been changed since, for they would be ignored.

    Parameters
    ----------
    estimator : BaseEstimator
        Fitted.
    used : dict
        From `values_used`.

    Raises
    ------
    InvalidParameterError
    """
    for name, before in used.items():
        now = _mark_of(getattr(estimator, name), name)
        if not _is_same(now, before) and not _is_same(now, getattr(estimator, f"{name}_", before)):
            what = f"from {before!r} to {now!r} " if name != "gan" else ""
            raise InvalidParameterError(
                f"{type(estimator).__name__}: {name} was changed {what}after fit, which alone reads it. Call fit "
                f"again, or set {name} back."
            )


def _is_same(first, second):
    """Whether two values of a parameter are the same object, text, number, or pair or triple of numbers."""
    if first is second:
        return True
    if all(isinstance(value, (str, Real)) for value in (first, second)):
        return first == second
    if not all(isinstance(value, (tuple, list, np.ndarray)) for value in (first, second)):
        return False
    return len(first) == len(second) and all(map(_is_same, first, second))


def _check_surrogate(subject, surrogate):
    """Refuse names of surrogates that there are not, and what is no surrogate; factories are called later."""
    is_module = isinstance(surrogate, Surrogate) or (callable(surrogate) and not isinstance(surrogate, nn.Module))
    if is_module or (isinstance(surrogate, str) and surrogate in ("auto", "identity")):
        return
    try:
        resolve_surrogate(surrogate, ANY_SHAPE)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(f"{subject}: {error}") from error


def _check_image_shape(subject, value, gan):
    """Refuse an `image_shape` that is none, or has its channels last although the generator does not say so."""
    if value is None:
        return
    sides = tuple(value) if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str) else ()
    if any(not isinstance(side, Integral) or side < 1 for side in sides) or len(sides) != 3:
        raise InvalidParameterError(
            f"{subject}: image_shape={value!r} must be (channels, height, width), three whole numbers of at least 1. "
            f"Pass {_example(value, sides)}."
        )
    if is_one_picture(sides) and known_image_shape(None, gan) != sides:
        raise InvalidParameterError(
            f"{subject}: image_shape={value!r} has its channels last; it must be (channels, height, width), whatever "
            f"the layout of X. Pass image_shape={(sides[2], *sides[:2])}."
        )


def _example(value, sides):
    """Say what was probably meant."""
    numbers = sides or [int(part) for part in str(value).lower().replace("x", " ").split() if part.isdecimal()]
    if any(not isinstance(number, Real) or number < 1 or number % 1 for number in numbers):
        numbers = []
    numbers = tuple(map(int, numbers))
    if len(numbers) == 1 and math.isqrt(numbers[0]) ** 2 == numbers[0]:
        numbers = (math.isqrt(numbers[0]),) * 2
    if len(numbers) == 3:
        return f"image_shape={numbers}"
    if len(numbers) == 2:
        return f"image_shape={(1, *numbers)} for images in grey, {(3, *numbers)} for RGB"
    return "for instance image_shape=(1, 28, 28) for images in grey, (3, 28, 28) for RGB"
