"""Face sets; none has an open licence, so they are only read, never fetched."""

from ._archives import find_archive, open_archive, read_images, read_labels
from ._bunch import as_bunch

__all__ = ["load_celeba", "load_lfw", "load_orl"]


def load_celeba(size=64):
    """Load 6,500 aligned CelebA faces.

    Parameters
    ----------
    size : int, default=64
        Side of the images in pixels; others than 64 are resized.

    Returns
    -------
    Bunch
        `data` (6500, 3 * size * size) uint8, `images` (6500, 3, size, size) uint8, `target` None, `file_numbers`
        (6500,), `DESCR`.

    Raises
    ------
    FileNotFoundError
        If ``$SKMIMIC_DATA/celeba_faces64.npz`` is not there.
    ValueError
        If the file is damaged.
    """
    with open_archive(find_archive("celeba_faces64", loader="load_celeba")) as archive:
        images, numbers = read_images(archive, "images", (64, 64, 3)), archive["file_numbers"]
    description = "CelebA aligned faces 000001 to 006500; non-commercial research only, no redistribution."
    return as_bunch(images, None, size=size, description=description, file_numbers=numbers)


def load_lfw(size=64):
    """Load Labeled Faces in the Wild (deep-funneled), one picture of each person.

    Parameters
    ----------
    size : int, default=64
        Side of the images in pixels. Up to 64 there are 3,000 people, from the 64x64 archive; above, the first 200 of
        them, from the 128x128 archive.

    Returns
    -------
    Bunch
        `data` (n, 3 * size * size) uint8, `images` (n, 3, size, size) uint8, `target` None, `files` (n,) names,
        `DESCR`.

    Raises
    ------
    FileNotFoundError
        If ``$SKMIMIC_DATA/lfw_faces64.npz`` or ``lfw_faces128.npz`` is not there.
    ValueError
        If the file is damaged.
    """
    side = 64 if size <= 64 else 128
    with open_archive(find_archive(f"lfw_faces{side}", loader="load_lfw")) as archive:
        images, files = read_images(archive, "images", (side, side, 3)), archive["files"]
    description = "Labeled Faces in the Wild, deep-funneled; published by UMass for research; press photographs."
    return as_bunch(images, None, size=size, description=description, files=files)


def load_orl(size=64, *, return_X_y=False):
    """Load the ORL (AT&T) faces: 40 people, ten grey pictures each.

    Parameters
    ----------
    size : int, default=64
        Side of the images in pixels; others than 64 are resized.
    return_X_y : bool, default=False
        Whether to return the pair ``(data, target)`` instead.

    Returns
    -------
    Bunch
        `data` (400, size * size) uint8, `images` (400, size, size) uint8, `target` (400,) people 0 to 39, `DESCR`.

    Raises
    ------
    FileNotFoundError
        If ``$SKMIMIC_DATA/orl_faces.npz`` is not there.
    ValueError
        If the file is damaged.
    """
    with open_archive(find_archive("orl_faces", loader="load_orl")) as archive:
        images = read_images(archive, "images", (64, 64))
        labels = read_labels(archive, "labels", len(images), n_classes=40)
    description = "ORL faces; credit to AT&T Laboratories Cambridge."
    bunch = as_bunch(images, labels, size=size, description=description)
    return (bunch.data, bunch.target) if return_X_y else bunch
