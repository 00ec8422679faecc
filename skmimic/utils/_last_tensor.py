"""What was made of a tensor, kept while the same tensor is asked about: solvers show the same rows at every step."""

import weakref

__all__ = ["LastTensor"]


class LastTensor:
    """Remember what was made of the tensor that came last; pickles and copies empty."""

    def __init__(self):
        self._last = None

    def __getstate__(self):
        return {"_last": None}

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
        last, version = self._last, tensor._version
        if last is None or last[0]() is not tensor or last[1] != version:
            last = weakref.ref(tensor, self._forget), version, make(tensor)
            self._last = last
        return last[2]

    def _forget(self, reference):
        """Give the memory back when the tensor is gone."""
        last = self._last
        if last is not None and last[0] is reference:
            self._last = None
