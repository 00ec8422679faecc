"""Where the latents start."""

import copy

import torch

from ._evidence import fill_in
from ._unseen import distances_to, seen_pixels

__all__ = ["Candidates", "draw_candidates", "start_latents"]

N_CANDIDATES = 4000
MOST_CACHED = 2**28  # bytes of candidates' images that stay in memory from one call to the next
N_MEAN = 1000


class Candidates:
    """Prior samples and their images, to find for each observed row the nearest one under the present surrogate.

    Parameters
    ----------
    generator : LoadedGenerator
    random : torch.Generator
    n_candidates : int, default=4000
    """

    def __init__(self, generator, random, n_candidates=N_CANDIDATES):
        self.z = generator.prior.sample(n_candidates, generator.latent_dim, random).to(generator.device)
        with torch.no_grad():
            self.images = torch.cat([generator.decode(part) for part in self.z.split(1000)])

    @torch.no_grad()
    def through(self, corrupt):
        """Return the same latents with images that went through a function of (n, c, h, w)."""
        passed = copy.copy(self)
        passed.images = torch.cat([corrupt(part) for part in self.images.split(1000)])
        return passed

    def first(self, count):
        """Return the first candidates only."""
        fewer = copy.copy(self)
        fewer.z, fewer.images = self.z[:count], self.images[:count]
        return fewer

    @torch.no_grad()
    def mimicked(self, surrogate):
        """Compute f^(G(z)) of all candidates as rows (K, p)."""
        return torch.cat([surrogate(part).flatten(1) for part in self.images.split(1000)])

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
    cached = generator.cache.get("candidates")
    if cached is not None and torch.equal(cached[0], before):
        random.set_state(cached[1])
        return cached[2]
    del cached
    generator.cache.clear()  # lest old and new ones be in memory together
    candidates = Candidates(generator, random)
    if candidates.images.nbytes <= MOST_CACHED:
        generator.cache["candidates"] = before, random.get_state(), candidates
    return candidates


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
