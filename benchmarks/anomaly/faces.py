"""Faces with a patch of another person in them; pixels are made when they are asked for, and never written."""

import numpy as np
from sklearn.utils import Bunch

from skmimic.datasets import load_celeba

__all__ = ["N_TEST", "load_patched", "with_patches"]

N_TEST, PART_PATCHED, SIDE = 1000, 0.1, 16
SEED = 64


def load_patched(subset):
    """Load faces, and further faces that get a patch.

    There are no identities in the data, so the people of the two parts are different ones only as far as the pictures
    are. The faces that get a patch are no others' donors and stand nowhere without it.

    Parameters
    ----------
    subset : {"train", "test"}
        The last 1,000 pictures are the test part.

    Returns
    -------
    Bunch
        `images` (n, 3, 64, 64) uint8, `target` (n,) with 1 for a patch. A tenth of the training part, half of the
        test part.
    """
    images = load_celeba().images
    images = images[-N_TEST:] if subset == "test" else images[:-N_TEST]
    n = int(len(images) * (0.5 if subset == "test" else PART_PATCHED))
    patched = with_patches(images[:n], SEED)
    return Bunch(images=np.concatenate([patched, images[n:]]), target=np.repeat([1, 0], [n, len(images) - n]))


def with_patches(images, seed):
    """Paste the same place of the next face into each, 16x16 pixels anywhere.

    Parameters
    ----------
    images : ndarray (n, c, h, w)
    seed : int

    Returns
    -------
    ndarray (n, c, h, w)
    """
    random = np.random.default_rng(seed)
    patched, donors = images.copy(), np.roll(images, 1, axis=0)
    corners = random.integers(0, np.array(images.shape[2:]) - SIDE + 1, size=(len(images), 2))
    for new, donor, (top, left) in zip(patched, donors, corners, strict=True):
        place = np.s_[:, top : top + SIDE, left : left + SIDE]
        new[place] = donor[place]
    return patched
