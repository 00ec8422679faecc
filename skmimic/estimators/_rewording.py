"""What scikit-learn refuses, said with the estimator's name, what came, what was expected and what to do."""

import numpy as np
from scipy.sparse import issparse

from ..utils import first_line, is_vector
from ._layout import cure_of_rows
from ._refusals import listed, with_article

__all__ = ["reworded"]

EXPECTED = "expected an array or a list of images"


def reworded(subject, X, error, image_shape=None, cure=None):
    """Word the error of scikit-learn's validation anew; the words that its contract suite looks for stay in it.

    Parameters
    ----------
    subject : str
        Name of the estimator.
    X : object
        Which was refused.
    error : TypeError or ValueError
        Of scikit-learn.
    image_shape : tuple (C, H, W) or None, default=None
        Of `fit`, where X came later.
    cure : str or None, default=None
        What to do with another number of features, where that is known.

    Returns
    -------
    str
    """
    text = str(error)
    worded = _of_no_array(X) or _of_shape(X, text, image_shape, cure)
    if worded is None:
        worded = f"X is {with_article(X)}, {EXPECTED}; it cannot be read as one ({first_line(error)}). Pass numbers."
    return f"{subject}: {worded}"


def _of_no_array(X):
    """What to say of an object that holds no rows of real numbers; None where it may."""
    if X is None:
        return f"X is None, {EXPECTED}. Pass the images."
    if callable(X):
        return f"X is {with_article(X)}, {EXPECTED}. Pass what it returns, X()."
    if isinstance(X, (set, frozenset)):
        return f"X is {with_article(X)}, which has no order, {EXPECTED}. Pass a list."
    if issparse(X):
        return (
            f"X is a sparse {type(X).__name__}, but dense data is required. Pass X.toarray(), in which every value "
            "that is not stored is 0."
        )
    fields = getattr(getattr(X, "dtype", None), "names", None)
    if fields:
        return (
            f"X is a structured array with the fields {listed(fields)}, expected rows of numbers. Pass "
            "numpy.lib.recfunctions.structured_to_unstructured(X)."
        )
    return None


def _of_shape(X, text, image_shape, cure):
    """What to say of numbers that are no rows, are none at all, or other than in `fit`."""
    if "Complex data" in text:
        return "Complex data not supported: X holds complex numbers, expected real ones. Pass np.real(X) or np.abs(X)."
    if "Expected 2D array" in text:
        shape = np.shape(X)
        if not shape:
            return f"X is {with_article(X)} without axes, {EXPECTED}. Pass rows (n_samples, n_features)."
        if not shape[0]:
            return f"X is empty, {EXPECTED}. Pass at least one image."
        return (
            f"X has one axis, the shape {shape}, expected rows (n_samples, n_features) or images. Reshape your data: "
            "if X is one image, pass np.reshape(X, (1, -1))."
        )
    if "Found array with" in text:
        return f"X is too small. {text.rstrip('.')}. Pass more images, whose rows have pixels."
    if "is expecting" in text:
        is_image = image_shape is not None and not is_vector(image_shape)
        usual = cure_of_rows(np.shape(X), image_shape) if is_image else "Pass the features of fit."
        return f"{text.rstrip('.')}. {cure or usual}"
    if "feature names" in text:
        return f"{text.rstrip()}\n{cure or 'Pass the columns of fit, X[list(model.feature_names_in_)].'}"
    return None
