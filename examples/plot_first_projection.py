"""
First projection
================

Somebody turned the scanner: sixty-four handwritten digits come rotated by 35 degrees and shrunk to 0.8 of their size.
Nobody wrote down by how much, and there are no clean originals, no labels, no pairs. All there is, is a generator of
clean digits.

Plain projection (PGD) asks the generator for the upright digit that overlaps best with the tilted one, and gets some
digit. `MimicGANProjector` looks for the digits *and* for one corruption that all rows share. The true corruption, given
to the third projector, shows the best that anyone can hope for.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from skmimic import KnownCorruptionProjector, MimicGANProjector, PGDProjector, load_gan
from skmimic.corruptions import Affine
from skmimic.datasets import load_mnist_sample
from skmimic.metrics import d_proj

# %%
# Clean digits, and what the scanner makes of them
# ------------------------------------------------
# The generator has never seen these digits. Corruptions act on tensors (n, c, h, w) in [-1, 1].

digits = load_mnist_sample(size=16)
rows = np.random.default_rng(0).permutation(len(digits.images))[:64]
X_clean = digits.images[rows].astype(np.float32) / 127.5 - 1

scanner = Affine(rotation=35, zoom=0.8)
X_seen = scanner(torch.from_numpy(X_clean[:, None])).numpy()[:, 0]

# %%
# Three projections with the same generator
# -----------------------------------------
# `fit` estimates the corruption from all rows, `transform` then projects each row alone. Rows are worked on in chunks
# of ``batch_size``, the last one padded; for few rows a small one is faster.

gan = load_gan("mnist16")
projectors = {
    "PGD": PGDProjector(gan, T=10, batch_size=64, random_state=0),
    "MimicGAN": MimicGANProjector(gan, T=10, batch_size=64, random_state=0),
    "corruption known": KnownCorruptionProjector(gan, f=scanner, T=10, batch_size=64, random_state=0),
}
projected = {name: projector.fit(X_seen).transform(X_seen) for name, projector in projectors.items()}
distance = {name: d_proj(X_clean, images).mean() for name, images in projected.items()}

for name, value in distance.items():
    print(f"{name:17s} mean distance to the clean digit {value:5.2f}")

# %%
# What happened to the pictures is part of the answer.

for name, value in projectors["MimicGAN"].surrogate_.describe().items():
    print(f"{name}: {value}")

# %%
# Side by side
# ------------

shown = {"clean": X_clean, "seen": X_seen, **projected}
fig, axes = plt.subplots(len(shown), 12, figsize=(9, 4), layout="constrained")
for line, (name, images) in zip(axes, shown.items(), strict=True):
    for ax, image in zip(line, images, strict=False):
        ax.imshow(image, cmap="gray", vmin=-1, vmax=1)
        ax.set(xticks=[], yticks=[])
    label = f"{name}\nd = {distance[name]:.2f}" if name in distance else name
    line[0].set_ylabel(label, rotation=0, ha="right", va="center")
fig.suptitle("Tilted, shrunken digits and their projections")
plt.show()
