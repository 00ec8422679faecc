"""Parameters whose values scikit-learn's constraints cannot judge."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..utils import Bounds, is_one_picture, resolve_device
from ..utils._sklearn import InvalidParameterError
from ._layout import known_image_shape

__all__ = ["CheckedParameters"]


class CheckedParameters(BaseEstimator):
    """Check all parameters by one method, in `fit` and, as `set_params` may have changed them, in what comes later."""

    def _validate_params(self):
        super()._validate_params()
        _check_image_shape(type(self).__name__, self.image_shape, getattr(self, "gan", None))
        try:
            if not isinstance(self.data_range, str):
                Bounds.of(self.data_range)
            resolve_device(self.device)
        except ValueError as error:
            raise InvalidParameterError(f"{type(self).__name__}: {error}") from error

    def _check_ready(self):
        """Ask for `fit` and for valid parameters; `fit` itself has checked them already."""
        check_is_fitted(self)
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()


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
