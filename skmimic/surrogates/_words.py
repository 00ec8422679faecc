"""A learned corruption in words."""

from collections.abc import Mapping

__all__ = ["in_words"]


def in_words(found):
    """Say what a learned corruption does; what cannot be seen is left out.

    Parameters
    ----------
    found : FittedSurrogate, Surrogate or dict
        Such as the `surrogate_` of an estimator, or what its `describe` gives.

    Returns
    -------
    str
        Such as "rotated by 35.2 degrees, scaled to 0.81 x 0.81, 31 % of the pixels masked".

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> from skmimic.surrogates import in_words
    >>> in_words({"family": "affine", "rotation_deg": 35.21, "scale": (0.81, 0.8)})
    'rotated by 35.2 degrees, scaled to 0.81 x 0.80'
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
    return ", ".join(phrases) or "hardly any corruption"


def _geometry(found):
    """Rotation, scale, shear and shift."""
    if abs(found.get("rotation_deg", 0)) >= 0.5:
        yield f"rotated by {found['rotation_deg']:.1f} degrees"
    if "rotation_sd_deg" in found:
        yield f"each row turned by an angle of its own, standard deviation {found['rotation_sd_deg']:.1f} degrees"
    x, y = found.get("scale", (1, 1))
    if max(abs(x - 1), abs(y - 1)) >= 0.01:
        yield f"scaled to {x:.2f} x {y:.2f}"
    if abs(found.get("shear_deg", 0)) >= 1:
        yield f"sheared by {found['shear_deg']:.1f} degrees"
    right, down = found.get("shift_px", (0, 0))
    if max(abs(right), abs(down)) >= 0.25:
        yield f"shifted by {right:.1f} pixels to the right and {down:.1f} down"


def _tone(found):
    """Gain and bias, channel by channel."""
    gain, bias = found.get("gain", ()), found.get("bias", ())
    if any(abs(g - 1) >= 0.02 for g in gain):
        yield f"contrast times {' / '.join(f'{g:.2f}' for g in gain)}"
    if any(abs(b) >= 0.02 for b in bias):
        yield f"brightness shifted by {' / '.join(f'{b:+.2f}' for b in bias)} half ranges"
