"""Phase B: each row is projected alone, the corruption frozen."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace

import torch

from ..utils import RowRunner, refuse_fork, shielded
from ._closed_form import ClosedForm, unit_of
from ._descent import check_finite, observed_steps
from ._initialisation import draw_candidates, encoded, mimicked_candidates, start_latents
from ._posterior import PosteriorSampler
from ._problem import Latents, Problem
from ._quasi_newton import row_walk
from ._trajectory import Recorder, Snapshot
from ._unseen import completed

__all__ = ["RowProjector", "computing", "make_problem"]

N_STARTS = 2  # of a row, each the nearest of half the candidates
REFINEMENT_RATE = 0.4  # of lr_latent, after an encoder start
GUIDED_STEPS = 150  # of a first-order optimiser, after the free walk, where a guide holds rows to their classes


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """Allow gradients inside, and keep the caller's settings of torch out."""
    refuse_fork()
    with shielded(), torch.enable_grad():
        yield


def make_problem(generator, surrogate, settings, deviation_sd=None):
    """Put the parts of the objective together as the settings say."""
    return Problem(generator, surrogate, settings.loss, settings.latent_weight, deviation_sd, settings.lambda_adv)


class RowProjector:
    """Phase B: project rows with the corruption frozen; every row alone, in chunks of one shape.

    Parameters
    ----------
    generator : LoadedGenerator
    adaptation : Adaptation
    batch_size : int
    linear_map : tuple of ndarray or None
        ``(components, mean)`` of a linear generator; with a surrogate that is affine in the images the latents are
        then exact.
    """

    def __init__(self, generator, adaptation, batch_size, linear_map=None):
        self.generator, self.settings, self.adaptation = generator, adaptation.settings, adaptation
        surrogate = adaptation.surrogate.to_torch(generator.device)
        self.problem = make_problem(generator, surrogate, self.settings, adaptation.deviation_sd)
        self.runner = RowRunner(batch_size)
        self.closed_form = self.encoder = self.candidates = None
        self.guide = None if adaptation.guide is None else adaptation.guide.on(generator)
        is_linear = surrogate.is_affine_in_images and surrogate.missing is None and self.guide is None
        if linear_map is not None and is_linear and self.settings.solver != "alternating":
            self.closed_form = self._closed_form(linear_map)
        elif adaptation.encoder is not None:
            self.encoder = adaptation.encoder.to_torch(generator.prior, generator.device)
        elif self._start() == "nearest":
            self.candidates = draw_candidates(generator, torch.Generator().manual_seed(adaptation.seed))
            self.mimicked = mimicked_candidates(self.candidates, generator, adaptation.surrogate, surrogate)

    def _closed_form(self, linear_map):
        weight, prior, size = self.settings.latent_weight, self.generator.prior, self.generator.latent_dim
        variance = unit_of(prior, size) ** 2 / weight if weight else math.inf
        surrogate, shape = self.adaptation.surrogate.to_torch(), self.generator.image_shape
        return ClosedForm(*linear_map, surrogate, shape, prior.mean(size), variance)

    def __call__(self, observed):
        """Project observed images.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
            In [-1, 1], of the dtype `precision`; NaN where nothing was seen.

        Returns
        -------
        z : tensor (n, d)
        images : tensor (n, c, h, w)
        mimicked : tensor (n, c, h, w)
        losses : tensor (n,)
            All on the CPU.
        """
        with computing():
            return self.runner(self._chunk, observed)

    @property
    def precision(self):
        """The dtype of the observed images that it takes."""
        return torch.float32 if self.closed_form is None else torch.float64

    @property
    def batch_size(self):
        """Rows of a chunk after any lack of memory."""
        return self.runner.batch_size

    def evaluated(self, observed):
        """Project observed images; returns what `__call__` returns, and the objectives (n,) that were reached."""
        with computing():
            return self.runner(self._evaluated, observed)

    def sample(self, observed, z, n_samples, labels=None):
        """Draw plausible images (n, n_samples, c, h, w) around the projections z (n, d); the labels are not needed."""
        seed, steps = self.adaptation.seed, max(self.settings.n_latent_steps // 2, 1)
        with computing():
            candidates = self.candidates
            if candidates is None and self.closed_form is None:
                candidates = draw_candidates(self.generator, torch.Generator().manual_seed(seed))
            sampler = PosteriorSampler(
                self.problem, self.settings, n_samples, seed, steps, candidates, self.closed_form
            )
            return self.runner(sampler, observed, z)

    def follow(self, observed):
        """Project observed images as `__call__` does, and keep them as they were on the way.

        Parameters
        ----------
        observed : tensor (n, c, h, w)

        Returns
        -------
        found : tuple of tensors
            z, images, mimicked images and losses.
        trajectory : tuple of Snapshot
            The last one holds the images that were found.
        """
        with computing():
            *found, images, mimicked = self.runner(self._followed, observed)
        path = zip(self._steps(), images.unbind(1), mimicked.unbind(1), strict=True)
        return tuple(found), tuple(Snapshot(step, x.numpy(), y.numpy()) for step, x, y in path)

    def _followed(self, observed):
        recorder = Recorder(self.problem.for_rows(observed.to(self.generator.device)))
        found = self._chunk(observed, recorder)
        if self.closed_form is not None:
            recorder.keep(0, *found[1:3])
        if self.guide is None:
            return *found, *recorder.stacked(len(self._steps()))
        free = recorder.stacked(len(self._steps()) - 1)
        guided = (part.unsqueeze(1) for part in found[1:3])
        return *found, *(torch.cat(pair, 1) for pair in zip(free, guided, strict=True))

    def _steps(self):
        if self.closed_form is not None:
            return [0]
        free = observed_steps(self._n_steps())
        return free if self.guide is None else [*free, free[-1] + self._n_guided_steps()]

    def _n_guided_steps(self):
        return min(self.settings.n_row_steps(GUIDED_STEPS), self.settings.n_latent_steps)

    def _n_steps(self):
        return self.settings.n_refinement_steps if self.encoder else self.settings.n_latent_steps

    def _chunk(self, observed, observe=None):
        return self._evaluated(observed, observe)[:-1]

    def _evaluated(self, observed, observe=None):
        if self.closed_form is not None:
            z, images, mimicked = self.closed_form(observed.double())
            losses = self._loss(mimicked, observed)
            check_finite(losses, self.settings, "least-squares projection of rows")
            return z, images, mimicked, losses, losses
        observed = observed.to(self.generator.device)
        problem = self.problem.for_rows(observed)
        rough = problem.rough if self.encoder is None else None  # few steps from there
        walk = row_walk(problem, observed, self._starts(observed), self._phase_b_settings(), rough)
        walk.project_rows(self._n_steps(), observe)
        if self.guide is not None:
            free = walk.latents.detached()
            guided = problem.with_(guide=self.guide(self._decoded(free)))
            walk = row_walk(guided, observed, free, self.settings)
            walk.project_rows(self._n_guided_steps())
        objectives = walk.objective()
        check_finite(objectives, self.settings, "projection of rows")
        return *self._read(problem, observed, walk.latents.detached()), objectives.cpu()

    def read(self, observed, z):
        """Decode latents that phase A has found already; arguments and values as in `__call__`.

        Parameters
        ----------
        observed : tensor (n, c, h, w)
        z : tensor (n, d)

        Returns
        -------
        tuple of tensors
        """
        with computing():
            return self.runner(self._read_found, observed, z)

    def _read_found(self, observed, z):
        observed = observed.to(self.generator.device)
        return self._read(self.problem.for_rows(observed), observed, Latents(z))

    @torch.no_grad()
    def _decoded(self, latents):
        return self.generator.decode(latents.z.to(self.generator.device))

    @torch.no_grad()
    def _read(self, problem, observed, latents):
        images = self._decoded(latents)
        mimicked = problem.corrupt(images, latents.deviations)
        return tuple(part.cpu() for part in (latents.z, images, mimicked, self._loss(mimicked, observed)))

    def _loss(self, mimicked, observed):
        return self.problem.distance(observed, mimicked)

    def _start(self):
        if self.settings.start not in ("auto", "encoder"):
            return self.settings.start
        return "mean" if self.settings.solver == "alternating" else "nearest"

    def _starts(self, observed):
        """List where each row may start, the best guess first."""
        if self.encoder is not None:
            with torch.no_grad():
                return [self.encoder(completed(observed))]
        if self.candidates is not None:
            missing = self.problem.surrogate.missing
            nearest = self.candidates.nearest_of_parts(observed, self.mimicked, missing, N_STARTS)
            starts = [self.problem.latents(z) for z in nearest]
            own = encoded(self.problem, observed, starts[0]) if self.settings.start == "auto" else None
            return starts if own is None else [own]
        random = torch.Generator().manual_seed(self.adaptation.seed)
        shared = start_latents(self._start(), self.problem, observed[:1], random)  # one draw for all rows
        return [Latents(*(tensor.expand(len(observed), -1) for tensor in shared.tensors()))]

    def _phase_b_settings(self):
        if self.encoder is None:
            return self.settings
        return replace(self.settings, lr_latent=REFINEMENT_RATE * self.settings.lr_latent)
