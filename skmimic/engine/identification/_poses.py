"""The pose that rows share, found without gradients: blurred rows are compared with blurred samples that are warped."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ...surrogates import warp
from ...utils import background_of, gaussian_blur
from .._unseen import completed, seen_pixels

__all__ = ["Found", "Pose", "PoseSearch", "shrunk"]


class Pose(NamedTuple):
    """What an affine map does to the content of a picture.

    Parameters
    ----------
    rotation_deg : float, default=0.0
    zoom_x, zoom_y : float, default=1.0
    shear : float, default=0.0
        Pixels to the side for each pixel down.
    shift_x, shift_y : float, default=0.0
        In half sides of a square of the picture's area.
    """

    rotation_deg: float = 0.0
    zoom_x: float = 1.0
    zoom_y: float = 1.0
    shear: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    @property
    def matrix(self):
        """The sampling matrix (2, 3): a zoom, then a shear, then a rotation, then a shift, from output to input."""
        cosine, sine = math.cos(math.radians(self.rotation_deg)), math.sin(math.radians(self.rotation_deg))
        across = cosine / self.zoom_x, sine / self.zoom_x
        down = (self.shear * cosine - sine) / self.zoom_y, (self.shear * sine + cosine) / self.zoom_y
        rows = [(a, b, -a * self.shift_x - b * self.shift_y) for a, b in zip(across, down, strict=True)]
        return torch.tensor(rows, dtype=torch.float32)


class Found(NamedTuple):
    """A pose, and how near it brings the samples to the rows.

    Parameters
    ----------
    distance : float
        Mean over the rows, from 0 to 2: the distance to the nearest warped sample, both at mean zero and unit norm.
    pose : Pose
    is_inverted : bool, default=False
        Whether dark and bright are exchanged.
    """

    distance: float
    pose: Pose
    is_inverted: bool = False


class PoseSearch:
    """Compare rows with warped samples, whatever gain and bias the rows share.

    Parameters
    ----------
    images : tensor (K, c, h, w)
        Prior samples.
    observed : tensor (n, c, h, w)
        NaN where nothing was seen.
    policy : Policy

    Notes
    -----
    A warp blurs what it moves. Without a blur on both sides first every warp brings all samples nearer, and none at all
    looks worst.
    """

    def __init__(self, images, observed, policy):
        self.policy = policy
        images, observed = images[: policy.n_samples], observed[: policy.n_rows]
        self.n_refined = policy.n_starts(len(observed)) + 1
        self.coarse = _Pictures(images[: policy.n_coarse_samples], observed, policy.coarse_side, policy.blur)
        self.fine = _Pictures(images, observed, policy.fine_side, policy.blur)
        self.sharp = _Pictures(images, observed, policy.fine_side)

    def look(self, found):
        """Measure a pose on the larger pictures, blurred."""
        return self.fine.found(found.pose, found.is_inverted).distance

    def run(self):
        """Search the grid, then take coordinate steps from the best points.

        Returns
        -------
        list of Found
            The nearest first. The identity alone, unless a pose is clearly nearer.
        """
        found = sorted(self._refined(each) for each in self._apart(sorted(self._grid())))
        kept = min(self.fine.found(Pose(), is_inverted) for is_inverted in (False, True))
        return found if self.look(found[0]) < self.policy.parsimony * kept.distance else [kept]

    def tone(self, found):
        """Read gain and bias off the rows and the sample that is most like each.

        The gain is the quotient of standard deviations: a regression would give one that is too low.
        """
        return self.sharp.tone(found)

    def _grid(self):
        """Look at all turns and zooms, each without a shift and with the one that brings the mean pictures together."""
        found = []
        for rotation in self.policy.rotations:
            for zoom in self.policy.zooms:
                pose = Pose(rotation, zoom, zoom)
                for shift in {(0.0, 0.0), *self.coarse.shifts(pose, self.policy.reach)}:
                    found.append(self.coarse.found(pose._replace(shift_x=shift[0], shift_y=shift[1])))
        return found

    def _apart(self, found):
        """Keep the best point, and the next best that is no neighbour of it."""
        first, *others = found
        chosen = [first]
        for other in others:
            if len(chosen) == self.n_refined:
                break
            if all(self._is_apart(other.pose, each.pose) for each in chosen):
                chosen.append(other)
        return chosen

    def _is_apart(self, one, other):
        turn = abs(one.rotation_deg - other.rotation_deg)
        zoom = abs(math.log(one.zoom_x / other.zoom_x))
        return turn > self.policy.near_deg or zoom > math.log(self.policy.near_zoom) or one.shift_x != other.shift_x

    def _refined(self, found):
        """Take coordinate steps as a similarity, then in all six numbers, which must bring samples clearly nearer."""
        policy = self.policy
        similar = self._walked(self.fine, found, SIMILARITY, 1.0, policy.n_blurred)
        similar = self._walked(self.sharp, similar, SIMILARITY, policy.finer**-policy.n_blurred, policy.n_sharp)
        free = self._walked(self.sharp, similar, FREE, policy.finer**-policy.n_blurred, policy.n_sharp)
        return free if free.distance < policy.simpler * similar.distance else similar

    def _walked(self, pictures, found, moves, size, n_sweeps):
        """Move by each step, or back by it, where that helps; by smaller ones in each sweep."""
        found = pictures.found(found.pose, found.is_inverted)
        for sweep in range(n_sweeps):
            for move in moves:
                steps = [size * self.policy.finer**-sweep * a * b for a, b in zip(move, self.policy.steps, strict=True)]
                trials = (pictures.found(_moved(found.pose, steps, sign), found.is_inverted) for sign in (1, -1))
                found = next((trial for trial in trials if trial.distance < found.distance), found)
        return found


SIMILARITY = (1, 0, 0, 0, 0, 0), (0, 1, 1, 0, 0, 0), (0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 1)
FREE = tuple(tuple(int(i == j) for j in range(6)) for i in range(6))


def _moved(pose, steps, sign):
    """Add steps, to zooms in logarithms."""
    steps = [sign * step for step in steps]
    zooms = (zoom * math.exp(step) for zoom, step in zip(pose[1:3], steps[1:3], strict=True))
    others = (number + step for number, step in zip(pose[3:], steps[3:], strict=True))
    return Pose(pose.rotation_deg + steps[0], *zooms, *others)


class _Pictures:
    """Rows and samples, blurred by a part of the shorter side and shrunk to one size."""

    def __init__(self, images, observed, side, blur=0.0):
        seen = seen_pixels(observed)
        self.aspect, self.fill = images.shape[-2] / images.shape[-1], background_of(images)
        self.images = _prepared(images, side, blur)
        rows = _prepared(completed(observed), side, blur)
        self.size = rows.shape[-2:]
        self.weights = None
        if seen is not None:
            weights = shrunk(seen.to(rows), side).flatten(1)
            is_shared = bool((weights == weights[0]).all())
            self.weights = weights[:1] if is_shared else weights
        self.values = rows.flatten(1)
        self.rows = _normalised(self.values, self.weights)
        self.mean_row = self.rows.mean(0).view(rows.shape[1:])

    def warped(self, pose):
        """Warp the samples (K, c, h, w)."""
        return warp(self.images, pose.matrix.to(self.images), self.aspect, fill=self.fill)

    def found(self, pose, is_inverted=None):
        """Measure a pose, upright or inverted; None tries both."""
        alike = self._correlations(self.warped(pose).flatten(1))
        signs = (False, True) if is_inverted is None else (is_inverted,)
        nearest = [(-alike if inverted else alike).amax(1) for inverted in signs]
        distances = [(2 - 2 * each).clamp_min(0).sqrt().mean().item() for each in nearest]
        best = min(range(len(signs)), key=distances.__getitem__)
        return Found(distances[best], pose, signs[best])

    def _correlations(self, samples):
        """Correlate rows and samples (n, K), over what each row has seen."""
        if self.weights is None or len(self.weights) == 1:
            return self.rows @ _normalised(samples, self.weights).T
        counts = self.weights.sum(1, keepdim=True)
        sums, squares = self.weights @ samples.T, self.weights @ samples.square().T
        return self.rows @ samples.T / (squares - sums.square() / counts).clamp_min(1e-12).sqrt()

    def tone(self, found):
        """Match mean and standard deviation of the rows and of the sample that is most like each."""
        warped = self.warped(found.pose).flatten(1)
        alike = self._correlations(warped)
        nearest = warped[(-alike if found.is_inverted else alike).argmax(1)]
        weights = torch.ones_like(self.values[:1]) if self.weights is None else self.weights
        weights = weights.expand_as(nearest)

        def moments(pictures):
            mean = (weights * pictures).sum() / weights.sum()
            return mean, (weights * (pictures - mean).square()).sum().sqrt()

        (row_mean, row_sd), (mean, sd) = moments(self.values), moments(nearest)
        gain = float(row_sd / sd.clamp_min(1e-6)) * (-1 if found.is_inverted else 1)
        return gain, float(row_mean - gain * mean)

    def shifts(self, pose, reach):
        """Tell by which shifts (x, y) the mean picture of the warped samples is most like that of the rows, or least.

        In half sides, as those of a pose; the second shift is for rows that are inverted.
        """
        mean = self.warped(pose).mean(0)
        mean = _normalised(mean.flatten()[None], None).view(mean.shape)
        size = [2 * side for side in self.size]
        product = torch.fft.rfft2(self.mean_row, s=size) * torch.fft.rfft2(mean, s=size).conj()
        scores = torch.fft.irfft2(product, s=size).sum(0)
        limits = [int(reach * side) for side in self.size]
        scores = torch.roll(scores, limits, (0, 1))[: 2 * limits[0] + 1, : 2 * limits[1] + 1]
        half = math.sqrt(math.prod(self.size)) / 2
        found = []
        for index in (int(scores.argmax()), int(scores.argmin())):
            down, across = divmod(index, scores.shape[1])
            found.append(((across - limits[1]) / half, (down - limits[0]) / half))
        return found


def _prepared(images, side, blur):
    sigma = blur * min(images.shape[-2:])
    return shrunk(gaussian_blur(images, sigma) if sigma else images, side)


def shrunk(images, side):
    """Shrink images (n, c, h, w) until the shorter side has no more pixels, long ones to at most four squares."""
    height, width = images.shape[-2:]
    factor = min(side / min(height, width), math.sqrt(4 * side**2 / (height * width)))
    if factor >= 1:
        return images
    return F.interpolate(images, size=[max(round(factor * each), 1) for each in (height, width)], mode="area")


def _normalised(rows, weights):
    """Bring rows (n, p) to weighted mean zero, multiply them by their weights, and bring them to unit norm."""
    if weights is None:
        rows = rows - rows.mean(1, keepdim=True)
        return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
    rows = rows - (weights * rows).sum(1, keepdim=True) / weights.sum(1, keepdim=True).clamp_min(1e-12)
    norms = (weights * rows.square()).sum(1, keepdim=True).sqrt().clamp_min(1e-12)
    return weights * rows / norms
