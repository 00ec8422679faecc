"""Floor 5: the command line ``skmimic``."""

from ._main import main

__all__ = ["main"]
