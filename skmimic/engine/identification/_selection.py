"""Learn a surrogate on a batch: a given family, or with "auto" the smallest family that explains the rows."""

import copy
import math
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress

import torch

from ...exceptions import SurrogateFitWarning
from ...surrogates import (
    Affine,
    Blur,
    Composition,
    Convolution,
    FittedSurrogate,
    Identity,
    Mask,
    MissingPixels,
    Photometric,
    Surrogate,
    resolve_surrogate,
)
from ...utils import is_vector, warn_user
from .._descent import Descent
from .._initialisation import start_latents
from .._joint import ANNEALED, CONSTANT, residual, solve_jointly
from .._problem import Latents
from .._quasi_newton import row_walk
from .._results import OptimizationTrace
from .._unseen import mean_seen
from ..solvers import PLAN, has_units, solve_in_rounds
from ._contrast import holds_gain, restore_contrast
from ._evidence import blur_width
from ._policy import Policy
from ._poses import Pose
from ._retrieval import dead_pixels, retrieve, retrieve_blurred
from ._row_angles import read_angles
from ._standard_errors import learned_numbers, standard_errors

__all__ = ["LARGE", "Bench", "Learned", "learn_surrogate", "select_surrogate"]

LARGE = 32 * 32  # pixels above which an image counts as large


@dataclass(frozen=True)
class Learned:
    """A surrogate learned on the batch.

    Attributes
    ----------
    surrogate : Surrogate
    family : str
    deviation_sd : float or None
        Standard deviation of the per-row deviations in phase B.
    residual : float
        Mean fidelity of the rows.
    trace : OptimizationTrace
    latents : Latents or None
        Of the rows that were projected to measure it.
    last : Latents or None
        Of the rows that it was learned on, as learning left them.
    rivals : tuple of (float, tensor)
        What was learned from other starts, as `standard_errors` takes it.
    """

    surrogate: Surrogate
    family: str
    deviation_sd: float | None
    residual: float
    trace: OptimizationTrace
    latents: Latents | None = None
    last: Latents | None = None
    rivals: tuple = ()


class Bench:
    """The parts that every trial on one batch shares.

    Parameters
    ----------
    problem : Problem
        Its surrogate is replaced in each trial.
    observed : tensor (n, c, h, w)
    settings : Settings
    candidates : Candidates
    random : torch.Generator
    report : callable
        Called with a sentence as the work goes on.
    policy : Policy or None, default=None
    """

    def __init__(self, problem, observed, settings, candidates, random, report, policy=None):
        self.problem, self.observed, self.settings = problem, observed, settings
        self.policy = policy = policy or Policy()
        is_thrifty = math.prod(observed.shape[-2:]) > LARGE and len(observed) >= policy.few_rows
        self.n_structured = policy.n_large if is_thrifty else policy.n_structured
        self.candidates = candidates.first(policy.n_candidates_large) if is_thrifty else candidates
        self.random, self.report = random, report
        self.best, self._is_accepted = None, False  # what an interruption keeps, and whether trials have to beat it

    def accept(self, learned):
        """Take what was learned for the best so far; returns it."""
        self.best, self._is_accepted = learned, True
        return learned

    def learn(self, surrogate, family, schedule, n_rows, tether=None, rivals=()):
        """Learn a surrogate: in rounds where its numbers have units, else by small steps, as the schedule says."""
        if not any(value.requires_grad for value in surrogate.parameters()):
            return self.project(surrogate, family)
        in_rounds = has_units(surrogate)
        sd = PLAN[-1].deviation_sd if in_rounds else schedule[-1]
        sd = sd if surrogate.takes_deviations else None

        def keep(trace, at=surrogate):
            if not self._is_accepted:
                copied = FittedSurrogate(at, family).to_torch()
                self.best = Learned(copied, family, sd, math.nan, trace)

        rows = self.observed[:n_rows]
        problem = self.problem.with_(surrogate=surrogate, tether=tether).for_rows(rows)
        if in_rounds or schedule == ANNEALED:
            problem = problem.with_(latent_weight=self.policy.structured_prior * problem.latent_weight)
        solve = partial(solve_in_rounds, rivals=rivals) if in_rounds else partial(solve_jointly, schedule=schedule)
        solved = solve(problem, rows, self.settings, self.candidates, self.random, keep=keep)
        self.report(f"learned the family {family!r}")
        return self._learned(solved, rows, family, sd, in_rounds)

    def _learned(self, solved, rows, family, deviation_sd, in_rounds):
        surrogate, left = solved.problem.surrogate, residual(solved.problem, rows, solved.latents).mean().item()
        learned = Learned(surrogate, family, deviation_sd, left, solved.trace)
        if not in_rounds:
            return learned
        at = learned_numbers(surrogate)
        rivals = tuple((gap, learned_numbers(rival) - at) for gap, rival in solved.rivals)
        return replace(learned, last=solved.latents, rivals=rivals)

    def standard_errors(self, learned):
        """Estimate the standard errors of what was learned; empty where it was not learned in all the rounds."""
        if learned.last is None or len(PLAN) > self.settings.T:
            return {}
        weight = self.policy.structured_prior * self.problem.latent_weight
        problem = self.problem.with_(
            surrogate=learned.surrogate, deviation_sd=learned.deviation_sd, latent_weight=weight
        )
        rows, latents = self.observed[: len(learned.last.z)], learned.last
        if problem.has_deviations != (latents.deviations is not None):
            latents = problem.latents(latents.z)
        return standard_errors(problem, rows, latents, self.settings, learned.rivals)

    def project(self, surrogate, family, deviation_sd=None, n_rows=None):
        """Measure a surrogate as it is: the residual of some rows, `Policy.n_measured` of them, projected with it."""
        problem = self.problem.with_(surrogate=surrogate, deviation_sd=deviation_sd)
        rows = self.observed[: n_rows or self.policy.n_measured]
        start = start_latents("nearest", problem, rows, self.random, self.candidates)
        problem = problem.for_rows(rows)
        walk = row_walk(problem, rows, start, self.settings)
        walk.project_rows(self.settings.n_row_steps(self.settings.T * self.settings.T1 // 3))
        value = residual(problem, rows, walk.latents.detached()).mean().item()
        trace = OptimizationTrace((walk.objective().mean().item(),))
        return Learned(surrogate, family, deviation_sd, value, trace, walk.latents.detached())

    def fit_to_projections(self, surrogate, projected):
        """Fit a surrogate to rows as they were projected last, the images held, and return the mean residual.

        No generator is asked, so this costs little: whether a surrogate promises more than the present one.
        """
        problem = self.problem.with_(surrogate=surrogate, deviation_sd=projected.deviation_sd)
        descent = Descent(problem, self.observed[: self.policy.n_measured], projected.latents, self.settings)
        with torch.no_grad():
            images = problem.generator.decode(projected.latents.z)
        for _ in range(self.settings.T1):
            descent.surrogate_step(images)
        return residual(problem, descent.observed, projected.latents).mean().item()


def learn_surrogate(bench, surrogate, family):
    """Learn a surrogate of the user's choice; its parts start where retrieval says.

    Parameters
    ----------
    bench : Bench
    surrogate : Surrogate
    family : str

    Returns
    -------
    Learned
    """
    is_flexible = isinstance(surrogate, Composition) and surrogate.part(Convolution) is not None
    schedule, n_rows = (CONSTANT, bench.policy.n_flexible) if is_flexible else (ANNEALED, bench.n_structured)
    if isinstance(surrogate, Composition) and not is_vector(bench.observed.shape[1:]):
        poses = _start_as_found(bench, surrogate)
        learned = _learn_from(bench, surrogate, family, poses, schedule, n_rows)
    else:
        learned = bench.learn(surrogate, family, schedule, n_rows)
    bench.accept(learned)
    if holds_gain(learned.surrogate):
        projected = bench.project(learned.surrogate, learned.family, learned.deviation_sd)
        learned = bench.accept(replace(learned, surrogate=restore_contrast(bench, projected)))
    return learned


def _start_as_found(bench, surrogate):
    """Let the parts of a composition start where retrieval says; returns the poses to start from."""
    width = None
    if surrogate.part(Blur) is not None:
        width = blur_width(bench.observed, bench.candidates.images)
    if width is None:
        with_mask = surrogate.part(Mask) is not None
        found = retrieve(bench.candidates, bench.observed, bench.policy, with_mask)
    else:
        width, found = retrieve_blurred(bench.candidates, bench.observed, width, bench.policy)
    _set_as_found(surrogate, found, width)
    if (mask := surrogate.part(Mask)) is not None and found.has_mask:
        mask.set_dead(found.dead.cpu(), found.values.cpu())
        mask.requires_grad_(False)
    if surrogate.missing is not None and found.missing is not None:
        surrogate.missing.value, surrogate.missing.fraction = found.missing.value, found.missing.fraction
    return found.poses


def _learn_from(bench, surrogate, family, poses, schedule, n_rows):
    """Learn a surrogate from where its map may be; the four numbers of a similarity first where no shear was found."""
    if surrogate.part(Affine) is None:
        return bench.learn(surrogate, family, schedule, n_rows)
    policy, (first, *others) = bench.policy, [_at(surrogate, pose) for pose in poses]
    if poses[0] == Pose() or not has_units(surrogate):
        return bench.learn(first, family, schedule, n_rows, rivals=others)
    if not poses[0].is_similarity:
        aslant = [_aslant(first, slant) for slant in policy.slants]
        return bench.learn(first, family, schedule, n_rows, rivals=[*others, *aslant])
    is_similar = [pose.is_similarity for pose in poses[1:]]
    rivals = [_held(start, True) for start in compress(others, is_similar)]
    similar = bench.learn(_held(first, True), family, schedule, n_rows, rivals=rivals)
    similar = replace(similar, surrogate=_held(similar.surrogate, False))
    rivals = [start for start, is_held in zip(others, is_similar, strict=True) if not is_held]
    free = bench.learn(copy.deepcopy(similar.surrogate), family, schedule, n_rows, rivals=rivals)
    limit = 1.0 if surrogate.part(Blur) is None else policy.blurred_freed_below
    limit = policy.weakly_freed_below if len(bench.observed) < policy.few_rows else limit
    return free if _projected(bench, free) < limit * _projected(bench, similar) else similar


def _held(surrogate, is_similarity):
    """Copy a surrogate and hold its affine map to a similarity, or free it."""
    copied = copy.deepcopy(surrogate)
    copied.part(Affine).is_similarity = is_similarity
    return copied


@torch.no_grad()
def _aslant(surrogate, slant):
    """Copy a surrogate and let its affine map undo a slant of the clean images."""
    copied = copy.deepcopy(surrogate)
    theta = copied.part(Affine).theta
    theta[0] += slant * theta[1]
    return copied


@torch.no_grad()
def _at(surrogate, pose):
    """Copy a surrogate and put its affine map to a pose."""
    copied = copy.deepcopy(surrogate)
    copied.part(Affine).theta.copy_(pose.matrix)
    return copied


@torch.no_grad()
def _set_as_found(surrogate, found, width):
    """Put blur, gain and bias that retrieval found into the parts of a composition that hold them."""
    blur, tone = (surrogate.part(kind) for kind in (Blur, Photometric))
    if blur is not None and width is not None:
        blur.log_sigma.fill_(math.log(width))
    if tone is not None and found.has_photometric:
        tone.gain.fill_(found.tone.gain)
        tone.bias.fill_(found.tone.bias)


def select_surrogate(bench):
    """Choose the family and learn it: identity, structured (affine, gain and bias, mask), or flexible.

    The structured family holds what `retrieve` found, its per-row deviations annealed away; an affine map or a gain
    and a bias that were hardly found must pay. Where that leaves much, every row may keep a deviation of its own, and
    the flexible family adds a convolution block, as between two data sets.

    Parameters
    ----------
    bench : Bench

    Returns
    -------
    Learned
    """
    plain = bench.project(Identity(), "identity")
    structured = _structured(bench, replace(plain, surrogate=Composition([])))
    is_plain = structured.family == plain.family
    measured = plain if is_plain else bench.project(structured.surrogate, structured.family)
    structured = replace(structured, residual=measured.residual, latents=measured.latents)
    is_structured = measured.residual < bench.policy.structured_below * plain.residual
    best = bench.accept(structured if is_structured else plain)
    level, posed = _mean_picture_residual(bench), _with_affine(bench, structured)
    (loose, rows_differ), flexible = _loosened(bench, posed), None
    is_explained = best.residual < bench.policy.explained * level
    if not is_explained:
        flexible = _flexible(bench, posed, loose, rows_differ)
    if flexible is not None:
        best = flexible
    elif not is_explained and rows_differ:
        best = loose
    elif loose.residual < bench.policy.read_below * posed.residual:
        best = _read(bench, posed, _final(measured if is_structured else plain)) or best
    bench.accept(best)
    _warn_if_unexplained(best.residual, level, bench.policy.unexplained)
    return bench.accept(replace(best, surrogate=restore_contrast(bench, best)))


def _with_affine(bench, structured):
    """Put an affine map at the identity first where there is none, for the rows to deviate from."""
    if structured.surrogate.part(Affine) is not None:
        return structured
    affine = Affine(tuple(bench.observed.shape[1:]), bench.problem.generator.background).to(bench.observed.device)
    names = ["affine"] if structured.family == "identity" else ["affine", structured.family]
    return replace(structured, surrogate=Composition([affine, *structured.surrogate.parts]), family="+".join(names))


def _loosened(bench, structured):
    """Let every row deviate from the shared map, as much as suits the rows best; also tell whether they differ."""
    policy = bench.policy
    best = bench.project(structured.surrogate, structured.family, policy.loose_sd)
    looks_loose = _is_loose(best, structured, policy, policy.loose_below)
    if best.residual < policy.loose_below * structured.residual:
        trials = [bench.project(structured.surrogate, structured.family, f * policy.loose_sd) for f in (0.5, 2.0)]
        best = min(best, *trials, key=lambda trial: trial.residual)
    rows_differ = looks_loose and len(bench.observed) >= policy.few_rows and _stays_loose(bench, structured)
    return replace(best, trace=structured.trace), rows_differ


def _is_loose(loose, shared, policy, below):
    """Tell whether deviations gain much, and go far.

    They lower the residual of rows that share a map, too, but there stay well inside their prior, or gain little.
    """
    deviating = loose.latents.deviations.square().mean().sqrt().item() / policy.loose_sd
    return loose.residual < below * shared.residual and deviating > policy.deviating_above


def _stays_loose(bench, structured):
    """Ask more rows whether deviations pay: by the first few alone it is a matter of luck."""
    shared, loose = (
        bench.project(structured.surrogate, structured.family, sd, bench.policy.n_rows)
        for sd in (None, bench.policy.loose_sd)
    )
    return _is_loose(loose, shared, bench.policy, bench.policy.surely_loose_below)


def _read(bench, structured, objective):
    """Read the rows' own angles from them; None where they share theirs or reading does not pay."""
    height, width = bench.observed.shape[-2:]
    is_of_size = min(height, width) >= bench.policy.fewest_read and height * width <= LARGE
    has_enough = (
        len(bench.observed) >= bench.policy.few_rows and bench.settings.n_latent_steps >= bench.policy.fewest_steps
    )
    hides_angles = structured.surrogate.missing is not None or structured.surrogate.part(Blur) is not None
    if not is_of_size or not has_enough or hides_angles:
        return None
    surrogate = read_angles(bench, structured.surrogate)
    if surrogate is None:
        return None
    trial = bench.project(surrogate, f"row_{structured.family}", bench.policy.left_sd)
    return replace(trial, trace=structured.trace) if _final(trial) < bench.policy.paying_below * objective else None


def _flexible(bench, structured, loose, rows_differ):
    """Learn the structured family with a convolution block and deviations; None where the block explains nothing."""
    if len(bench.observed) < bench.policy.fewest_flexible:
        return None
    parts = _flexible_parts(structured, tuple(bench.observed.shape[1:]))
    surrogate, family = Composition(list(parts.values())), "+".join(parts)
    if not rows_differ and bench.fit_to_projections(surrogate, loose) > bench.policy.promising_below * loose.residual:
        return None
    limit = bench.policy.flexible_below * loose.residual
    tether = parts["affine"].theta.detach().clone() if len(bench.observed) < bench.policy.few_rows else None
    bench.learn(surrogate, family, CONSTANT[:1], bench.policy.n_promise, tether)
    if bench.project(surrogate, family, CONSTANT[0]).residual > limit:  # it would not come down later
        return None
    learned = bench.learn(surrogate, family, CONSTANT[1:], bench.policy.n_flexible, tether)
    measured = bench.project(surrogate, family, CONSTANT[-1]).residual
    return replace(learned, residual=measured) if measured < limit else None


def _structured(bench, plain):
    """Learn what retrieval found, with a blur if that explains clearly more, and without the parts that do not pay."""
    width, found = None, retrieve(bench.candidates, bench.observed, bench.policy)
    learned = bench.accept(_learn_structured(bench, _structured_parts(bench, found), found))
    guess = _left_blur(bench, learned)
    if guess is not None:
        guess, blurred = retrieve_blurred(bench.candidates, bench.observed, guess, bench.policy)
        trial = _learn_structured(bench, _structured_parts(bench, blurred, guess), blurred, guess)
        if trial.residual < bench.policy.structured_below * learned.residual:
            width, found, learned = guess, blurred, bench.accept(trial)
    for rival in found.rivals:
        trial = _learn_structured(bench, _structured_parts(bench, rival, width), rival, width)
        if _projected(bench, trial) < _projected(bench, learned):
            found, learned = rival, bench.accept(trial)
    for name in _doubtful(found, bench.policy):
        parts = _structured_parts(bench, found, width)
        left = {other: parts[other] for other in learned.family.split("+") if other != name}
        if left or name == "affine":
            trial = _learn_structured(bench, left, found, width) if left else plain
            is_weak = len(bench.observed) < bench.policy.few_rows or "blur" in parts
            limit = bench.policy.weak_pay_below if is_weak else bench.policy.paying_below
            is_paid = _projected(bench, learned) < limit * _projected(bench, trial)
            learned = learned if is_paid else bench.accept(trial)
    return learned


def _left_blur(bench, learned):
    """Estimate the blur of the rows; None where the learned pose explains it: zooming in blurs, too."""
    guess = blur_width(bench.observed, bench.candidates.images)
    if guess is None:
        return None
    parts = [part for part in learned.surrogate.parts if not isinstance(part, MissingPixels)]
    posed = bench.candidates.first(bench.policy.n_coarse_samples).through(Composition(parts)).images
    left = blur_width(bench.observed, posed, bench.policy.left_blur, least_fit=0.0)
    return guess if left is not None else None


def _doubtful(found, policy):
    """Name the parts that retrieval did not see or hardly saw; free, they fit what the batch happens to show."""
    pose = found.pose
    zooms = [abs(math.log(zoom)) for zoom in (pose.zoom_x, pose.zoom_y)]
    others = [abs(pose.shear), abs(pose.shift_x), abs(pose.shift_y)]
    is_near = (
        abs(pose.rotation_deg) <= policy.slight_turn_deg
        and max(zooms) < policy.slight_zoom
        and max(others) < policy.slight_shift
    )
    doubts = {"photometric": found.has_photometric and found.tone.is_within(policy.slight_tone), "affine": is_near}
    return [name for name, is_doubtful in doubts.items() if is_doubtful]


def _projected(bench, learned):
    """Measure the objective on rows that are the same for all, however many each was learned on.

    What comes with latents has been projected on them already.
    """
    return _final(bench.project(learned.surrogate, learned.family) if learned.latents is None else learned)


def _final(learned):
    return learned.trace.objectives[-1]


def _learn_structured(bench, parts, found, width=None):
    """Learn parts that start where retrieval says; pixels that the learned pose leaves empty are no mask."""
    surrogate = Composition(list(parts.values()))
    _set_as_found(surrogate, found, width)
    surrogate = surrogate.to(found.dead.device)
    learned = _learn_from(bench, surrogate, "+".join(parts), found.poses, ANNEALED, bench.n_structured)
    return _masked_anew(bench, learned, found) if "mask" in parts and len(parts) > 1 else learned


@torch.no_grad()
def _masked_anew(bench, learned, found):
    """Mask the pixels that are dead under what was learned; a pose that was only searched is off by a pixel."""
    parts = dict(zip(learned.family.split("+"), learned.surrogate.parts, strict=True))
    mask = parts.pop("mask")
    others = Composition([part for name, part in parts.items() if name != "missing"])
    rows = bench.observed[: bench.policy.n_rows]
    dead = dead_pixels(bench.candidates.through(others).images, rows, found.missing) & found.dead
    if not bool(dead.any()):
        return replace(learned, surrogate=Composition(list(parts.values())), family="+".join(parts), latents=None)
    mask.weight.fill_(1.0)
    mask.set_dead(dead, found.values)
    return replace(learned, latents=None)


def _structured_parts(bench, found, width=None):
    """Make a part for everything that was found, and an affine map, which gradients may still move."""
    image_shape = tuple(bench.observed.shape[1:])
    parts = {"affine": Affine(image_shape, bench.problem.generator.background)}
    if width is not None:
        parts["blur"] = Blur(image_shape, width)
    if found.has_photometric:
        parts["photometric"] = Photometric(image_shape)
    if found.has_mask:
        parts["mask"] = Mask(image_shape, learn=False)
        parts["mask"].set_dead(found.dead.cpu(), found.values.cpu())
    if found.missing is not None:
        parts["missing"] = found.missing
    return parts


def _flexible_parts(structured, image_shape):
    """Copy the structured surrogate and put a convolution block before its mask and missing pixels."""
    device = structured.surrogate.part(Affine).theta.device
    copies = [resolve_surrogate(part, image_shape).to(device) for part in structured.surrogate.parts]
    parts = dict(zip(structured.family.split("+"), copies, strict=True))
    last = {name: parts.pop(name) for name in ("mask", "missing") if name in parts}
    return {**parts, "convolution": Convolution(image_shape).to(device), **last}


def _mean_picture_residual(bench):
    """Measure how badly one constant picture, the mean of the rows, explains them."""
    rows = bench.observed[: bench.policy.n_measured]
    mean = mean_seen(rows).expand_as(rows)
    return bench.problem.with_(surrogate=Identity()).fidelity(rows, mean).mean().item()


def _warn_if_unexplained(residual, level, limit):
    """Say that no family fits."""
    if residual > limit * level:
        warn_user(
            f"surrogate='auto': the best family leaves a residual of {residual:.3g} a row, the mean picture alone "
            f"{level:.3g}. The rows do not look like corrupted images of this generator: check image_shape and "
            "data_range, or pass a surrogate of your own.",
            SurrogateFitWarning,
        )
