"""From where a surrogate is learned: what retrieval found, and maps near the likeliest pose."""

import copy
import math
from dataclasses import replace
from itertools import compress

import torch

from ...surrogates import Affine, Blur, Mask, Photometric
from ..solvers import has_units
from ._bench import is_learned, projected
from ._evidence import blur_width
from ._linear_tone import fit_tone, has_linear_tone
from ._poses import Pose
from ._retrieval import retrieve, retrieve_blurred

__all__ = ["learn_from", "set_as_found", "set_tone", "start_as_found"]


def start_as_found(bench, surrogate):
    """Let the parts of a composition start where retrieval says; returns the poses to start from."""
    width = None
    if surrogate.part(Blur) is not None:
        width = blur_width(bench.observed, bench.candidates.images)
    if width is None:
        with_mask = surrogate.part(Mask) is not None
        found = retrieve(bench.candidates, bench.observed, bench.policy, with_mask)
    else:
        width, found = retrieve_blurred(bench.candidates, bench.observed, width, bench.policy)
    set_as_found(surrogate, found, width)
    if (mask := surrogate.part(Mask)) is not None and is_learned(mask) and found.has_mask:
        mask.set_dead(found.dead.cpu(), found.values.cpu())
        mask.requires_grad_(False)
    if surrogate.missing is not None and found.missing is not None:
        surrogate.missing.value, surrogate.missing.fraction = found.missing.value, found.missing.fraction
    return found.poses


def learn_from(bench, surrogate, family, poses, schedule, n_rows):
    """Learn a surrogate from where its map may be; of a linear generator, gain and bias before and after the rest."""
    if not has_linear_tone(bench, surrogate):
        return _learn_from(bench, surrogate, family, poses, schedule, n_rows)
    affine = surrogate.part(Affine)
    if affine is not None and is_learned(affine):
        surrogate = _at(surrogate, poses[0])
    fit_tone(bench, surrogate)
    surrogate.part(Photometric).requires_grad_(False)
    learned = _learn_from(bench, surrogate, family, poses, schedule, n_rows)
    learned.surrogate.part(Photometric).requires_grad_(True)
    fit_tone(bench, learned.surrogate)
    return replace(learned, latents=None, rivals=())  # those have no gain among their numbers


def _learn_from(bench, surrogate, family, poses, schedule, n_rows):
    """Learn a surrogate; the four numbers of a similarity first where no shear was found."""
    if (affine := surrogate.part(Affine)) is None or not is_learned(affine):
        return bench.learn(surrogate, family, schedule, n_rows)
    policy, (first, *others) = bench.policy, [_at(surrogate, pose) for pose in poses]
    if poses[0] == Pose() or not has_units(surrogate):
        return bench.learn(first, family, schedule, n_rows, rivals=others)
    if not poses[0].is_similarity:
        return bench.learn(first, family, schedule, n_rows, rivals=[*others, *_slants(first, policy)])
    is_similar = [pose.is_similarity for pose in poses[1:]]
    rivals = [_held(start, True) for start in compress(others, is_similar)]
    similar = bench.learn(_held(first, True), family, schedule, n_rows, rivals=rivals)
    similar = bench.keep(replace(similar, surrogate=_held(similar.surrogate, False)))
    rivals = [start for start, is_held in zip(others, is_similar, strict=True) if not is_held]
    start = copy.deepcopy(similar.surrogate)
    free = bench.learn(start, family, schedule, n_rows, rivals=[*rivals, *_slants(start, policy)])
    limit = 1.0 if surrogate.part(Blur) is None else policy.blurred_freed_below
    limit = policy.weakly_freed_below if len(bench.observed) < policy.few_rows else limit
    return free if projected(bench, free) < limit * projected(bench, similar) else similar


def _held(surrogate, is_similarity):
    """Copy a surrogate and hold its affine map to a similarity, or free it."""
    copied = copy.deepcopy(surrogate)
    copied.part(Affine).hold(is_similarity)
    return copied


def _slants(surrogate, policy):
    return [_aslant(surrogate, slant) for slant in policy.slants]


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
def set_as_found(surrogate, found, width):
    """Put blur, gain and bias that retrieval found into the parts of a composition that are to learn them."""
    blur, tone = (surrogate.part(kind) for kind in (Blur, Photometric))
    if blur is not None and is_learned(blur) and width is not None:
        blur.log_sigma.fill_(math.log(width))
    if tone is not None and found.has_photometric:
        set_tone(tone, found.tone.gain, found.tone.bias)


@torch.no_grad()
def set_tone(tone, gain, bias):
    """Let the gain and the bias of a photometric part start at these values, where they are to be learned."""
    for value, start in ((tone.gain, gain), (tone.bias, bias)):
        if value.requires_grad:
            value.fill_(start)
