"""The pose that few rows share: they are projected under many poses, the lowest objective wins."""

import math
from functools import partial
from operator import itemgetter

import torch

from ..surrogates import Affine
from ..utils import RowRunner
from ._quasi_newton import row_walk
from ._retrieval import PARSIMONY, Pose

__all__ = ["FEWEST_STEPS", "FEW_ROWS", "search_pose"]

FEW_ROWS = 32  # from here on retrieval comes near enough for gradients to do the rest
FEWEST_STEPS = 50  # of phase B; with less effort projections do not tell poses apart
TURN, ZOOM = 3.0, 1.04  # degrees and factor between neighbours; the valley is hardly wider
N_ZOOMS = 5
N_FIRST, FIRST_ROWS, FEWEST_TURNS, MOST_TURNS = 400, 4, 15, 31  # rows times poses of the first look, and its limits
N_SECOND, FEWEST_SECOND = 200, 12  # the same of the second, by all rows
N_FINALISTS, FEWEST_FINALISTS = 40, 4  # the same of those that are projected to the end, in valleys of their own
N_REFINED = 3  # finalists that move on
MOVES, N_MOVES, MOVE_ROWS = (0.5, 0.25, 0.125), 3, 16  # of a turn and a zoom; moves of each size; rows
GLANCE, LOOK = 0.3, 0.25  # of the steps of phase B: to rule poses out; to go on from a neighbour's latents
FINISH = 1.5  # the same, for finalists
N_GLANCE_STARTS, N_GLANCE_CANDIDATES = 2, 1000  # of a row in a glance; candidates to choose them from
N_STARTS = 3  # of a finalist's rows, from all candidates: with fewer a row that ends badly decides between valleys
CHUNK = 120  # rows under a pose at a time, fewer where memory lacks


def search_pose(problem, observed, candidates, settings, pose):
    """Improve a pose that retrieval found on few rows.

    Distances to prior samples are too coarse to tell the pose from few rows: two digits turned by 35 degrees are
    nearest to samples turned by anything from 20 to 50. The objective after projection has a narrow, deep valley there.

    Parameters
    ----------
    problem : Problem
        Its surrogate has an affine part.
    observed : tensor (n, c, h, w)
    candidates : Candidates
    settings : Settings
    pose : Pose

    Returns
    -------
    Pose
        The identity is given up only for a pose that brings the objective below 0.94 of what it was.
    """
    glance = _Search(problem, observed, candidates.first(N_GLANCE_CANDIDATES), settings, N_GLANCE_STARTS)
    search = _Search(problem, observed, candidates, settings, N_STARTS)
    n_all = len(observed)
    n_first, n_moving = min(n_all, FIRST_ROWS), min(n_all, MOVE_ROWS)
    promising = glance.ranked(_grid(pose, n_first), n_first, GLANCE)
    if n_all > n_first:
        promising = glance.ranked(promising[: max(N_SECOND // n_all, FEWEST_SECOND)], n_all, GLANCE)
    finalists = _apart(promising, max(N_FINALISTS // n_moving, FEWEST_FINALISTS))
    best = search.ranked(finalists, n_moving, FINISH)[:N_REFINED]
    found = min((search.refined(each, n_moving) for each in best), key=itemgetter(0))[1]
    if pose == Pose() and found != pose:
        kept, changed = glance.objectives([pose, found], n_all, LOOK)
        return found if changed < PARSIMONY * kept else pose
    return found


def _grid(pose, n_rows):
    """List the poses of the first look; no zoom at all is always among them, each turn has its mirror image."""
    zooms = dict.fromkeys([1.0, *(pose.zoom * ZOOM**step for step in _around(N_ZOOMS))])
    n_turns = min(max(N_FIRST // (n_rows * len(zooms)), FEWEST_TURNS), MOST_TURNS) | 1
    return [Pose(pose.rotation_deg + TURN * turn, zoom) for turn in _around(n_turns) for zoom in zooms]


def _apart(poses, count):
    """Choose the first poses that are no neighbours of one another."""
    chosen = []
    for pose in poses:
        if all(_are_apart(pose, other) for other in chosen):
            chosen.append(pose)
    return chosen[:count]


def _are_apart(pose, other):
    turns, zooms = (pose.rotation_deg - other.rotation_deg) / TURN, math.log(pose.zoom / other.zoom) / math.log(ZOOM)
    return max(abs(turns), abs(zooms)) > 1.5


def _neighbours(pose, part):
    """List the eight poses around one, and itself first."""
    steps = [(0, 0), *((turn, zoom) for turn in _around(3) for zoom in _around(3) if (turn, zoom) != (0, 0))]
    return [Pose(pose.rotation_deg + part * TURN * turn, pose.zoom * ZOOM ** (part * zoom)) for turn, zoom in steps]


def _around(count):
    """List an odd number of whole numbers around zero."""
    return range(-(count // 2), count - count // 2)


class _Search:
    """Project the first rows under several poses at once, each row from several starts."""

    def __init__(self, problem, observed, candidates, settings, n_starts):
        self.problem, self.observed, self.candidates, self.settings = problem, observed, candidates, settings
        self.n_starts = n_starts
        self.theta = problem.surrogate.part(Affine).theta.detach().flatten()
        self.starts = {}  # of all rows, by pose

    def ranked(self, poses, n_rows, share):
        """Sort poses by their objectives."""
        return [poses[index] for index in self.objectives(poses, n_rows, share).argsort(stable=True).tolist()]

    def objectives(self, poses, n_rows, share):
        """Sum the objectives of some rows under each pose after a share of the steps of phase B."""
        starts = zip(*(self._starts(pose) for pose in poses), strict=True)
        starts = [torch.cat([z[:n_rows] for z in nearest]) for nearest in starts]
        return self._projections(poses, n_rows, share, starts)[0]

    def refined(self, pose, n_rows):
        """Move to better neighbours by ever smaller steps; returns (objective, pose).

        Rows go on from where the pose before has brought them, so all neighbours are looked at from the same latents.
        """
        starts = [z[:n_rows] for z in self._starts(pose)]
        value, z = self._projections([pose], n_rows, FINISH, starts)
        for part in MOVES:
            for _ in range(N_MOVES):
                poses = _neighbours(pose, part)
                values, moved = self._projections(poses, n_rows, LOOK, [z.repeat(len(poses), 1)])
                best = int(values.argmin())
                value, z = values[best], moved.view(len(poses), n_rows, -1)[best]
                if best == 0:
                    break
                pose = poses[best]
        return value.item(), pose

    def _projections(self, poses, n_rows, share, starts):
        """Project some rows under each pose: the objectives (n_poses,) and the latents, pose by pose."""
        offsets = torch.stack([self._offset(pose) for pose in poses]).repeat_interleave(n_rows, 0)
        rows = self.observed[:n_rows].repeat(len(poses), 1, 1, 1)
        runner = RowRunner(math.ceil(len(rows) / math.ceil(len(rows) / CHUNK)))
        n_steps = max(round(share * self.settings.n_latent_steps), 1)
        values, z = runner(partial(self._projected, n_steps), rows, offsets, *starts)
        return values.view(len(poses), n_rows).sum(1), z

    def _projected(self, n_steps, rows, offsets, *starts):
        """Project rows under poses; returns the objectives (n,) and the latents."""
        problem = self.problem.with_(offsets=offsets)
        walk = row_walk(problem, rows, [problem.latents(z) for z in starts], self.settings)
        walk.project_rows(n_steps)
        return walk.objective(), walk.latents.z.detach()

    def _offset(self, pose):
        return pose.matrix.flatten().to(self.theta) - self.theta

    def _starts(self, pose):
        """Look up where all rows start under a pose, once."""
        if pose not in self.starts:
            surrogate = self.problem.surrogate
            mimicked = self.candidates.mimicked(partial(surrogate, deviations=self._offset(pose)[None]))
            nearest = self.candidates.nearest_of_parts(self.observed, mimicked, surrogate.missing, self.n_starts)
            self.starts[pose] = nearest
        return self.starts[pose]
