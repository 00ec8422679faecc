"""Ctrl-C that waits for the end of a step."""

import signal
import threading

__all__ = ["DeferredInterrupt"]


class DeferredInterrupt:
    """Context in which the first Ctrl-C only sets a flag; the second one acts at once.

    In the middle of a step the discriminator has moved and the generator has not; a checkpoint written there would not
    resume bit for bit. Outside the main thread, where Python delivers no signals, this does nothing.
    """

    def __init__(self):
        self.requested = False
        self._previous = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error):
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, number, frame):
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def raise_if_requested(self):
        """Raise the KeyboardInterrupt that was put off."""
        if self.requested:
            raise KeyboardInterrupt
