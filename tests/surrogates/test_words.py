"""A corruption in words."""

import pytest
import torch

from skmimic.surrogates import Affine, FittedSurrogate, Identity, build_family, in_words

EXAMPLE = {"family": "affine+mask", "rotation_deg": 35.21, "scale": (0.812, 0.806), "shear_deg": 0.2}


def test_the_example():
    words = in_words({**EXAMPLE, "shift_px": (0.1, 0.0), "fraction_masked": 0.31})
    assert words == "rotated by 35.2 degrees, scaled to 0.81 x 0.81, 31 % of the pixels masked"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"shift_px": (1.26, -0.5)}, "shifted by 1.3 pixels to the right and -0.5 down"),
        ({"shear_deg": -4.0}, "sheared by -4.0 degrees"),
        ({"gain": (-1.0,), "bias": (0.1,)}, "contrast times -1.00, brightness shifted by +0.10 half ranges"),
        ({"gain": (1.0, 0.5, 1.0)}, "contrast times 1.00 / 0.50 / 1.00"),
        ({"convolution_on_point": 0.3}, "edges and strokes redrawn by a small convolution"),
        ({"corruption": "blur"}, "corruption: blur"),
    ],
)
def test_each_part(found, words):
    assert in_words(found) == words


@pytest.mark.parametrize(
    ("found", "errors", "words"),
    [
        ({"rotation_deg": 40.2}, {"rotation_deg": 0.21}, "rotated by 40.2 ± 0.3 degrees"),
        ({"scale": (0.8, 0.9)}, {"scale": (0.01, 0.02)}, "scaled to 0.80 ± 0.01 x 0.90 ± 0.02"),
        (
            {"shift_px": (1.26, -0.5)},
            {"shift_px": (0.1, 0.01)},
            "shifted by 1.3 ± 0.1 pixels to the right and -0.5 ± 0.1 down",
        ),
        (
            {"gain": (0.5,), "bias": (0.1,)},
            {"gain": (0.001,), "bias": (0.02,)},
            "contrast times 0.50 ± 0.01, brightness shifted by +0.10 ± 0.02 half ranges",
        ),
        ({"shear_deg": 3.0}, {"shear_deg": 2.0}, "sheared by 3.0 ± 2.0 degrees"),  # seen to be small, if not how small
        (
            {"rotation_deg": 6.0, "shear_deg": 4.0},
            {"rotation_deg": 8.0, "shear_deg": 6.5},
            "rotated by 6.0 ± 8.0 degrees, sheared by 4.0 ± 6.5 degrees; the rows are too few to tell the rotation and "
            "shear",
        ),
        (
            {"shift_px": (0.1, 0.0), "gain": (1.0,), "bias": (0.0,)},
            {"shift_px": (0.1, 0.9), "gain": (0.2,), "bias": (0.2,)},
            "hardly any corruption; the rows are too few to tell the shift, contrast and brightness",
        ),
    ],
)
def test_standard_errors(found, errors, words):
    """Rounded up; an effect that could be plain to see, or not be there at all, is not told."""
    assert in_words({**found, "standard_errors": errors}) == words


def test_no_corruption():
    assert in_words(FittedSurrogate(Identity(), "identity").describe()) == "no corruption"


def test_a_corruption_at_its_start_is_hardly_any():
    fresh = build_family("affine+photometric+convolution+mask", (1, 8, 8))
    assert in_words(FittedSurrogate(fresh).describe()) == "hardly any corruption"


def test_a_learned_corruption_speaks_for_itself():
    """As its description does; what has none is refused."""
    fresh = build_family("affine+mask", (1, 8, 8))
    with torch.no_grad():
        fresh.part(Affine).theta.mul_(1.5)
    fitted = FittedSurrogate(fresh, "affine+mask")
    assert in_words(fitted) == in_words(fresh) == in_words(fitted.describe()) == "scaled to 0.67 x 0.67"
    with pytest.raises(TypeError, match=r"got str\. Pass the surrogate_"):
        in_words("affine")
