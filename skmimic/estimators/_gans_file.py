"""Fitted generators to files and back: a model file whose notes say what `fit` found."""

import numpy as np
from sklearn.exceptions import NotFittedError

from ..exceptions import InvalidModelFileError
from ..generators import Generator
from ..utils import Bounds, n_values
from ..utils._sklearn import InvalidParameterError

__all__ = ["FITTED", "described", "restored"]

FITTED = "fitted"  # the key of the notes
KEYS = {"class", "parameters", "data_range", "sample_shape", "n_iter"}
OWN = {"checkpoint", "data_range", "device", "image_shape", "random_state", "verbose"}  # of one run on one machine


def described(estimator):
    """Say what an estimator in training will hold besides its generator and `n_iter`, the steps taken.

    Parameters
    ----------
    estimator : TrainedGenerator
        With its range and its form of the images.

    Returns
    -------
    dict
        JSON.
    """
    parameters = estimator.get_params(deep=False).items()
    return {
        "class": type(estimator).__name__,
        "parameters": {name: _plain(value) for name, value in parameters if name not in OWN},
        "data_range": list(estimator.data_range_),
        "sample_shape": [int(side) for side in estimator._sample_shape],
    }


def _plain(value):
    """Make Python's number of numpy's, which a search over parameters brings."""
    return value.item() if isinstance(value, np.generic) else value


def restored(cls, path):
    """Read a file that a fitted estimator of a class wrote; nothing in it is imported or executed.

    Parameters
    ----------
    cls : type
    path : str or path-like

    Returns
    -------
    TrainedGenerator
        Of the class, fitted.

    Raises
    ------
    InvalidModelFileError
        If the file is damaged, hostile, or of something else.
    FileNotFoundError
    """
    generator = Generator.load(path)
    found = generator.notes.get(FITTED)
    if not isinstance(found, dict) or set(found) != KEYS or found["class"] != cls.__name__:
        kind = found.get("class", "unknown") if isinstance(found, dict) else "a generator alone"
        raise InvalidModelFileError(
            f"{path}: expected a fitted {cls.__name__}, found {kind}. Generator.load reads the generator of any model."
        )
    try:
        return _filled(cls, found, generator)
    except (TypeError, ValueError, NotFittedError) as error:
        raise InvalidModelFileError(f"{path}: not a usable {cls.__name__}. {error}") from error


def _filled(cls, found, generator):
    estimator = cls(**found["parameters"])
    estimator._validate_params()
    shape, n_features = tuple(found["sample_shape"]), n_values(generator.image_shape)
    channels, *sides = generator.image_shape
    forms = [(n_features,), (channels, *sides), (*sides, channels), *([tuple(sides)] if channels == 1 else [])]
    if shape not in forms:
        raise InvalidParameterError(f"samples of shape {shape} do not hold {n_features} values.")
    if type(found["n_iter"]) is not int or found["n_iter"] < 0:
        raise InvalidParameterError(f"n_iter={found['n_iter']!r} is no number of steps.")
    estimator.data_range_, estimator._sample_shape = Bounds.of(found["data_range"]), shape
    estimator.image_shape_, estimator.n_features_in_ = generator.image_shape, n_features
    estimator.generator_, estimator.n_iter_ = generator, found["n_iter"]
    return estimator
