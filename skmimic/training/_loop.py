"""The loop that every method of training shares."""

import hashlib
from pathlib import Path

import torch

from ..exceptions import InvalidModelFileError, NotFiniteError
from ..utils import shielded
from ._checkpoint import read_checkpoint, refuse_another_training, training_identity, write_checkpoint
from ._collapse import LEAST_RATIO, N_IMAGES, warn_if_collapsed
from ._interrupt import DeferredInterrupt
from ._likeness import warn_if_unlike
from ._progress import Reporter
from ._settings import TrainedNetworks

__all__ = ["draws_of", "run_training"]

ROUND = 50  # steps between two looks at the losses: each look waits for the device
COLLAPSE_STEPS = 200  # a generator that has only begun is grey, not collapsed


def run_training(make_recipe, images, settings, *, seed=None, checkpoint=None, callback=None, verbose=0):
    """Train networks on images, or go on where a checkpoint stopped.

    Every random number of a step is a function of the seed and the number of the step, so a resumed training gives the
    same bits as one that was never stopped. The global random state is not touched.

    Parameters
    ----------
    make_recipe : callable
        From a seed to a `Recipe`.
    images : tensor (n, c, h, w)
        On the CPU: uint8, or floats in [-1, 1].
    settings : TrainingSettings
    seed : int or None, default=None
        None takes that of the checkpoint, or 0.
    checkpoint : path-like or None, default=None
        File to write, and to resume from when it exists.
    callback : callable or None, default=None
        Called with a `Progress` every 50 steps.
    verbose : int, default=0
        Prints progress to standard error when positive.

    Returns
    -------
    TrainedNetworks

    Raises
    ------
    NotFiniteError
        If a loss becomes NaN or infinite.
    ValueError
        If the checkpoint belongs to another training.
    InvalidModelFileError
        If the checkpoint is damaged, or is none.
    """
    with shielded(), torch.enable_grad():
        run = _Run(make_recipe, images, settings, seed, checkpoint)
        _run_to_the_end(run, callback, verbose)
        return run.finish()


def _run_to_the_end(run, callback, verbose):
    report = Reporter(run.recipe.name, run.n_steps, run.step, run.per_epoch, callback, verbose)
    with DeferredInterrupt() as interrupt:
        try:
            while run.step < run.n_steps:
                run.advance(report)
                interrupt.raise_if_requested()
        except KeyboardInterrupt:
            run.save()
            raise
    run.save()


class _Run:
    """A training under way: its recipe, its step, its losses."""

    def __init__(self, make_recipe, images, settings, seed, checkpoint):
        self.images, self.settings = images, settings
        self.path = None if checkpoint is None else Path(checkpoint)
        stored = read_checkpoint(self.path) if self.path is not None and self.path.exists() else None
        self.seed = seed if seed is not None else (stored[1]["seed"] if stored else 0)
        self.recipe = make_recipe(self.seed)
        self.per_epoch, self.n_steps = settings.steps_of(len(images))
        self.identity = training_identity(self.recipe, images, settings, self.seed) if self.path is not None else None
        self.step, self.losses, self.pending = 0, torch.empty(0, len(self.recipe.loss_names)), []
        self._epoch, self._order, self._in_step = None, None, False
        if stored:
            self._resume(*stored)

    def _resume(self, tensors, identity, step):
        refuse_another_training(self.path, identity, self.identity)
        try:
            self.losses = tensors.pop("losses")
            self.recipe.load_state(tensors)
        except (KeyError, ValueError, RuntimeError) as error:
            raise InvalidModelFileError(
                f"{self.path} is not a whole checkpoint: its arrays are not those of this training. Delete it to start "
                "anew, or pass another path if you need the file."
            ) from error
        self.step = step

    def advance(self, report):
        """Take one step, and what is due after it."""
        batch = self._batch().to(self.recipe.device)
        draws = draws_of(self.seed, "step", self.step)
        self._in_step = True
        self.pending.append(self.recipe.step(_canonical(batch), draws))
        self.step += 1
        self.recipe.average(self.step)
        self._in_step = False
        if self.step % ROUND == 0 or self.step == self.n_steps:
            self._collect()
            recent = self.losses[-ROUND:].mean(0).tolist()
            report(self.step, dict(zip(self.recipe.loss_names, recent, strict=True)))
        if self.step % self.settings.checkpoint_every == 0:
            self.save()

    def _batch(self):
        epoch, position = divmod(self.step, self.per_epoch)
        if epoch != self._epoch:
            draws = draws_of(self.seed, "order", epoch)
            self._epoch, self._order = epoch, torch.randperm(len(self.images), generator=draws)
        start = position * self.settings.batch_size
        return self.images[self._order[start : start + self.settings.batch_size]]

    def _collect(self):
        """Bring the losses since the last look to the CPU, and check them."""
        if not self.pending:
            return
        fresh = torch.stack(self.pending).float().cpu()
        finite = fresh.isfinite().all(dim=1)
        if not finite.all():
            bad = self.step - len(fresh) + int(finite.int().argmin()) + 1
            raise NotFiniteError(
                f"{self.recipe.name}: the loss is not finite at step {bad} of {self.n_steps} with "
                f"learning_rate={self.settings.learning_rate:g}. Lower learning_rate; check X for extreme values."
            )
        self.losses, self.pending = torch.cat([self.losses, fresh]), []

    def save(self):
        """Write the checkpoint, if there is one to write; not in the middle of a step, where the networks disagree."""
        if self._in_step:
            return
        self._collect()
        if self.path is not None:
            tensors = {"losses": self.losses, **self.recipe.state()}
            write_checkpoint(self.path, self.identity, tensors, self.step)

    def finish(self):
        """Freeze the networks, and look at what a new generator makes."""
        draws = draws_of(self.seed, "end", 0)
        chosen = torch.randperm(len(self.images), generator=draws)[:N_IMAGES]
        images = _canonical(self.images[chosen])
        generator, discriminator, encoder = self.recipe.finished(images)
        if generator is not None:
            self._look_at(generator, images, draws)
        return TrainedNetworks(generator, discriminator, encoder, self.losses, self.recipe.loss_names, self.step)

    def _look_at(self, generator, images, draws):
        """Warn if generated images are all alike, or unlike the images that it was trained on."""
        with torch.no_grad():
            generated = generator(self.recipe.prior.sample(len(images), generator.config["latent_dim"], draws))
        has_begun = self.step >= COLLAPSE_STEPS
        if not has_begun or warn_if_collapsed(generated, images, self.recipe.name) >= LEAST_RATIO:
            warn_if_unlike(generated, images, self.recipe.name)


def draws_of(seed, purpose, number):
    """Make the torch.Generator of one step or epoch; hashed, for torch uses only 32 bits of a seed.

    Parameters
    ----------
    seed : int
    purpose : str
    number : int

    Returns
    -------
    torch.Generator
    """
    digest = hashlib.blake2b(f"{seed} {purpose} {number}".encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little"))


def _canonical(images):
    """Turn uint8 images to floats in [-1, 1]; floats are taken to be there already."""
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images
