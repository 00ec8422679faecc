"""Domain labels of rows in skada's convention: sources from zero on, targets below."""

import numpy as np

from ..utils._sklearn import safe_indexing

__all__ = ["check_sample_domain", "source_and_targets", "target_domains"]


def check_sample_domain(subject, sample_domain, X):
    """Validate domain labels.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    sample_domain : int or array-like (n_samples,) of int
        One label for all rows, or one each.
    X : array-like (n_samples, ...)

    Returns
    -------
    ndarray (n_samples,) of int

    Raises
    ------
    ValueError
        If the labels are not whole numbers, one for each row.
    """
    labels = np.asarray(sample_domain)
    if not np.issubdtype(labels.dtype, np.integer) or labels.ndim > 1:
        raise ValueError(
            f"{subject}: sample_domain must be one whole number for each row of X, zero or more for source rows, less "
            f"for target rows; got an array of shape {labels.shape} and dtype {labels.dtype}."
        )
    if labels.ndim == 0:
        return np.full(len(X), labels)
    if len(labels) != len(X):
        raise ValueError(
            f"{subject}: sample_domain has {len(labels)} labels, but X has {len(X)} rows. Pass one for each row, "
            "or one whole number for all."
        )
    return labels


def target_domains(X, labels):
    """Split off the target rows.

    Parameters
    ----------
    X : array-like (n_samples, ...)
    labels : ndarray (n_samples,) of int

    Returns
    -------
    dict of int to array-like
        Rows of every target domain, from -1 downwards.
    """
    targets = sorted({int(label) for label in labels if label < 0}, reverse=True)
    return {label: safe_indexing(X, np.flatnonzero(labels == label)) for label in targets}


def source_and_targets(subject, X, sample_domain):
    """Split rows into source and target domains.

    Parameters
    ----------
    subject : str
        Name of the estimator, for messages.
    X : array-like (n_samples, ...)
    sample_domain : int or array-like or None
        None: all rows are source rows.

    Returns
    -------
    source : array-like or None
        None when there are target rows only.
    targets : dict of int to array-like
    """
    if sample_domain is None:
        return X, {}
    labels = check_sample_domain(subject, sample_domain, X)
    positions = np.flatnonzero(labels >= 0)
    source = safe_indexing(X, positions) if len(positions) else None
    return source, target_domains(X, labels)
