"""What an anomaly score is worth; scores follow scikit-learn: higher is more normal."""

import numpy as np

__all__ = ["detection_rate", "p_values"]


def p_values(scores, normal_scores):
    """Compute conformal p-values: how often a normal sample looks at least as anomalous.

    A new normal sample gets a p-value of at most alpha with probability at most alpha, whatever the score, provided
    that `normal_scores` come from normal samples that the detector was not fitted on.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Scores to judge, higher is more normal.
    normal_scores : array-like of shape (n_normals,)
        Scores of held-out normal samples, at least one.

    Returns
    -------
    ndarray of shape (n_samples,)
        ``(1 + number of normal scores at or below the score) / (n_normals + 1)``, in (0, 1].

    Raises
    ------
    ValueError
        If an argument is not a vector of numbers without NaN, or there are no normal scores.

    See Also
    --------
    detection_rate : Part of the anomalies that a level of false alarms finds.

    References
    ----------
    S. Bates, E. Candes, L. Lei, Y. Romano, M. Sesia, "Testing for outliers with conformal p-values", Annals of
    Statistics 51(1), 2023.

    Examples
    --------
    >>> from skmimic.metrics import p_values
    >>> p_values([0.0, 2.5, 9.0], normal_scores=[1, 2, 3, 4])
    array([0.2, 0.6, 1. ])
    """
    scores, normal_scores = _vector(scores, "scores"), _vector(normal_scores, "normal_scores")
    if not len(normal_scores):
        raise ValueError("normal_scores is empty. Pass the scores of at least one held-out normal sample.")
    at_or_below = np.searchsorted(np.sort(normal_scores), scores, side="right")
    return (1 + at_or_below) / (len(normal_scores) + 1)


def detection_rate(anomaly_scores, normal_scores, *, alpha=0.05):
    """Compute the part of anomalies found when at most a part `alpha` of normal samples may raise an alarm.

    Parameters
    ----------
    anomaly_scores : array-like of shape (n_anomalies,)
        Scores of anomalies, higher is more normal.
    normal_scores : array-like of shape (n_normals,)
        Scores of held-out normal samples, at least one.
    alpha : float, default=0.05
        Allowed rate of false alarms, in (0, 1). Below ``1 / (n_normals + 1)`` nothing can be found.

    Returns
    -------
    float
        Part of the anomalies whose conformal p-value is at most `alpha`, in [0, 1].

    Raises
    ------
    ValueError
        If an argument is not a vector of numbers without NaN, one of them is empty, or `alpha` is outside (0, 1).

    See Also
    --------
    p_values : The p-values themselves.

    Examples
    --------
    >>> from skmimic.metrics import detection_rate
    >>> detection_rate([-5, -4, 10], normal_scores=list(range(40)))
    0.6666666666666666
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be a rate in (0, 1), got {alpha!r}.")
    found = p_values(anomaly_scores, normal_scores) <= alpha
    if not len(found):
        raise ValueError("anomaly_scores is empty. Pass the score of at least one anomaly.")
    return float(found.mean())


def _vector(values, name):
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or np.isnan(values).any():
        raise ValueError(f"{name} must be a vector of numbers without NaN, got an array of shape {values.shape}.")
    return values
