"""Where the latents start."""

import copy
import math
from functools import cached_property

import torch

from ..surrogates import Identity
from ._unseen import completed, distances_to, fill_in, n_together, seen_pixels

__all__ = ["Candidates", "draw_candidates", "encoded", "mimicked_candidates", "n_affordable", "start_latents"]

N_CANDIDATES = 4000
MOST_BYTES = 2**28  # of the images of all candidates: 4,000 up to 3x74x74, 1,365 of 3x128x128, 341 of 3x256x256
MOST_OPERATIONS = 2**40  # to draw them: 8 to 16 seconds of one core; networks above 275 million an image get fewer
FEWEST = 16
N_MEAN = 1000
TRUSTED = 1.5  # times the objective at the nearest sample, up to which an own encoder starts a row; see docs/design.md


def n_affordable(generator, n_wanted=N_CANDIDATES):
    """Tell how many candidates a generator affords in memory and time; the rows have no say in it.

    Parameters
    ----------
    generator : LoadedGenerator
    n_wanted : int, default=4000

    Returns
    -------
    int
    """
    n_bytes = 4 * math.prod(generator.image_shape)
    affordable = min(MOST_BYTES // n_bytes, int(MOST_OPERATIONS / max(generator.n_operations, 1)))
    return min(n_wanted, max(affordable - affordable % 4, FEWEST))  # whole steps of aligned products


class Candidates:
    """Prior samples and their images, to find for each observed row the nearest one under the present surrogate.

    Parameters
    ----------
    generator : LoadedGenerator
    random : torch.Generator
    n_candidates : int, default=4000
        Fewer where the images are large or the network is slow, see `n_affordable`.
    """

    def __init__(self, generator, random, n_candidates=N_CANDIDATES):
        n_candidates = n_affordable(generator, n_candidates)
        self.generator = generator
        self.z = generator.prior.sample(n_candidates, generator.latent_dim, random).to(generator.device)
        self.n_together = n_together(math.prod(generator.image_shape))

    @property
    def n_bytes(self):
        """Size of all images in memory."""
        return 4 * len(self.z) * math.prod(self.generator.image_shape)

    @cached_property
    def images(self):
        """The images G(z), computed when they are first asked for."""
        return self._through(lambda part: part)

    def through(self, corrupt):
        """Return the same latents with images that went through a function of (n, c, h, w)."""
        passed = copy.copy(self)
        passed.images = self._through(corrupt)
        return passed

    def first(self, count):
        """Return the first candidates only."""
        fewer = copy.copy(self)
        fewer.z, fewer.images = self.z[:count], self.images[:count]
        return fewer

    def mimicked(self, surrogate):
        """Compute f^(G(z)) of all candidates as rows (K, p); the images are not kept for it."""
        if isinstance(surrogate, Identity):
            return self.images.flatten(1)
        return self._through(surrogate).flatten(1)

    @torch.no_grad()
    def _through(self, corrupt):
        """Send the images through a function, few at a time, so that nothing but the answer is large."""
        shape = self.generator.image_shape
        passed = torch.empty(len(self.z), *shape, dtype=torch.float32, device=self.z.device)
        for part, images in zip(passed.split(self.n_together), self._parts(), strict=True):
            part.copy_(corrupt(images))
        return passed

    def _parts(self):
        if "images" in vars(self):
            return self.images.split(self.n_together)
        generator = self.generator.rough or self.generator  # where rows start need not be exact
        return (generator.decode(z) for z in self.z.split(self.n_together))

    def nearest(self, observed, mimicked, missing=None):
        """Return the latents (n, d) whose mimicked image is nearest to each observed row in Euclidean distance.

        What a row has not seen does not count. Pixels that rows have lost one by one, as the part `missing` knows, are
        filled in from their surroundings.
        """
        return self.nearest_of_parts(observed, mimicked, missing, n_parts=1)[0]

    @torch.no_grad()
    def nearest_of_parts(self, observed, mimicked, missing, n_parts):
        """List the nearest latents (n, d) among each of several parts of the candidates, the nearest of all first."""
        seen = seen_pixels(observed)
        weights = None if seen is None else seen.flatten(1)
        distances = distances_to(fill_in(observed, missing).flatten(1), mimicked, weights)
        lowest, index = zip(*(part.min(1) for part in distances.chunk(n_parts, 1)), strict=True)
        starts = torch.stack([z[nearest] for z, nearest in zip(self.z.chunk(n_parts), index, strict=True)])
        order = torch.stack(lowest).argsort(stable=True, dim=0)
        return list(starts.gather(0, order[..., None].expand_as(starts)))


def draw_candidates(generator, random):
    """Draw candidates, or take those drawn last with this generator from the same state of `random`.

    So phase B of the batch that phase A has seen, and `transform` of one row after another, do not draw them again.
    Either way `random` is left in the same state.

    Parameters
    ----------
    generator : LoadedGenerator
    random : torch.Generator

    Returns
    -------
    Candidates
    """
    before = random.get_state()
    key = "candidates", before.numpy().tobytes()
    cached = generator.cache.get(key)
    if cached is not None:
        after, candidates = cached
        random.set_state(after)
        return candidates
    candidates = Candidates(generator, random)
    generator.cache.put(key, (random.get_state(), candidates), candidates.n_bytes)
    return candidates


def mimicked_candidates(candidates, generator, fitted, surrogate):
    """Compute f^(G(z)) of all candidates, or take what was computed last for this surrogate.

    So `transform` of one row after another does not corrupt thousands of samples again.

    Parameters
    ----------
    candidates : Candidates
    generator : LoadedGenerator
    fitted : FittedSurrogate
    surrogate : Surrogate
        Made from `fitted`.

    Returns
    -------
    tensor (K, p)
    """
    key = "mimicked", id(candidates), id(fitted), fitted.digest()
    cached = generator.cache.get(key)
    if cached is None:
        n_bytes = 0 if isinstance(surrogate, Identity) else candidates.n_bytes
        generator.cache.make_room(n_bytes)
        mimicked = candidates.mimicked(surrogate)
        cached = mimicked, candidates, fitted  # which live as long, so that no others have their identities
        generator.cache.put(key, cached, n_bytes)
    return cached[0]


@torch.no_grad()
def encoded(problem, observed, nearest):
    """Start rows where the generator's own encoder puts them, unless the nearest sample is much better.

    The encoder has seen clean images, so it is given the rows with the corruption undone.

    Parameters
    ----------
    problem : Problem
    observed : tensor (n, c, h, w)
    nearest : Latents
        Of the nearest sample of each row.

    Returns
    -------
    Latents or None
        None where the generator has no encoder, or the corruption cannot be undone.
    """
    generator = problem.generator
    clean = problem.surrogate.undo(completed(observed)) if generator.has_encoder else None
    if clean is None:
        return None
    own = problem.latents(generator.prior.project(generator.encode(clean)))
    most = TRUSTED * problem.objective(observed, nearest)
    is_trusted = (problem.objective(observed, own) <= most)[:, None]
    return problem.latents(torch.where(is_trusted, own.z, nearest.z))


def start_latents(start, problem, observed, random, candidates=None):
    """Compute the first latents of every row.

    Parameters
    ----------
    start : {"mean", "zero", "nearest", "random"}
        "mean" is the average of 1,000 prior draws, the same for every row (Algorithm 1).
    problem : Problem
    observed : tensor (n, c, h, w)
    random : torch.Generator
    candidates : Candidates or None
        For "nearest"; drawn when missing.

    Returns
    -------
    Latents
    """
    generator, n_rows = problem.generator, len(observed)
    prior, size = generator.prior, generator.latent_dim
    if start == "nearest":
        candidates = candidates or draw_candidates(generator, random)
        surrogate = problem.surrogate
        z = candidates.nearest(observed, candidates.mimicked(surrogate), surrogate.missing)
    elif start == "random":
        z = prior.sample(n_rows, size, random).to(observed.device)
    elif start == "zero":
        z = observed.new_zeros(n_rows, size)
    elif start == "mean":
        z = prior.sample(N_MEAN, size, random).mean(0).to(observed.device).expand(n_rows, size).clone()
    else:
        raise ValueError(f"start={start!r} is unknown. Use 'mean', 'zero', 'nearest' or 'random'.")
    return problem.latents(z)
