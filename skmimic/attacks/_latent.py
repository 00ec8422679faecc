"""Search on the generator's manifold for images that are near X and read wrongly."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from ..exceptions import AttackError, GeneratorMismatchError
from ..generators import Generator, adopt_range, as_generator
from ..utils import first_line
from ._ascent import as_curve, worse_of
from ._budget import check_count, check_length
from ._groups import Found, Setting, attack_in_groups
from ._inputs import read_bounds
from ._kept import BestBatch, BestRows, squashed
from ._manifold import Manifold
from ._norms import euclidean_radius, into_ball, lengths, steepest

__all__ = ["latent_walk"]

ROUNDING = 1e-4  # of eps, by which float32 may overstep it
REACH = 2.5  # prior standard deviations a latent coordinate can walk in all, in the root mean square


def latent_walk(
    generator,
    classifier,
    X,
    y,
    budget,
    *,
    clean=None,
    latents=None,
    latent_step=None,
    loss="margin",
    n_candidates=1000,
    n_draws=1,
    group_size=100,
    bounds=(0.0, 1.0),
    random_state=None,
):
    """Attack with images of the generator itself, found by a walk among its latents.

    A defence that projects onto the images of a generator leaves such images as they are, or nearly so. The search asks
    for a latent z with G(z) within the budget of X that the classifier reads wrongly behind the defence. A row outside
    the budget walks towards X, by the gradient of its squared distance to the ball; a row inside walks up the loss.
    Steps have unit length times a step size that falls linearly, so neither needs a weight against the other.

    The walk begins at given latents, else where the generator's encoder puts X, else at the nearest of samples. The
    second restart begins at the sample within the budget that the classifier misreads most without the defence, others
    at random ones within the budget; where there are none, at the first start with noise. For a defence without a
    gradient pass ``clean=straight_through(clean)``.

    Parameters
    ----------
    generator : Generator or what `as_generator` takes
        Of images of the shape of X.
    classifier : callable
        From images to logits (n, k). A module is run in evaluation mode, gets no gradients, and is left as it was.
    X : array or tensor (n, c, h, w)
        Images of floating point in `bounds`.
    y : array or tensor (n,) of int
        The right class of each row.
    budget : Budget
        How far G(z) may be from X; its root mean square, ``norm="rms"``, is what a generator can keep small. The steps
        are counted; a `step_size` in pixels is not used.
    clean : callable or None, default=None
        The defence, differentiable. None attacks the classifier without one.
    latents : array or tensor (n, latent_dim) or None, default=None
        Where the walk begins. None takes the encoder, or the nearest of samples.
    latent_step : float or None, default=None
        Root mean square of the first step's coordinates, in units of latents. None takes 5 standard deviations of the
        prior over the number of steps: all steps in one direction make 2.5.
    loss : {"cross_entropy", "margin"} or callable, default="margin"
        What is made large.
    n_candidates : int, default=1000
        Samples among which starts are looked for.
    n_draws : int, default=1
        Runs of a random defence that are averaged.
    group_size : int, default=100
        Rows that the defence sees together.
    bounds : pair of float, default=(0.0, 1.0)
        Values of black and white.
    random_state : int, RandomState or None, default=None
        For the samples, the restarts and for a random defence.

    Returns
    -------
    AttackResult
        `images` are images of the generator. A row that never came within the budget is the nearest that was seen, and
        is not counted as fooled, for the attacker may not send it; `distances` tells which. A budget below what the
        generator can reach leaves all rows.

    Raises
    ------
    AttackError
        If images, labels, latents, generator, defence and classifier do not fit each other.
    NotFiniteError
        If gradients, logits or images become NaN or infinite.

    References
    ----------
    A. Athalye, N. Carlini, D. Wagner, "Obfuscated gradients give a false sense of security", ICML 2018, section 5.5:
    the attack on Defense-GAN.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from skmimic.attacks import Budget, latent_walk
    >>> X = np.random.default_rng(0).uniform(size=(20, 16))
    >>> images, y = X.reshape(20, 1, 4, 4), (X.mean(axis=1) > 0.5).astype(int)
    >>> def classifier(images):
    ...     excess = images.flatten(1).mean(dim=1, keepdim=True) - 0.5
    ...     return excess * excess.new_tensor([-1.0, 1.0])
    >>> result = latent_walk(PCA(8).fit(X), classifier, images, y, Budget(0.3, 20, norm="rms"), random_state=0)
    >>> result.accuracy < 0.2
    True
    """
    name = "latent_walk"
    check_count(f"{name}: n_candidates", n_candidates)
    setting = Setting(name, clean, classifier, loss, n_draws, group_size, bounds, random_state)
    if latent_step is not None:
        check_length(f"{name}: latent_step", latent_step, "latents")
    walk = _Walk(_read_generator(name, generator, X, bounds), n_candidates, latent_step)
    starts = None if latents is None else iter(_read_latents(name, latents, X, walk.generator).split(group_size))
    return attack_in_groups(setting, X, y, budget, partial(_walked, budget, walk, starts))


@dataclass(frozen=True)
class _Walk:
    generator: Generator
    n_candidates: int
    latent_step: float | None

    def steps(self, scale, n_steps):
        """List the root mean squares of the steps, which fall linearly to nearly nothing."""
        first = 2 * REACH * scale / n_steps if self.latent_step is None else self.latent_step
        return [first * (1 - k / n_steps) for k in range(n_steps)]


def _read_generator(name, generator, X, bounds):
    is_shapeless = hasattr(generator, "inverse_transform") and not hasattr(generator, "generator_")
    image_shape = np.shape(X)[1:] if is_shapeless and np.ndim(X) == 4 else None
    try:
        return adopt_range(as_generator(generator, image_shape=image_shape), read_bounds(name, bounds))
    except (TypeError, GeneratorMismatchError) as error:
        raise AttackError(f"{name}: generator cannot be used for these images. {first_line(error)}") from error


def _read_latents(name, latents, X, generator):
    latents = torch.as_tensor(latents).detach()
    expected = (len(X), generator.latent_dim)
    if tuple(latents.shape) != expected:
        raise AttackError(f"{name}: latents must be of shape {expected}, got {tuple(latents.shape)}.")
    if not torch.isfinite(latents).all():
        raise AttackError(f"{name}: latents hold NaN or infinity. Leave such rows out, or pass latents=None.")
    return latents.to(torch.float32)


def _walked(budget, walk, starts, defended, inputs, random):
    """Walk in one group of rows."""
    manifold = Manifold(walk.generator, inputs)
    start = manifold.start(walk.n_candidates, random) if starts is None else next(starts).to(manifold.device, copy=True)
    seen, curve = _Seen(manifold.decode(start).detach(), inputs, budget), []
    radius = euclidean_radius(budget.eps, inputs.images.shape[1:], budget.norm)
    for restart in range(budget.n_restarts):
        classify = defended.classifier if restart == 1 else None
        z = manifold.restart(start, radius, walk.n_candidates, random, classify) if restart else start
        for step in walk.steps(manifold.prior.scale, budget.n_steps):
            z = z.detach().requires_grad_()
            images = manifold.decode(z)
            climb = defended.climb(images, inputs.labels)
            seen.see(images.detach(), climb.margins)
            curve.append(climb.losses.mean())
            wanted = _wanted(images.detach(), climb.gradients, inputs, budget)
            z = manifold.moved(z, step * steepest(manifold.pulled_back(images, z, wanted), "rms"))
        images = manifold.decode(z).detach()
        losses, margins = defended.judge(images, inputs.labels)
        seen.see(images, margins)
        curve.append(losses.mean())
    return seen.found(defended, as_curve(curve, budget))


def _wanted(images, gradients, inputs, budget):
    """Direction in which images should go: back to the ball outside it, up the loss inside."""
    changes = images - inputs.images
    excess = changes - into_ball(changes, budget.eps, budget.norm)
    is_outside = lengths(changes, budget.norm) > budget.eps
    return torch.where(is_outside[:, None, None, None], -excess, gradients)


class _Seen:
    """Keeper of the worst images by row and by batch; those outside the budget rank by distance behind all others."""

    def __init__(self, images, inputs, budget):
        self.rows, self.batch, self.inputs, self.budget = BestRows(images), BestBatch(images), inputs, budget

    def see(self, images, margins):
        scores = self._scores(images, margins)
        self.rows.see(images, scores)
        self.batch.see(images, scores)

    def found(self, defended, curve):
        def judged(images):
            return self._scores(images, defended.judge(images, self.inputs.labels)[1])

        images = worse_of((self.rows.images, self.batch.images), judged)
        return Found(images, curve, is_within=self._are_within(self._distances(images)))

    def _scores(self, images, margins):
        distances = self._distances(images)
        return torch.where(self._are_within(distances), squashed(margins), 1 + distances)

    def _distances(self, images):
        return lengths(images - self.inputs.images, self.budget.norm)

    def _are_within(self, distances):
        return distances <= self.budget.eps * (1 + ROUNDING)
