"""A learned corruption in words."""

import math
from collections.abc import Mapping

__all__ = ["in_words"]

PLAIN = {  # an effect as large as this is plain to see
    "rotation_deg": (5.0, "rotation"),
    "scale": (0.1, "scale"),
    "shear_deg": (5.0, "shear"),
    "shift_px": (1.0, "shift"),
    "gain": (0.1, "contrast"),
    "bias": (0.1, "brightness"),
}


def in_words(found):
    """Say what a learned corruption does; what cannot be seen is left out.

    Numbers come with their standard errors, rounded up, where these are known. The rows are too few to tell a number
    whose standard error, twice, is larger than the effect itself and would be plain to see.

    Parameters
    ----------
    found : FittedSurrogate, Surrogate or dict
        Such as the `surrogate_` of an estimator, or what its `describe` gives.

    Returns
    -------
    str
        Such as "rotated by 35.2 ± 0.4 degrees, scaled to 0.81 ± 0.01 x 0.81 ± 0.01, 31 % of the pixels masked".

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> from skmimic.surrogates import in_words
    >>> in_words({"family": "affine", "rotation_deg": 35.21, "scale": (0.81, 0.8)})
    'rotated by 35.2 degrees, scaled to 0.81 x 0.80'
    >>> in_words({"rotation_deg": 35.21, "standard_errors": {"rotation_deg": 0.32}})
    'rotated by 35.2 ± 0.4 degrees'
    """
    found = found.describe() if hasattr(found, "describe") else found
    if not isinstance(found, Mapping):
        raise TypeError(
            f"in_words: expected a learned corruption or what its describe() gives, got {type(found).__name__}. Pass "
            "the surrogate_ of a fitted estimator."
        )
    if "corruption" in found:
        return "no corruption" if found["corruption"] == "none" else f"corruption: {found['corruption']}"
    phrases = [*_geometry(found), *_tone(found)]
    if found.get("convolution_on_point", 0) >= 0.02:
        phrases.append("edges and strokes redrawn by a small convolution")
    if found.get("fraction_masked", 0) >= 0.005:
        phrases.append(f"{100 * found['fraction_masked']:.0f} % of the pixels masked")
    if found.get("offset_rms", 0) >= 0.01:
        phrases.append(f"one image added to all, {found['offset_rms']:.2f} half ranges strong")
    said, untold = ", ".join(phrases) or "hardly any corruption", _untold(found)
    return f"{said}; the rows are too few to tell the {_listed(untold)}" if untold else said


def _geometry(found):
    """Rotation, scale, shear and shift."""
    if abs(found.get("rotation_deg", 0)) >= 0.5:
        yield f"rotated by {_told(found, 'rotation_deg', '.1f')[0]} degrees"
    if "rotation_sd_deg" in found:
        yield f"each row turned by an angle of its own, standard deviation {found['rotation_sd_deg']:.1f} degrees"
    if max(abs(each - 1) for each in found.get("scale", (1, 1))) >= 0.01:
        yield f"scaled to {' x '.join(_told(found, 'scale', '.2f'))}"
    if abs(found.get("shear_deg", 0)) >= 1:
        yield f"sheared by {_told(found, 'shear_deg', '.1f')[0]} degrees"
    if max(abs(each) for each in found.get("shift_px", (0, 0))) >= 0.25:
        right, down = _told(found, "shift_px", ".1f")
        yield f"shifted by {right} pixels to the right and {down} down"


def _tone(found):
    """Gain and bias, channel by channel."""
    if any(abs(gain - 1) >= 0.02 for gain in found.get("gain", ())):
        yield f"contrast times {' / '.join(_told(found, 'gain', '.2f'))}"
    if any(abs(bias) >= 0.02 for bias in found.get("bias", ())):
        yield f"brightness shifted by {' / '.join(_told(found, 'bias', '+.2f'))} half ranges"


def _told(found, name, form):
    """Write the numbers of one entry, each with its standard error if there is one."""
    values, errors = _values(found[name]), _values(found.get("standard_errors", {}).get(name, ()))
    errors = [f" ± {_rounded_up(error, int(form[-2])):{form.lstrip('+')}}" for error in errors] or [""] * len(values)
    return [f"{value:{form}}{error}" for value, error in zip(values, errors, strict=True)]


def _rounded_up(error, n_places):
    """Round up to decimal places, so that no number looks surer than it is."""
    return math.ceil(error * 10**n_places - 1e-9) / 10**n_places


def _untold(found):
    """Name what the rows are too few to tell."""
    errors = found.get("standard_errors", {})
    return [word for name, (plain, word) in PLAIN.items() if name in errors and _is_untold(name, found, errors, plain)]


def _is_untold(name, found, errors, plain):
    none = 1 if name in ("scale", "gain") else 0
    pairs = zip(_values(found[name]), _values(errors[name]), strict=True)
    return any(2 * error > max(abs(value - none), plain) for value, error in pairs)


def _values(entry):
    return entry if isinstance(entry, tuple | list) else (entry,)


def _listed(words):
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
