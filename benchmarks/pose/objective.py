"""What is to be found, a random affine map with or without gain and bias, and how far a method is from it."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from skmimic.surrogates import Affine, Photometric, warp

__all__ = ["NEAR", "TONES", "Truth", "draw_truths", "error_of_gain", "found_map", "is_no_corruption", "pixels_between"]

MOST_TURN, ZOOMS, MOST_SHEAR = 60.0, (0.75, 1.35), 0.3
MOST_SHIFT = 4 / 28  # of the side
GAINS, MOST_BIAS = (0.5, 0.8), 0.3
TONES = ("none", "gain", "inverted")
MIDDLE = np.linspace(-0.6, 0.6, 9)  # in half sides: where digits and faces are; corners show nothing
NEAR = 0.1  # pixels: the aim
CLEAN = {"turn": 1.0, "scale": 0.01, "shift": 0.1, "gain": 0.02}  # degrees, parts, pixels, parts: seen as no corruption
PARTS_OF_OTHERS = {"fraction_masked", "fraction_missing", "blur_px", "convolution_on_point", "rotation_sd_deg"}


@dataclass(frozen=True)
class Truth:
    """A corruption that all rows share; calling it corrupts images (n, c, h, w) in [-1, 1].

    Attributes
    ----------
    turn : float
        Degrees.
    zoom, shear : float
    shift : tuple of two floats
        Right and down, in sides of the image.
    gain, bias : float
        Of the pixel values, after the map. A negative gain inverts.
    """

    turn: float = 0.0
    zoom: float = 1.0
    shear: float = 0.0
    shift: tuple = (0.0, 0.0)
    gain: float = 1.0
    bias: float = 0.0

    def matrix(self):
        """Return the map (2, 3) of places in the observed image to places in the clean one, in half sides."""
        cosine, sine = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        turned = np.array([[cosine, cosine * self.shear - sine], [sine, sine * self.shear + cosine]])
        linear = turned / self.zoom
        return np.column_stack([linear, -linear @ (2 * np.asarray(self.shift))])

    def __call__(self, images):
        """Warp the images and scale and shift their values."""
        return self.gain * warp(images, torch.from_numpy(self.matrix()).to(images)) + self.bias


def draw_truths(n, seed, tone="none"):
    """Draw maps; the first ones don't depend on how many follow, nor the maps on the tone.

    Parameters
    ----------
    n, seed : int
    tone : {"none", "gain", "inverted"}

    Returns
    -------
    list of Truth
        Whose values stay in [-1, 1].
    """
    random, truths = np.random.default_rng(seed), []
    for _ in range(n):
        turn, zoom = random.uniform(-MOST_TURN, MOST_TURN), random.uniform(*ZOOMS)
        shear, shift = random.uniform(-MOST_SHEAR, MOST_SHEAR), tuple(random.uniform(-MOST_SHIFT, MOST_SHIFT, 2))
        gain = random.uniform(*GAINS)
        bias = random.uniform(-1, 1) * min(MOST_BIAS, 1 - gain)
        values = {"none": (1.0, 0.0), "gain": (gain, bias), "inverted": (-gain, bias)}[tone]
        truths.append(Truth(turn, zoom, shear, shift, *values))
    return truths


def pixels_between(matrix, other, side):
    """Compute by how much two maps differ, as the mean displacement over the middle of the image.

    Parameters
    ----------
    matrix, other : array-like (2, 3)
        In half sides.
    side : int
        Of the image.

    Returns
    -------
    float
        Pixels of the clean image.
    """
    x, y = (axis.ravel() for axis in np.meshgrid(MIDDLE, MIDDLE))
    places = np.stack([x, y, np.ones_like(x)])
    moved = (np.asarray(matrix) - np.asarray(other)) @ places
    return float(np.hypot(*moved).mean() * side / 2)


def found_map(surrogate):
    """Return the map (2, 3) of a fitted surrogate; without an affine part it is the identity."""
    part = _part(surrogate, Affine)
    return np.eye(2, 3) if part is None else part.theta.numpy().reshape(2, 3)


def error_of_gain(surrogate, gain):
    """Compute the relative error of the gain that a fitted surrogate found, averaged over the channels."""
    part = _part(surrogate, Photometric)
    found = 1.0 if part is None else part.gain.mean().item()
    return abs(found - gain) / abs(gain)


def _part(surrogate, kind):
    return next((part for part in surrogate.to_torch().modules() if isinstance(part, kind)), None)


def is_no_corruption(described):
    """Tell whether a surrogate, by what its `describe` says, leaves clean images as they are."""
    shift, scale = described.get("shift_px", (0, 0)), described.get("scale", (1, 1))
    return (
        abs(described.get("rotation_deg", 0)) <= CLEAN["turn"]
        and max(abs(one - 1) for one in scale) <= CLEAN["scale"]
        and max(abs(one) for one in shift) <= CLEAN["shift"]
        and max(abs(one - 1) for one in described.get("gain", (1,))) <= CLEAN["gain"]
        and not PARTS_OF_OTHERS & described.keys()
    )
