"""Angles of the rows' own: a network learns to read them, on samples that went through the learned corruption."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ...surrogates import Affine, Composition, RowAffine, angle_reader, resolve_surrogate, turn_offsets
from ...utils import seeded_globally
from .._joint import ANNEALED
from .._unseen import completed, seen_pixels, with_holes

__all__ = ["glance", "read_angles"]

GLANCE_SD, GREATEST_SD = 0.15, 0.3  # radians, of the samples that a glance learns from; the most that is believed
N_HELD, RIDGE = 500, 0.1  # samples on which the glance is tried; weight of its penalty, of the features' mean square
GLANCED = 1.37  # times as wide as from samples of one angle what is read from rows must spread: .92 to 1.30, from 1.45
LOOKED = 1.6  # the same by the network
SD_STEP = 0.005  # to which a spread is rounded
N_LOOK, N_FIRST, N_LAST, BATCH = 400, 800, 2000, 64  # steps to a look, to the first map, to the last; samples of each
USUAL_STEPS, FEWEST = 500, 50  # T * T1 for which these are meant, and the fewest that are taken
N_SHARED = 128  # rows on which the shared map is learned again
RATE = 3e-3


def read_angles(bench, surrogate):
    """Learn to read from the rows by how much each was turned.

    Samples are turned and sent through the surrogate, and a linear regression on what a glance shows tells by how much.
    Are its readings of the rows no more spread than those of samples that share an angle, the rows share theirs.
    Otherwise a network learns to read them, at the spread that was found; on the way the shared map is learned again,
    since rows that differ have distorted it.

    Parameters
    ----------
    bench : Bench
    surrogate : Composition
        With an affine part and no missing pixels.

    Returns
    -------
    Composition or None
        With a `RowAffine` in place of the affine part; None where the rows share their angle.
    """
    ratio, spread = glance(bench, surrogate)
    if not GLANCED < ratio < math.inf:
        return None
    bench.report("looks whether rows are turned by angles of their own")
    training = _Training(bench, surrogate, spread)
    effort = bench.settings.T * bench.settings.T1 / USUAL_STEPS
    training.run(effort * N_LOOK)
    if not training.spread_of(bench.observed) >= LOOKED:  # nor if it is not a number
        return None
    for n_steps in (N_FIRST, N_LAST):
        training.run(effort * n_steps)
        training.take_spread_of(bench.observed)
        training.surrogate = bench.learn(training.fitted(), "row_affine", ANNEALED, N_SHARED).surrogate
    bench.report("learned to read the angle of each row")
    return training.surrogate


@torch.no_grad()
def _turned(surrogate, images, angles, seen, random=None):
    """Turn images by angles (n,), send them through a surrogate, and see of them what rows have seen of theirs."""
    return completed(with_holes(surrogate(images, turn_offsets(surrogate.part(Affine).theta, angles)), seen, random))


@torch.no_grad()
def glance(bench, surrogate):
    """Read the rows' angles by linear regression on what samples show that are turned and sent through a surrogate.

    Parameters
    ----------
    bench : Bench
    surrogate : Composition
        With an affine part and no missing pixels.

    Returns
    -------
    ratio : float
        How many times as wide readings of the rows spread as those of samples that share an angle.
    spread : float
        Standard deviation of the rows' angles, in radians; of use where the ratio is clearly above 1.
    """
    images, random, seen = bench.candidates.images, bench.random, seen_pixels(bench.observed)
    n_held = min(N_HELD, len(images) // 4)  # large images have few candidates
    held, images = images[:n_held], images[n_held:].repeat(2, 1, 1, 1)

    def drawn(count):
        return GLANCE_SD * torch.randn(count, generator=random, dtype=torch.float32).to(images)

    angles = drawn(len(images))
    pairs = zip(images.split(1000), angles.split(1000), strict=True)
    glances = torch.cat([_shown(_turned(surrogate, *pair, seen)) for pair in pairs])
    centre = glances.mean(0)
    glances -= centre
    gram = glances.T @ glances
    gram.diagonal().add_(RIDGE * gram.diagonal().mean().clamp_min(1e-12))
    weights = torch.linalg.solve(gram, glances.T @ angles)

    def read(rows):
        return (_shown(rows) - centre) @ weights

    angles = drawn(len(held))
    slope = (read(_turned(surrogate, held, angles, seen)) * angles).mean() / angles.square().mean()
    alone = read(_turned(surrogate, held, torch.zeros_like(angles), seen)).var()
    rows = read(completed(bench.observed)).var()
    found = float((rows - alone).clamp_min(0).nan_to_num().sqrt() / slope.clamp_min(0.1))
    spread = min(max(round(found / SD_STEP) * SD_STEP, SD_STEP), GREATEST_SD)
    return float((rows / alone).sqrt()), spread


def _shown(images):
    """Describe images (n, c, h, w) by each pixel's value, edges and sharpness: resampling blurs by place and angle."""
    x = images.mean(1, keepdim=True)
    right, down = F.pad(x.diff(dim=3), (0, 1)), F.pad(x.diff(dim=2), (0, 0, 0, 1))
    bend = 4 * x - sum(F.pad(x, [1] * 4).roll(shift, axis)[..., 1:-1, 1:-1] for shift in (-1, 1) for axis in (2, 3))
    between = ((x > -0.95) & (x < 0.95)).to(x)
    return torch.cat([x, right.abs(), down.abs(), bend.abs(), between], 1).flatten(1)


class _Training:
    """A reader in training.

    Parameters
    ----------
    bench : Bench
    surrogate : Composition
        The present one, with an affine part.
    rotation_sd : float
        Radians.
    """

    def __init__(self, bench, surrogate, rotation_sd):
        self.surrogate, self.random, self.images = surrogate, bench.random, bench.candidates.images
        self.shape, self.rotation_sd = tuple(bench.observed.shape[1:]), rotation_sd
        self.seen = seen_pixels(bench.observed)
        with seeded_globally(int(torch.randint(2**31, (), generator=self.random))):
            network = angle_reader(self.shape, norm=nn.BatchNorm2d)
        self.network = network.to(self.images.device)

    def run(self, n_steps):
        """Train on fresh turns of the samples; the rate rises for a tenth of the steps, then falls."""
        n_steps = max(round(n_steps), FEWEST)
        optimiser = torch.optim.AdamW(self.network.parameters(), RATE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=n_steps, pct_start=0.1)
        self.network.train()
        for _ in range(n_steps):
            which = torch.randint(len(self.images), (BATCH,), generator=self.random).to(self.images.device)
            angles = torch.randn(BATCH, generator=self.random, dtype=torch.float32).to(self.images)
            turns = self.rotation_sd * angles
            rows = _turned(self.surrogate, self.images[which], turns, self.seen, self.random)
            loss = (self.network(rows)[:, 0] - angles).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        self.network.eval()

    @torch.no_grad()
    def spread_of(self, rows):
        """Tell how many times as wide the readings of rows (n, c, h, w) spread as those of samples of one angle."""
        images = self.images[:N_HELD]
        alone = self.network(_turned(self.surrogate, images, images.new_zeros(len(images)), self.seen)).std()
        return float(self.network(completed(rows)).std() / alone.clamp_min(1e-6))

    @torch.no_grad()
    def take_spread_of(self, rows):
        """Take the spread of what is read from rows (n, c, h, w) for theirs, in the training that follows, too."""
        factor = self.network(completed(rows)).std().clamp_min(1e-3)
        for parameter in self.network[-1].parameters():
            parameter.div_(factor)
        self.rotation_sd *= float(factor)

    def fitted(self):
        """Return the surrogate with the reader in it, its normalisation folded away."""
        affine = self.surrogate.part(Affine)
        reading = RowAffine(self.shape, self.rotation_sd, fill=affine.fill)
        reading.reader.load_state_dict(_folded(self.network).state_dict())
        with torch.no_grad():
            reading.theta.copy_(affine.theta)
        others = [resolve_surrogate(part, self.shape) for part in self.surrogate.parts if not isinstance(part, Affine)]
        return Composition([reading, *others]).to(self.images.device).eval()


def _folded(network):
    """Put each normalisation into the convolution before it."""
    layers = list(network)
    return nn.Sequential(
        *[
            fuse_conv_bn_eval(layer, after) if isinstance(after, nn.BatchNorm2d) else layer
            for layer, after in zip(layers, [*layers[1:], None], strict=True)
            if not isinstance(layer, nn.BatchNorm2d)
        ]
    )
