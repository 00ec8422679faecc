"""The pose that few rows share: they are projected under many poses, the lowest objective wins."""

import math
from dataclasses import dataclass
from functools import partial

import torch

from ..surrogates import Affine
from ..utils import RowRunner
from ._problem import Problem
from ._quasi_newton import row_walk
from ._retrieval import PARSIMONY, Pose

__all__ = ["FEWEST_STEPS", "FEW_ROWS", "search_pose"]

FEW_ROWS = 32  # from here on retrieval comes near enough for gradients to do the rest
FEWEST_STEPS = 50  # of phase B; with less effort projections do not tell poses apart
TURN, ZOOM = 3.0, 1.04  # degrees and factor between neighbours; the valley is hardly wider
N_ZOOMS = 5
N_FIRST, FIRST_ROWS, FEWEST_TURNS, MOST_TURNS = 400, 4, 15, 31  # rows times poses of the first look, and its limits
N_SECOND, FEWEST_SECOND = 200, 12  # the same of the second, by all rows
N_MOVES, MOVE_ROWS = 4, 16
GLANCE, LOOK = 0.3, 0.5  # of the steps of phase B: to rule poses out, to tell neighbours apart
N_STARTS, N_CANDIDATES = 2, 1000
CHUNK = 120  # rows under a pose at a time, fewer where memory lacks


@dataclass(frozen=True)
class _Posed(Problem):
    """The objective with a pose for every row that does not move.

    Parameters
    ----------
    offsets : tensor (n, 6)
        Additions to the shared affine parameters.
    """

    offsets: torch.Tensor | None = None

    def fidelity(self, observed, images, deviations=None):
        """Compute the fidelity of each row under its pose."""
        return super().fidelity(observed, images, self.offsets)


def search_pose(problem, observed, candidates, settings, pose):
    """Improve a pose that retrieval found on few rows.

    Distances to prior samples are too coarse to tell the pose from few rows: two digits turned by 35 degrees are
    nearest to samples turned by anything from 20 to 50. The objective after projection has a narrow, deep valley there.

    Parameters
    ----------
    problem : Problem
        Its surrogate has an affine part, which is moved for a time and then as it was.
    observed : tensor (n, c, h, w)
    candidates : Candidates
    settings : Settings
    pose : Pose

    Returns
    -------
    Pose
        The identity is given up only for a pose that brings the objective below 0.94 of what it was.
    """
    few = candidates.first(N_CANDIDATES)
    some, more, every = (
        _Search(problem, observed[:n_rows], few, settings) for n_rows in (FIRST_ROWS, MOVE_ROWS, len(observed))
    )
    promising = some.ranked(_grid(pose, len(some.observed)), GLANCE)
    found = every.ranked(promising[: max(N_SECOND // len(observed), FEWEST_SECOND)], GLANCE)[0]
    for _ in range(N_MOVES):
        before, found = found, more.ranked(_neighbours(found), LOOK)[0]
        if found == before:
            break
    found = more.ranked(_neighbours(found, 0.5), LOOK)[0]
    if pose == Pose() and found != pose:
        kept, changed = every.objectives([pose, found], LOOK)
        return found if changed < PARSIMONY * kept else pose
    return found


def _grid(pose, n_rows):
    """List the poses of the first look; no zoom at all is always among them, each turn has its mirror image."""
    zooms = dict.fromkeys([1.0, *(pose.zoom * ZOOM**step for step in _around(N_ZOOMS))])
    n_turns = min(max(N_FIRST // (n_rows * len(zooms)), FEWEST_TURNS), MOST_TURNS) | 1
    return [Pose(pose.rotation_deg + TURN * turn, zoom) for turn in _around(n_turns) for zoom in zooms]


def _neighbours(pose, part=1.0):
    """List the eight poses around one, and itself first."""
    steps = [(0, 0), *((turn, zoom) for turn in _around(3) for zoom in _around(3) if (turn, zoom) != (0, 0))]
    return [Pose(pose.rotation_deg + part * TURN * turn, pose.zoom * ZOOM ** (part * zoom)) for turn, zoom in steps]


def _around(count):
    """List an odd number of whole numbers around zero."""
    return range(-(count // 2), count - count // 2)


class _Search:
    """Project all rows under several poses at once."""

    def __init__(self, problem, observed, candidates, settings):
        self.problem, self.observed, self.candidates, self.settings = problem, observed, candidates, settings
        self.theta = problem.surrogate.part(Affine).theta

    def ranked(self, poses, share):
        """Sort poses by their objectives."""
        return [poses[index] for index in self.objectives(poses, share).argsort(stable=True).tolist()]

    def objectives(self, poses, share):
        """Sum the rows' objectives under each pose after a share of the steps of phase B."""
        n_rows, n_poses = len(self.observed), len(poses)
        starts = zip(*(self._starts(pose) for pose in poses), strict=True)
        matrices = torch.stack([pose.matrix for pose in poses]).flatten(1).to(self.theta)
        offsets = (matrices - self.theta.detach().flatten()).repeat_interleave(n_rows, 0)
        n_steps = max(round(share * self.settings.n_latent_steps), 1)
        rows = self.observed.repeat(n_poses, 1, 1, 1)
        n_chunks = math.ceil(len(rows) / CHUNK)
        runner = RowRunner(math.ceil(len(rows) / n_chunks))
        objectives = runner(partial(self._projected, n_steps), rows, offsets, *map(torch.cat, starts))
        return objectives.view(n_poses, n_rows).sum(1)

    def _projected(self, n_steps, rows, offsets, *starts):
        """Project rows under poses that do not move; returns the objectives (n,)."""
        fields = {name: getattr(self.problem, name) for name in self.problem.__dataclass_fields__}
        problem = _Posed(**fields, offsets=offsets)
        walk = row_walk(problem, rows, [problem.latents(z) for z in starts], self.settings)
        walk.project_rows(n_steps)
        return walk.objective()

    @torch.no_grad()
    def _starts(self, pose):
        surrogate, kept = self.problem.surrogate, self.theta.clone()
        try:
            self.theta.copy_(pose.matrix)
            mimicked = self.candidates.mimicked(surrogate)
        finally:
            self.theta.copy_(kept)
        return self.candidates.nearest_of_parts(self.observed, mimicked, surrogate.missing, N_STARTS)
