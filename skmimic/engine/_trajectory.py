"""Where the rows were while a solver ran."""

from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Recorder", "Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """The rows at one moment of a solver.

    Attributes
    ----------
    step : int
        Latent steps taken until then.
    images : ndarray (n, C, H, W)
        G(z).
    mimicked : ndarray (n, C, H, W)
        f^(G(z)), with the f^ of that moment.
    """

    step: int
    images: np.ndarray
    mimicked: np.ndarray


class Recorder:
    """Write down what the latents show; solvers call it as their `observe`.

    Parameters
    ----------
    problem : Problem

    Attributes
    ----------
    steps : list of int
    images, mimicked : list of tensor (n, c, h, w)
        On the CPU, one for each step.
    """

    def __init__(self, problem):
        self.problem = problem
        self.steps, self.images, self.mimicked = [], [], []

    @torch.no_grad()
    def __call__(self, step, latents):
        """Write down the present images.

        Parameters
        ----------
        step : int
        latents : Latents
        """
        images = self.problem.generator.decode(latents.z)
        self.keep(step, images, self.problem.corrupt(images, latents.deviations))

    def keep(self, step, images, mimicked):
        """Write down images that are known.

        Parameters
        ----------
        step : int
        images, mimicked : tensor (n, c, h, w)
        """
        self.steps.append(step)
        self.images.append(images.cpu())
        self.mimicked.append(mimicked.cpu())

    def stacked(self, length):
        """Put the images of all steps into one tensor; the last ones stand for those that are missing.

        Parameters
        ----------
        length : int

        Returns
        -------
        images : tensor (n, length, c, h, w)
        mimicked : tensor (n, length, c, h, w)
        """
        missing = length - len(self.steps)
        return tuple(torch.stack(kept + kept[-1:] * missing, dim=1) for kept in (self.images, self.mimicked))

    def snapshots(self):
        """Return what was written down.

        Returns
        -------
        tuple of Snapshot
        """
        kept = zip(self.steps, self.images, self.mimicked, strict=True)
        return tuple(Snapshot(step, images.numpy(), mimicked.numpy()) for step, images, mimicked in kept)
