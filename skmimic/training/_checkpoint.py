"""Everything that a training needs to go on, in one file without code in it."""

import hashlib
import json
import os
from dataclasses import asdict

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..exceptions import InvalidModelFileError
from ..utils import atomic_write

__all__ = ["read_checkpoint", "refuse_another_training", "training_identity", "write_checkpoint"]

FORMAT = "skmimic-checkpoint-1"


def training_identity(recipe, images, settings, seed):
    """Describe a training by all that decides its bits, except its length.

    Parameters
    ----------
    recipe : Recipe
    images : tensor (n, c, h, w)
    settings : TrainingSettings
    seed : int

    Returns
    -------
    dict
        JSON values.
    """
    decisive = asdict(settings)
    for length in ("n_epochs", "max_steps", "checkpoint_every"):
        del decisive[length]
    content = images.contiguous().view(-1).view(torch.uint8).numpy()
    return {
        "method": recipe.name,
        "networks": {name: [module.architecture, module.config] for name, module in recipe.modules.items()},
        "settings": decisive,
        "options": recipe.options,
        "images": [list(images.shape), hashlib.sha256(content).hexdigest()],
        "seed": int(seed),
    }


def write_checkpoint(path, identity, tensors, step):
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : path-like
    identity : dict
        Of `training_identity`.
    tensors : dict of str to tensor
    step : int
        Steps done.
    """
    metadata = {"format": FORMAT, "identity": json.dumps(identity, sort_keys=True), "step": str(int(step))}
    content = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    atomic_write(path, save(content, metadata))


def read_checkpoint(path):
    """Read a checkpoint.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tensors : dict of str to tensor
    identity : dict
        Of the training that wrote it.
    step : int

    Raises
    ------
    InvalidModelFileError
        If the file is damaged or is not a checkpoint.
    """
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if metadata["format"] != FORMAT:
            raise KeyError(f"format {metadata['format']!r}")
        stored, step = json.loads(metadata["identity"]), int(metadata["step"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise InvalidModelFileError(
            f"{path} is not a whole checkpoint of this version of skmimic: {error}. Delete it to start anew."
        ) from error
    return tensors, stored, step


def refuse_another_training(path, stored, identity):
    """Raise ValueError unless a checkpoint's identity is that of the training; the message says what differs."""
    identity = json.loads(json.dumps(identity))
    different = sorted(key for key in identity.keys() | stored.keys() if identity.get(key) != stored.get(key))
    if different:
        raise ValueError(
            f"checkpoint {path} belongs to another training: {', '.join(different)} differ. Train with what it was "
            "started with, or pass another path."
        )
