"""New rows that all went through one corruption."""

import numpy as np
import torch

from skmimic.corruptions import Compose, GaussianBlur, MissingPixels, Photometric, Rotation

__all__ = ["CORRUPTIONS", "corrupted", "draw_batch"]

DIMMED = Photometric(gain=0.5, bias=-0.5)  # half as bright: of [0, 1], so that black stays black in [-1, 1]
CORRUPTIONS = {
    "none": Compose(),
    "rotation": Rotation(20),
    "gain": DIMMED,
    "rotation and gain": Compose(Rotation(20), DIMMED),
    "blur": GaussianBlur(1.0),
    "missing": MissingPixels(0.3),
}
ROWS_TOGETHER = 1000


def corrupted(rows, name):
    """Send rows of bytes through a corruption; they come back as bytes, as a camera gives them.

    Parameters
    ----------
    rows : ndarray (n, h, w) or (n, c, h, w) uint8
    name : str
        Of `CORRUPTIONS`.

    Returns
    -------
    ndarray
    """
    images = torch.from_numpy(rows if rows.ndim == 4 else rows[:, None])
    parts = [CORRUPTIONS[name](part.float() / 127.5 - 1) for part in images.split(ROWS_TOGETHER)]
    return ((torch.cat(parts) + 1) * 127.5).round().clamp(0, 255).byte().numpy().reshape(rows.shape)


def draw_batch(fresh, strange, n, share, seed):
    """Draw a batch to adapt to, with a share of anomalies, in random order.

    Parameters
    ----------
    fresh, strange : ndarray
    n : int
    share : float
        In [0, 1].
    seed : int

    Returns
    -------
    ndarray (n, ...)
    """
    n_strange = round(share * n)
    rows = np.concatenate([fresh[: n - n_strange], strange[:n_strange]])
    return rows[np.random.default_rng(seed).permutation(len(rows))]
