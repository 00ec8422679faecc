"""What the defences are measured on: attacked images, the classifier, generators of clean images."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.defence import networks
from skmimic.datasets import load_fashion_mnist

__all__ = ["CACHE", "GROUP", "PARTS", "World", "fashion_world"]

CACHE = Path.home() / ".cache" / "skmimic" / "defence"
GROUP = 100  # images that a defence sees together, as in the paper
PARTS = {"report": slice(0, 500), "settings": slice(500, 800)}  # settings are chosen on images that are not reported
N_UNIVERSAL = 15  # images that the universal perturbation is made from, as in the paper; of the settings
DRAW = 2026  # which test images these are


@dataclass(frozen=True)
class World:
    """Images of the test set, and the networks.

    Attributes
    ----------
    name : str
        Of the data, in the results.
    images : tensor (n, 1, 28, 28)
        Clean, pixels in [0, 1].
    labels : tensor (n,)
    others : tensor (k, 1, 28, 28)
        Images that the universal perturbation is made from.
    classifier, robust : torch.nn.Module
        The network that is attacked, and the one that was trained by attacks.
    generator : callable
        Of (kind, seed); gives a `Generator`.
    known : callable
        Of a seed; gives the clean images (m, 1, 28, 28) in [0, 1] that a defence is fitted on.
    cache : Path
        Folder of attacked images and of trainings.
    """

    name: str
    images: torch.Tensor
    labels: torch.Tensor
    others: torch.Tensor
    classifier: nn.Module
    robust: nn.Module
    generator: Callable
    known: Callable
    cache: Path

    def first(self, n):
        """Keep the first images."""
        return replace(self, images=self.images[:n], labels=self.labels[:n])


def fashion_world(part="report", cache=CACHE):
    """Load 500 test images of Fashion-MNIST that are reported, or 300 others that settings are chosen on."""
    images, labels = networks.as_tensors(load_fashion_mnist("test"))
    order = torch.from_numpy(np.random.default_rng(DRAW).permutation(len(images)))
    rows = order[PARTS[part]]
    return World(
        "fashion_mnist" if part == "report" else f"fashion_mnist {part}",
        images[rows],
        labels[rows],
        images[order[PARTS["settings"]]][:N_UNIVERSAL],
        networks.load_classifier(),
        networks.load_classifier("fashion28_robust_cnn") if _is_trained("fashion28_robust_cnn") else None,
        networks.load_generator,
        lambda seed: torch.from_numpy(networks.clean_images(seed)[:, None]).float() / 255,
        cache,
    )


def _is_trained(name):
    return (networks.MODELS / f"{name}.safetensors").exists()
