"""What an interruption carries out of long work: the best that was complete before it."""

__all__ = ["carrying", "is_interruption", "left_by"]


def is_interruption(error):
    """Whether an exception stops the work rather than says that it failed: Ctrl-C, an exit, a closed generator.

    Parameters
    ----------
    error : BaseException or None

    Returns
    -------
    bool
    """
    return error is not None and not isinstance(error, Exception)


class carrying:
    """Context in which an interruption gets what was complete before it as its attribute `partial`.

    Contexts nest: what an outer one has goes before what an inner one had.

    Parameters
    ----------
    best : callable
        Returns what was complete last, or None.
    """

    def __init__(self, best):
        self.best = best

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if is_interruption(error):
            error.partial = self.best() or getattr(error, "partial", None)


def left_by(error):
    """Take what an interruption carries off it, so that nobody further out takes it for his own.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    Adaptation or Mixture or None
    """
    return vars(error).pop("partial", None) if is_interruption(error) else None
