"""Progress: sentences for people, and of phase A tasks for scikit-learn's callbacks."""

import sys
import time

__all__ = ["Printer", "Reporter"]


class Printer:
    """Print a line for each piece of work done, if the estimator is verbose.

    Parameters
    ----------
    estimator : BaseEstimator
    """

    def __init__(self, estimator):
        self.name, self.is_silent, self.start = type(estimator).__name__, not estimator.verbose, time.monotonic()

    def __call__(self, sentence):
        """Say that a piece of work is done."""
        if not self.is_silent:
            seconds = time.monotonic() - self.start
            print(f"[{self.name}] {seconds:6.1f} s  {sentence}", file=sys.stderr, flush=True)


class Reporter:
    """Print a line for each piece of work done, and tell the callbacks of scikit-learn 1.9 and later.

    Parameters
    ----------
    estimator : BaseEstimator
        Its `verbose` says whether to print; its callbacks, if any, are called.
    X, y : array-like
        What `fit` got, for the callbacks.
    """

    def __init__(self, estimator, X=None, y=None):
        self.estimator, self.data = estimator, {"X": X, "y": y}
        self.say = Printer(estimator)
        initialise = getattr(estimator, "_init_callback_context", None)
        self.context = None if initialise is None else initialise(max_subtasks=None)
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    def __call__(self, sentence):
        """Report that a piece of work is done."""
        self.say(sentence)
        if self.context is not None:
            task = self.context.subcontext(task_name=sentence)
            task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
            task.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def done(self):
        """Report the end of the work."""
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.estimator, **self.data, reconstruction_attributes={})
