"""The one import of scikit-learn's private helpers."""

from sklearn import config_context
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError, Options, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import validate_data

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in without callbacks."""

    def with_callbacks(method):
        """Return the method itself."""
        return method


def makes_frames(estimator):
    """Whether `transform` of an estimator gives data frames: `set_output` or the global setting asks for them."""
    return _get_output_config("transform", estimator)["dense"] != "default"


# Decorator: arrays of other libraries are read as numpy although the caller lets scikit-learn dispatch on them.
without_dispatch = config_context(array_api_dispatch=False)

__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "_fit_context",
    "makes_frames",
    "safe_indexing",
    "validate_data",
    "with_callbacks",
    "without_dispatch",
]
