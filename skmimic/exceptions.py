"""Errors and warnings of skmimic: one small tree, each also a builtin or scikit-learn class."""

from sklearn.exceptions import ConvergenceWarning as _SklearnConvergenceWarning

__all__ = [
    "AttackError",
    "CollapseWarning",
    "ConvergenceWarning",
    "DataRangeError",
    "DataRangeWarning",
    "DetectionError",
    "ForkError",
    "FrozenGeneratorError",
    "GeneratorMismatchError",
    "IdentifiabilityWarning",
    "InvalidModelFileError",
    "MaskedGradientWarning",
    "MissingExtraError",
    "NotFiniteError",
    "SkmimicError",
    "SkmimicWarning",
    "SurrogateFitWarning",
]


class SkmimicError(Exception):
    """Base class of every error that skmimic raises by itself."""


class GeneratorMismatchError(SkmimicError, ValueError):
    """Data and generator, or two parts of a model, do not fit each other."""


class DataRangeError(SkmimicError, ValueError):
    """The values of X do not tell what black and white are; the message says which data_range to give."""


class AttackError(SkmimicError, ValueError):
    """Images, defence and classifier of an attack do not fit each other, or the attack cannot work on them."""


class DetectionError(SkmimicError, ValueError):
    """Images that anomalies are looked for in are too few, not finite, or unlike the normal ones in shape."""


class InvalidModelFileError(SkmimicError, ValueError):
    """A model file is damaged, hostile, or not a skmimic model."""


class FrozenGeneratorError(SkmimicError, AttributeError):
    """Somebody tried to change a frozen generator."""


class NotFiniteError(SkmimicError, FloatingPointError):
    """An optimisation or a training ran into NaN or infinity."""


class MissingExtraError(SkmimicError, ImportError):
    """An optional dependency is not installed; the message names the extra."""


class ForkError(SkmimicError, RuntimeError):
    """The process was forked after torch had started its threads."""


class SkmimicWarning(UserWarning):
    """Base class of the warnings of skmimic."""


class IdentifiabilityWarning(SkmimicWarning):
    """The observations cannot tell the corruption from the image (paper, section 4.3)."""


class DataRangeWarning(SkmimicWarning):
    """The values of X do not look like the range that the generator works in."""


class SurrogateFitWarning(SkmimicWarning):
    """No surrogate family explains the observations."""


class CollapseWarning(SkmimicWarning):
    """A generator in training gives nearly the same image for different latents."""


class MaskedGradientWarning(SkmimicWarning):
    """The gradients of a defence mislead attacks, so accuracy under attack says nothing about its safety."""


class ConvergenceWarning(SkmimicWarning, _SklearnConvergenceWarning):
    """A solver stopped before its objective settled."""
