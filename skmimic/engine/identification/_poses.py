"""The pose that rows share, found without gradients: blurred rows are compared with blurred samples that are warped."""

import math
from functools import cached_property, partial
from typing import NamedTuple

import torch
import torch.nn.functional as F

from ...surrogates import sampling_grid
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
    def is_similarity(self):
        """Whether it is a turn, one zoom and a shift."""
        return self.zoom_x == self.zoom_y and self.shear == 0

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
        observed, n = observed[: policy.n_rows], policy.n_samples
        self.n_starts = policy.n_starts(len(observed))
        draws = [images[:n], images[n : 2 * n]] if len(images) >= 2 * n else [images[:n]]
        images = draws[0]
        self.coarse = _Pictures(images[: policy.n_coarse_samples], observed, policy.coarse_side, policy.blur)
        self.fine = _Pictures(images, observed, policy.fine_side, policy.blur)
        self.sharp = [_Pictures(draw, observed, policy.fine_side) for draw in draws]

    def look(self, found):
        """Measure a pose on the larger pictures, blurred."""
        return self.fine.found(found.pose, found.is_inverted).distance

    @cached_property
    def near(self):
        """Poses from the best points of the grid, each a few coordinate steps on: the nearest first."""
        count = max(self.n_starts, self.policy.n_apart)
        return sorted(self._neared(each) for each in self._apart(sorted(self._grid()), count))

    def run(self):
        """Search the grid, then take coordinate steps from the best points.

        Returns
        -------
        list of Found
            The nearest first, as many as learning starts from. The identity, unless a pose is clearly nearer: alone, or
            with one that is a little nearer.
        """
        starts = [(each, pictures) for each in self.near for pictures in self.sharp]  # another draw leaves it elsewhere
        found = sorted(self._refined(*start) for start in starts[: self.n_starts])
        kept = min(self.fine.found(Pose(), is_inverted) for is_inverted in (False, True))
        nearer = self.look(found[0]) / max(kept.distance, 1e-12)
        if nearer < self.policy.parsimony:
            return found
        return [kept, found[0]] if nearer < self.policy.doubtful else [kept]

    def tone(self, found):
        """Read gain and bias off the rows and the sample that is most like each.

        The gain is the quotient of standard deviations: a regression would give one that is too low.
        """
        return self.sharp[0].tone(found)

    def _grid(self):
        """Look at all turns and zooms, each without a shift and with the one that brings the mean pictures together."""
        found = []
        for rotation in self.policy.rotations:
            for zoom in self.policy.zooms:
                pose = Pose(rotation, zoom, zoom)
                for shift in {(0.0, 0.0), *self.coarse.shifts(pose, self.policy.reach)}:
                    found.append(self.coarse.found(pose._replace(shift_x=shift[0], shift_y=shift[1])))
        return found

    def _apart(self, found, count):
        """Keep the best points of which none is a neighbour of another."""
        first, *others = found
        chosen = [first]
        for other in others:
            if len(chosen) == count:
                break
            if all(self._is_apart(other.pose, each.pose) for each in chosen):
                chosen.append(other)
        return chosen

    def _is_apart(self, one, other):
        turn = abs(one.rotation_deg - other.rotation_deg)
        zoom = abs(math.log(one.zoom_x / other.zoom_x))
        return turn > self.policy.near_deg or zoom > math.log(self.policy.near_zoom) or one.shift_x != other.shift_x

    def _neared(self, found):
        """Take coordinate steps as a similarity, by the nearest sample of each row."""
        policy, first = self.policy, self.policy.n_blurred
        found = self._walked(self.fine.found, found, SIMILARITY, range(first))
        return self._walked(self.sharp[0].found, found, SIMILARITY, range(first, first + policy.n_near))

    def _refined(self, found, pictures):
        """Take them by what samples combine to, then in all six numbers, which must bring them clearly nearer."""
        policy, first = self.policy, self.policy.n_blurred + self.policy.n_near
        combined = partial(pictures.combined, count=policy.n_combined, ridge=policy.ridge)
        similar = self._walked(combined, found, SIMILARITY, range(first, first + policy.n_similar))
        free = self._walked(combined, similar, FREE, range(policy.n_blurred, policy.n_blurred + policy.n_free))
        return free if free.distance < policy.simpler * similar.distance else similar

    def _walked(self, measure, found, moves, sweeps):
        """Move by each step, or back by it, where that helps; by smaller ones in each sweep."""
        found = measure(found.pose, found.is_inverted)
        for sweep in sweeps:
            for move in moves:
                steps = [self.policy.finer**-sweep * a * b for a, b in zip(move, self.policy.steps, strict=True)]
                trials = (measure(_moved(found.pose, steps, sign), found.is_inverted) for sign in (1, -1))
                found = next((trial for trial in trials if trial.distance < found.distance), found)
        return found


SIMILARITY = (1, 0, 0, 0, 0, 0), (0, 1, 1, 0, 0, 0), (0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 1)
FREE = (*(tuple(int(i == j) for j in range(6)) for i in range(6)), (1, 0, 0, 1, 0, 0))  # the last: a shear down


def _moved(pose, steps, sign):
    """Add steps, to zooms in logarithms."""
    steps = [sign * step for step in steps]
    zooms = (zoom * math.exp(step) for zoom, step in zip(pose[1:3], steps[1:3], strict=True))
    others = (number + step for number, step in zip(pose[3:], steps[3:], strict=True))
    return Pose(pose.rotation_deg + steps[0], *zooms, *others)


class _Pictures:
    """Rows and samples, blurred by a part of the shorter side and shrunk to one size.

    A sample is a column, so that those of one place lie side by side in memory: a warp, the same for all, takes a
    seventh of the time of `warp`.
    """

    def __init__(self, images, observed, side, blur=0.0):
        seen = seen_pixels(observed)
        self.aspect, self.fill = images.shape[-2] / images.shape[-1], background_of(images)
        images, rows = (_prepared(each, side, blur) for each in (images, completed(observed)))
        self.shape = (*rows.shape[-2:], rows.shape[1])
        self.samples = (images - self.fill).permute(2, 3, 1, 0).contiguous().flatten(2).flatten(0, 1)
        self.values = _places_last(rows)
        weights = torch.ones_like(rows[:1]) if seen is None else shrunk(seen.to(rows), side)
        weights = weights[:1] if bool((weights == weights[0]).all()) else weights
        self.weights = _places_last(weights)
        self.rows = _normalised(self.values, self.weights)

    def warped(self, pose):
        """Warp the samples (h * w * c, K), less what is outside of them."""
        indices, weights = _bilinear(sampling_grid(pose.matrix, self.shape[:2], self.aspect)[0])
        device = self.samples.device
        warped = F.embedding_bag(indices.to(device), self.samples, per_sample_weights=weights.to(device), mode="sum")
        return warped.view(len(self.rows[0]), -1)

    def found(self, pose, is_inverted=None):
        """Measure a pose, upright or inverted; None tries both."""
        alike = self._correlations(self.warped(pose))
        signs = (False, True) if is_inverted is None else (is_inverted,)
        nearest = [(-alike if inverted else alike).amax(1) for inverted in signs]
        distances = [(2 - 2 * each).clamp_min(0).sqrt().mean().item() for each in nearest]
        best = min(range(len(signs)), key=distances.__getitem__)
        return Found(distances[best], pose, signs[best])

    def combined(self, pose, is_inverted, count, ridge):
        """Measure a pose by how well the samples most like each row, so many together, explain it: ridge regression."""
        samples = self.warped(pose)
        alike = self._correlations(samples)
        alike, like = (-alike if is_inverted else alike).topk(min(count, alike.shape[1]), 1)
        like, weights = samples.T[like], self.weights[:, None]  # (n, count, p)
        like = weights.sqrt() * _centred(like, weights)
        like = like / like.norm(dim=2, keepdim=True).clamp_min(1e-12)
        gram = like @ like.transpose(1, 2)
        gram.diagonal(dim1=1, dim2=2).add_(ridge)
        explained = (alike * torch.linalg.solve(gram, alike)).sum(1)
        return Found((1 - explained).clamp_min(0).sqrt().mean().item(), pose, is_inverted)

    def _correlations(self, samples):
        """Correlate rows and samples (n, K), over what each row has seen."""
        counts = self.weights.sum(1, keepdim=True)
        sums, squares = self.weights @ samples, self.weights @ samples.square()
        power = torch.maximum(squares - sums.square() / counts, FLAT * squares).clamp_min(1e-12)
        return (self.rows @ samples).div_(power.sqrt())

    def tone(self, found):
        """Match mean and standard deviation of the rows and of the sample that is most like each."""
        warped = self.warped(found.pose)
        alike = self._correlations(warped)
        nearest = warped[:, (-alike if found.is_inverted else alike).argmax(1)].T + self.fill
        weights = self.weights.expand_as(nearest)

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
        pictures = self.rows.mean(0), self.warped(pose).mean(1)
        pictures = [(each - each.mean()).view(self.shape).movedim(2, 0) for each in pictures]
        size = [2 * side for side in self.shape[:2]]
        rows, samples = (torch.fft.rfft2(each, s=size) for each in pictures)
        scores = torch.fft.irfft2(rows * samples.conj(), s=size).sum(0)
        limits = [int(reach * side) for side in self.shape[:2]]
        scores = torch.roll(scores, limits, (0, 1))[: 2 * limits[0] + 1, : 2 * limits[1] + 1]
        half = math.sqrt(math.prod(self.shape[:2])) / 2
        found = []
        for index in (int(scores.argmax()), int(scores.argmin())):
            down, across = divmod(index, scores.shape[1])
            found.append(((across - limits[1]) / half, (down - limits[0]) / half))
        return found


def _places_last(images):
    """Order images (n, c, h, w) as rows (n, h * w * c)."""
    return images.permute(0, 2, 3, 1).flatten(1)


def _bilinear(grid):
    """List the four pixels (h * w, 4) around each point of a sampling grid (h, w, 2), and their weights."""
    size = torch.tensor([grid.shape[1], grid.shape[0]])
    places = ((grid.flatten(0, 1) + 1) * size - 1) / 2
    first = places.floor()
    corners = first[:, None] + CORNERS
    weights = (1 - (places[:, None] - corners).abs()).prod(2)
    is_inside = ((corners >= 0) & (corners < size)).all(2)
    x, y = torch.minimum(corners.clamp_min(0), size - 1).long().unbind(2)
    return y * size[0] + x, weights * is_inside


FLAT = 1e-4  # part of the power of a picture, below which what is left without its mean is rounding
CORNERS = torch.tensor([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])


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


def _centred(rows, weights):
    """Bring rows (..., p) to weighted mean zero."""
    return rows - (weights * rows).sum(-1, keepdim=True) / weights.sum(-1, keepdim=True).clamp_min(1e-12)


def _normalised(rows, weights):
    """Bring rows (n, p) to weighted mean zero and unit norm, and multiply them by their weights."""
    rows = _centred(rows, weights)
    norms = (weights * rows.square()).sum(1, keepdim=True).sqrt().clamp_min(1e-12)
    return weights * rows / norms
