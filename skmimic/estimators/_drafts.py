"""All or nothing: what learns works on a draft of the estimator, which takes its place in one step."""

import functools

from ..engine import Status, is_interruption

__all__ = ["all_or_nothing"]

PASSING = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")  # scikit-learn's, for the time of a call
_ABSENT = object()


def all_or_nothing(method=None, *, anew=False):
    """Decorate a method that learns: whatever stops it, the estimator is as before or holds one complete fit.

    The method gets a draft, a shallow copy of the estimator, and sets attributes there. When it has ended they are put
    into the estimator by one assignment, at which no signal, thread or second Ctrl-C can find half of them. When it is
    stopped the draft is thrown away, unless it says by ``trace_.status`` that it is a complete interrupted fit. Only
    what the method itself changed is put in place, so parameters set meanwhile stay.

    Parameters
    ----------
    method : callable
    anew : bool, default=False
        Whether the draft starts without what an earlier fit has left, as `fit` does.

    Returns
    -------
    callable
    """
    if method is None:
        return functools.partial(all_or_nothing, anew=anew)

    @functools.wraps(method)
    def whole(self, *args, **kwargs):
        before = vars(self).copy()
        draft = object.__new__(type(self))
        vars(draft).update((name, value) for name, value in before.items() if not (anew and _was_fitted(name)))
        try:
            answer = method(draft, *args, **kwargs)
        except BaseException as error:
            if is_interruption(error) and _is_partial_fit(draft, before):
                _put(draft, before, self)
            raise
        _put(draft, before, self)
        return self if answer is draft else answer

    return whole


def _was_fitted(name):
    """Whether an attribute is one that `fit` sets, by scikit-learn's convention."""
    return name.endswith("_") and not name.startswith("_")


def _is_partial_fit(draft, before):
    trace = vars(draft).get("trace_")
    is_new = trace is not None and trace is not before.get("trace_")
    return is_new and trace.status is Status.INTERRUPTED and draft._may_replace(before)


def _put(draft, before, estimator):
    """Put what a draft has changed since it was made into the estimator, in one step."""
    after = {name: value for name, value in vars(draft).items() if name not in PASSING}
    changed = {name: value for name, value in after.items() if before.get(name, _ABSENT) is not value}
    kept = {name: value for name, value in vars(estimator).items() if name in after or name not in before}
    estimator.__dict__ = {**kept, **changed}
