"""What was made of a tensor, kept while the same tensor is asked about: solvers show the same rows at every step."""

import threading
import weakref

__all__ = ["LastTensor"]


class LastTensor:
    """Remember what was made of the tensor that came last in each thread; pickles and copies empty."""

    def __init__(self):
        self._last = {}  # by thread, so that two at work do not forget each other's; every entry goes with its tensor

    def __getstate__(self):
        return {"_last": {}}

    def __call__(self, tensor, make):
        """Return ``make(tensor)``, computed anew only if the tensor is another one or was changed.

        Parameters
        ----------
        tensor : tensor
        make : callable

        Returns
        -------
        object
        """
        if tensor.is_inference():  # which have no version
            return make(tensor)
        thread, version = threading.get_ident(), tensor._version
        last = self._last.get(thread)
        if last is None or last[0]() is not tensor or last[1] != version:
            last = weakref.ref(tensor, self._forget), version, make(tensor)
            self._last[thread] = last
        return last[2]

    def _forget(self, reference):
        """Give the memory back when the tensor is gone."""
        for thread, last in list(self._last.items()):
            if last[0] is reference:
                self._last.pop(thread, None)
