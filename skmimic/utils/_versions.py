"""Pickles say which version wrote them, and another version that reads them warns, as scikit-learn's do."""

import importlib
import warnings

from sklearn.exceptions import InconsistentVersionWarning

__all__ = ["Versioned", "checked_state", "stamped_state"]

KEY = "_skmimic_version"
UNKNOWN = "0.1.0 or older"  # what wrote pickles without a version


def _version():
    return importlib.import_module("skmimic").__version__


def stamped_state(state):
    """Return a state for pickle with the version of skmimic that writes it.

    Parameters
    ----------
    state : dict

    Returns
    -------
    dict
    """
    return {**state, KEY: _version()}


def checked_state(owner, state):
    """Return a state without its version; warn if that is not the version that reads it.

    Parameters
    ----------
    owner : object
        Whose state it is; its class is named in the warning.
    state : dict
        Of `stamped_state`, or of a version that did not stamp.

    Returns
    -------
    dict

    Warns
    -----
    InconsistentVersionWarning
        That of scikit-learn.
    """
    written_by, read_by = state.get(KEY, UNKNOWN), _version()
    if written_by != read_by:
        name = f"{type(owner).__name__} of skmimic"
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name=name, current_sklearn_version=read_by, original_sklearn_version=written_by
            ),
            stacklevel=3,
        )
    return {name: value for name, value in state.items() if name != KEY}


class Versioned:
    """Mixin of what is pickled by its attributes: its pickles carry the version, and warn where another reads them."""

    def __getstate__(self):
        return stamped_state(vars(self))

    def __setstate__(self, state):
        vars(self).update(checked_state(self, state))
