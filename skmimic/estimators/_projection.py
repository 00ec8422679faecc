"""Phase B over any number of rows: blocks of rows, over processes or threads if wanted."""

from dataclasses import dataclass

import numpy as np
import torch
from joblib import Parallel, delayed

from ..engine import Adaptation, Mixture, Snapshot, computing
from ..generators import Generator
from ..utils import CANONICAL, Bounds, as_rows, n_values
from ._data import canonical_images

__all__ = ["ALL_OUTPUTS", "Job", "follow_rows", "project_rows", "sample_rows"]

ALL_OUTPUTS = ("latents", "images", "mimicked", "losses", "labels")
BLOCK_ROWS = 4096  # rows held as tensors at a time


@dataclass(frozen=True)
class Job:
    """What a worker needs to project rows; pickles as numpy.

    Attributes
    ----------
    generator : Generator
    adaptation : Adaptation or Mixture
    bounds : Bounds
        Range of the rows.
    dtype : numpy dtype
        Of the answers.
    batch_size : int
    device : torch.device
    outputs : tuple of str
        Which of "latents", "images", "mimicked", "losses", "labels" to return.
    """

    generator: Generator
    adaptation: Adaptation | Mixture
    bounds: Bounds
    dtype: np.dtype
    batch_size: int
    device: torch.device
    outputs: tuple

    def projector(self):
        """Load the generator and prepare phase B."""
        is_solvable = self.generator.is_linear and getattr(self.adaptation.settings.loss, "is_of_pixels", True)
        linear_map = self.generator.linear_map() if is_solvable else None
        return self.adaptation.row_projector(self.generator.on(self.device), self.batch_size, linear_map)

    def run(self, projector, rows, latents=None):
        """Project a block of rows, or only read latents that are known.

        Parameters
        ----------
        projector : RowProjector or MixtureProjector
        rows : ndarray (n, n_features)
        latents : ndarray (n, d) or None, default=None

        Returns
        -------
        dict of ndarray
        """
        observed = self.observed(projector, rows)
        if latents is None:
            return self.arrays(projector(observed))
        return self.arrays(projector.read(observed, torch.from_numpy(latents)))

    def observed(self, projector, rows):
        """Turn rows into images in [-1, 1], of the precision that the projector wants."""
        return canonical_images(rows, self.generator.image_shape, self.bounds, projector.precision)

    def arrays(self, found):
        """Turn what a projector found into arrays in the range of the rows; without labels all rows are 0."""
        labels = torch.zeros(len(found[0]), dtype=torch.int64)
        values = {"labels": labels, **dict(zip(ALL_OUTPUTS, found, strict=False))}
        for name in ("images", "mimicked"):
            values[name] = as_rows(CANONICAL.convert(values[name], self.bounds))
        return {name: values[name].numpy() for name in self.outputs}

    def in_range(self, trajectory):
        """Turn snapshots in [-1, 1] into snapshots in the range of the rows."""
        return tuple(
            Snapshot(moment.step, *(self._in_range(part) for part in (moment.images, moment.mimicked)))
            for moment in trajectory
        )

    def _in_range(self, images):
        return CANONICAL.convert(images, self.bounds).astype(self.dtype)

    def empty(self, n_rows):
        """Make room for the outputs of `n_rows` rows."""
        width = n_values(self.generator.image_shape)
        shapes = {
            "latents": ((n_rows, self.generator.latent_dim), self.dtype),
            "images": ((n_rows, width), self.dtype),
            "mimicked": ((n_rows, width), self.dtype),
            "losses": ((n_rows,), np.float64),
            "labels": ((n_rows,), np.int64),
        }
        return {name: np.empty(*shapes[name]) for name in self.outputs}


def _run_block(job, rows):
    with computing():
        projector = job.projector()
        return job.run(projector, rows), projector.batch_size


def project_rows(job, rows, n_jobs=None, latents=None, say=None):
    """Project rows with the corruption frozen.

    Parameters
    ----------
    job : Job
    rows : ndarray (n, n_features)
        May be memory-mapped; read block by block.
    n_jobs : int or None, default=None
        Of joblib, whose present backend is used.
    latents : ndarray (n, d) or None, default=None
        Of the rows, when they are known and only to be decoded.
    say : callable or None, default=None
        Called with a sentence as the work goes on.

    Returns
    -------
    outputs : dict of ndarray
    batch_size : int
        Rows of a chunk after any lack of memory.
    """
    outputs, say = job.empty(len(rows)), say or _silent
    if n_jobs in (None, 1) or latents is not None or len(rows) <= job.batch_size:
        return outputs, _run_serially(job, rows, latents, outputs, say)
    step = min(BLOCK_ROWS, _share(len(rows), job.batch_size))
    starts, batch_sizes = range(0, len(rows), step), []
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    results = parallel(delayed(_run_block)(job, rows[start : start + step]) for start in starts)
    for start, (block, batch_size) in zip(starts, results, strict=True):
        _store(outputs, start, block)
        batch_sizes.append(batch_size)
        say(f"projected {min(start + step, len(rows))} of {len(rows)} rows")
    return outputs, min(batch_sizes)


def _silent(sentence):
    """Say nothing."""


def follow_rows(job, rows):
    """Project rows as `project_rows` does, and keep them as they were on the way.

    Parameters
    ----------
    job : Job
    rows : ndarray (n, n_features)
        Worked on as one block.

    Returns
    -------
    outputs : dict of ndarray
    trajectory : tuple of Snapshot
    """
    with computing():
        projector = job.projector()
        found, trajectory = projector.follow(job.observed(projector, rows))
    outputs = job.empty(len(rows))
    _store(outputs, 0, job.arrays(found))
    return outputs, job.in_range(trajectory)


def sample_rows(job, rows, latents, labels, n_samples):
    """Draw plausible images around projections.

    Parameters
    ----------
    job : Job
    rows : ndarray (n, n_features)
        Worked on as one block.
    latents : ndarray (n, d)
        The projections.
    labels : ndarray (n,) of int
        Which corruption each row went through.
    n_samples : int

    Returns
    -------
    ndarray (n, n_samples, C, H, W)
        In the range of the rows.
    """
    with computing():
        projector = job.projector()
        observed = job.observed(projector, rows)
        samples = projector.sample(observed, torch.from_numpy(latents), n_samples, torch.from_numpy(labels))
    return CANONICAL.convert(samples, job.bounds).numpy().astype(job.dtype)


def _run_serially(job, rows, latents, outputs, say):
    with computing():
        projector = job.projector()
        step = min(BLOCK_ROWS, projector.batch_size)
        for start in range(0, len(rows), step):
            block = slice(start, start + step)
            _store(outputs, start, job.run(projector, rows[block], None if latents is None else latents[block]))
            say(f"projected {min(start + step, len(rows))} of {len(rows)} rows")
    return projector.batch_size


def _share(n_rows, batch_size):
    """Half of the rows, in whole chunks, so that two workers have something to do."""
    return max(-(-n_rows // 2 // batch_size), 1) * batch_size


def _store(outputs, start, block):
    for name, values in block.items():
        outputs[name][start : start + len(values)] = values
