"""A memory of what was computed, bounded in bytes."""

import threading
from collections import OrderedDict

__all__ = ["ByteCache"]


class ByteCache:
    """Keep values by key; the ones used longest ago go first. Safe to use from several threads.

    Parameters
    ----------
    most_bytes : int
        That all values may take together.
    """

    def __init__(self, most_bytes):
        self.most_bytes = most_bytes
        self._lock, self._values = threading.Lock(), OrderedDict()

    def __len__(self):
        return len(self._values)

    def get(self, key):
        """Return the value, or None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key, value, n_bytes):
        """Keep a value of so many bytes, unless it is larger than all may be."""
        if n_bytes > self.most_bytes:
            return
        with self._lock:
            self._values.pop(key, None)
            self._drop_for(n_bytes)
            self._values[key] = value, n_bytes

    def make_room(self, n_bytes):
        """Drop values until another of so many bytes would fit."""
        with self._lock:
            self._drop_for(n_bytes)

    def _drop_for(self, n_bytes):
        while self._values and n_bytes + sum(size for _, size in self._values.values()) > self.most_bytes:
            self._values.popitem(last=False)

    def clear(self):
        """Drop all values."""
        with self._lock:
            self._values.clear()
