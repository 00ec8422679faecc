"""Learn a surrogate on a batch: a given family, or with "auto" the smallest family that explains the rows."""

import math
from dataclasses import replace

import torch

from ...exceptions import SurrogateFitWarning
from ...surrogates import (
    Affine,
    Blur,
    Composition,
    Convolution,
    Identity,
    Mask,
    MissingPixels,
    Photometric,
    resolve_surrogate,
)
from ...utils import is_vector, warn_user
from .._joint import ANNEALED, CONSTANT
from .._unseen import mean_seen
from ._bench import LARGE, final, on_common_rows, projected
from ._contrast import holds_gain, restore_contrast
from ._evidence import blur_width, lowest_power
from ._retrieval import dead_pixels, retrieve, retrieve_blurred
from ._row_angles import read_angles
from ._starts import learn_from, set_as_found, start_as_found

__all__ = ["learn_surrogate", "select_surrogate"]


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
        poses = start_as_found(bench, surrogate)
        learned = learn_from(bench, surrogate, family, poses, schedule, n_rows)
    else:
        learned = bench.learn(surrogate, family, schedule, n_rows)
    bench.accept(learned)
    if bench.policy.fewest_rounds <= bench.settings.T:
        level = _mean_picture_residual(bench)
        limit = bench.policy.unexplained * level
        _warn_if_unexplained(f"surrogate={family!r}", learned.residual, level, limit, "try surrogate='auto', ")
    if holds_gain(learned.surrogate):
        projected = bench.project(learned.surrogate, learned.family, learned.deviation_sd)
        learned = bench.accept(replace(learned, surrogate=restore_contrast(bench, projected)))
    return learned


def select_surrogate(bench):
    """Choose the family and learn it: identity, structured (affine, gain and bias, mask), or flexible.

    The structured family holds what `retrieve` found, its per-row deviations annealed away; an affine map or a gain
    and a bias that were hardly found must pay. Where that leaves much, every row may keep a deviation of its own, and
    the flexible family adds a convolution block, as between two data sets; not under a linear generator.

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
    level = _mean_picture_residual(bench)
    if not bench.problem.generator.is_linear:
        best = bench.accept(_freed(bench, structured, best, level, final(measured if is_structured else plain)))
    _warn_if_unexplained("surrogate='auto'", best.residual, level, bench.policy.unexplained * level)
    return bench.accept(replace(best, surrogate=restore_contrast(bench, best)))


def _freed(bench, structured, best, level, objective):
    """Let rows differ, or add a convolution block, where what they share leaves much; returns the best then.

    Not for a linear generator: both draw what linear images lack, whatever the corruption. Nor does a block, nor a
    reading of angles, where samples are washed out: it would make up for the generator.
    """
    posed = _with_affine(bench, structured)
    loose, rows_differ = _loosened(bench, posed)
    if best.residual >= bench.policy.explained * level:
        if best.residual < bench.policy.washed_out_below * level and _is_washed_out(bench, posed):
            return loose if rows_differ else best
        flexible = _flexible(bench, posed, loose, rows_differ)
        if flexible is not None or rows_differ:
            return flexible or loose
    if loose.residual < bench.policy.read_below * posed.residual:
        return _read(bench, posed, objective) or best
    return best


def _is_washed_out(bench, structured):
    """Tell whether samples have less power than the rows at every frequency, as no filter leaves them."""
    return lowest_power(bench.observed, _mimicked(bench, structured)) > bench.policy.washed_out_above


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
    return replace(trial, trace=structured.trace) if final(trial) < bench.policy.paying_below * objective else None


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
    if bench.project(surrogate, family, CONSTANT[0]).residual > bench.policy.promised_below * loose.residual:
        return None  # it would not come down later
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
        if _leaves_less(bench, trial, learned):
            width, found, learned = guess, blurred, bench.accept(trial)
    for rival in found.rivals:
        trial = _learn_structured(bench, _structured_parts(bench, rival, width), rival, width)
        if projected(bench, trial) < projected(bench, learned):
            found, learned = rival, bench.accept(trial)
    for name in _doubtful(found, bench.policy):
        parts = _structured_parts(bench, found, width)
        left = {other: parts[other] for other in learned.family.split("+") if other != name}
        if left or name == "affine":
            trial = _learn_structured(bench, left, found, width) if left else plain
            limit = _paying_below(bench, is_blurred="blur" in parts)
            is_paid = projected(bench, learned) < limit * projected(bench, trial)
            learned = learned if is_paid else bench.accept(trial)
    return learned


def _leaves_less(bench, trial, learned):
    """Tell whether a trial leaves clearly less of the same rows; what learning left depends on how far it went."""
    left, limit = (on_common_rows(bench, one).residual for one in (trial, learned))
    return left < bench.policy.structured_below * limit


def _paying_below(bench, is_blurred):
    """Tell how clearly a part that was hardly seen must lower the objective."""
    if is_blurred or len(bench.observed) < bench.policy.few_rows:
        return bench.policy.weak_pay_below
    return bench.policy.linear_pay_below if bench.problem.generator.is_linear else bench.policy.paying_below


def _left_blur(bench, learned):
    """Estimate the blur of the rows; None where the learned pose explains it: zooming in blurs, too.

    Zooming out sharpens, so that rows which were zoomed out and blurred look blurred under their pose alone.
    """
    left = blur_width(bench.observed, _mimicked(bench, learned), bench.policy.left_blur, least_fit=0.0)
    if left is None:
        return None
    guess = blur_width(bench.observed, bench.candidates.images)
    return left if guess is None else guess


def _mimicked(bench, learned):
    """Send samples through a surrogate, but lose no pixels of each row."""
    parts = [part for part in learned.surrogate.parts if not isinstance(part, MissingPixels)]
    return bench.candidates.first(bench.policy.n_coarse_samples).through(Composition(parts)).images


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


def _learn_structured(bench, parts, found, width=None):
    """Learn parts that start where retrieval says; pixels that the learned pose leaves empty are no mask."""
    surrogate = Composition(list(parts.values()))
    set_as_found(surrogate, found, width)
    surrogate = surrogate.to(found.dead.device)
    learned = learn_from(bench, surrogate, "+".join(parts), found.poses, ANNEALED, bench.n_structured)
    return _masked_anew(bench, learned, found) if "mask" in parts and len(parts) > 1 else learned


@torch.no_grad()
def _masked_anew(bench, learned, found):
    """Mask the pixels that are dead under what was learned; a pose that was only searched is off by a pixel."""
    parts = dict(zip(learned.family.split("+"), learned.surrogate.parts, strict=True))
    mask = parts.pop("mask")
    others = Composition([part for name, part in parts.items() if name != "missing"])
    rows = bench.observed[: bench.policy.n_rows]
    dead = dead_pixels(bench.candidates.through(others).images, rows, found.missing) & found.dead
    if dead.float().mean() < bench.policy.least_masked:
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
    """Measure how badly one constant picture, the mean of the other rows, explains each row; infinite for one row.

    Exact for distances that grow with the difference, an estimate for others.
    """
    rows = bench.observed[: bench.policy.n_measured]
    mean = mean_seen(rows).expand_as(rows)
    to_mean_of_all = bench.problem.with_(surrogate=Identity()).fidelity(rows, mean).mean().item()
    return to_mean_of_all * len(rows) / (len(rows) - 1) if len(rows) > 1 else math.inf


def _warn_if_unexplained(subject, residual, level, limit, cure=""):
    """Say that no family fits, or that the user's does not."""
    if residual > limit:
        warn_user(
            f"{subject}: the corruption that was learned leaves a residual of {residual:.3g} a row, the mean picture "
            f"alone {level:.3g}. The rows do not look like corrupted images of this generator: {cure}check image_shape "
            "and data_range, or pass a surrogate of your own.",
            SurrogateFitWarning,
        )
