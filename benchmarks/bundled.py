"""What the two scripts on the bundled generators share: the data, and where the files are."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

SIDES = {"mnist16": 16, "mnist": 28}
FOLDER = Path(__file__).parents[1] / "skmimic" / "generators" / "pretrained"


def load_digits(name, part):
    """Return images (n, 1, h, w) uint8 and labels (n,) of MNIST at the size of a bundled generator.

    Smaller sizes are antialiased: Pillow's bilinear filter grows with the reduction.
    """
    with np.load(Path(os.environ["SKMIMIC_DATA"]) / "mnist.npz", allow_pickle=False) as archive:
        images, labels = archive[f"images_{part}"], archive[f"labels_{part}"]
    size = (SIDES[name], SIDES[name])
    if images.shape[1:] != size:
        images = np.stack([np.asarray(Image.fromarray(image).resize(size, Image.BILINEAR)) for image in images])
    return images[:, None], labels
