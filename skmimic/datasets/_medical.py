"""Chest X-rays, for anomaly detection."""

import numpy as np

from ._archives import find_archive, open_archive, read_images, read_labels
from ._bunch import as_bunch, check_subset

__all__ = ["load_pneumonia"]


def load_pneumonia(subset="train", *, size=28, return_X_y=False):
    """Load PneumoniaMNIST chest X-rays: normal or with pneumonia.

    Parameters
    ----------
    subset : {"train", "val", "test", "all"}, default="train"
        4,708 training, 524 validation or 624 test images, or all in this order. The training images come sorted by
        class: shuffle them where order matters.
    size : int, default=28
        Side of the images in pixels; others than 28 are resized.
    return_X_y : bool, default=False
        Whether to return the pair ``(data, target)`` instead.

    Returns
    -------
    Bunch
        `data` (n, size * size) uint8, `images` (n, size, size) uint8, `target` (n,) with 0 normal and 1 pneumonia,
        `DESCR`.

    Raises
    ------
    FileNotFoundError
        If ``$SKMIMIC_DATA/pneumoniamnist.npz`` is not there.
    ValueError
        If the file is damaged or `subset` is unknown.

    References
    ----------
    J. Yang et al., "MedMNIST v2", Scientific Data 10, 2023. CC BY 4.0.
    """
    check_subset("load_pneumonia", subset, ("train", "val", "test", "all"))
    parts = ("train", "val", "test") if subset == "all" else (subset,)
    with open_archive(find_archive("pneumoniamnist", loader="load_pneumonia")) as archive:
        images = [read_images(archive, f"images_{part}", (28, 28)) for part in parts]
        labels = [read_labels(archive, f"labels_{p}", len(x), n_classes=2) for p, x in zip(parts, images, strict=True)]
    description = "PneumoniaMNIST of MedMNIST v2 (Kermany et al. 2018); CC BY 4.0."
    bunch = as_bunch(np.concatenate(images), np.concatenate(labels), size=size, description=description)
    return (bunch.data, bunch.target) if return_X_y else bunch
