"""Everything that a training needs to go on, in one file with a checksum and without code in it."""

import hashlib
import json
from dataclasses import asdict

import torch

from ..exceptions import InvalidModelFileError
from ..utils._container import FileKind, open_container, pack

__all__ = ["read_checkpoint", "refuse_another_training", "training_identity", "write_checkpoint"]

CHECKPOINT = FileKind("checkpoint of skmimic", "skmimic-checkpoint", "2")  # version 1 carried no checksum
CONFIGURATION_KEYS = {"identity", "step"}


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
    content = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    pack(path, CHECKPOINT, {"identity": identity, "step": int(step)}, content)


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
        If a bit of the file is not what was written, if it is no checkpoint, or one of a version without a checksum.
    """
    try:
        with open_container(path, CHECKPOINT) as container:
            configuration = container.configuration
            identity, step = configuration.get("identity"), configuration.get("step")
            if set(configuration) != CONFIGURATION_KEYS or not isinstance(identity, dict) or type(step) is not int:
                raise InvalidModelFileError("its configuration names no training and no step.")
            tensors = {name: torch.from_numpy(array) for name, array in container.arrays().items()}
    except InvalidModelFileError as error:
        raise InvalidModelFileError(
            f"{path} is not a whole checkpoint of this version of skmimic: {error} Delete it to start anew, or pass "
            "another path if you need the file."
        ) from error
    return tensors, identity, step


def refuse_another_training(path, stored, identity):
    """Raise ValueError unless a checkpoint's identity is that of the training; the message says what differs."""
    identity = json.loads(json.dumps(identity))
    different = sorted(key for key in identity.keys() | stored.keys() if identity.get(key) != stored.get(key))
    if different:
        raise ValueError(
            f"checkpoint {path} belongs to another training: {', '.join(different)} differ. Train with what it was "
            "started with, or pass another path."
        )
