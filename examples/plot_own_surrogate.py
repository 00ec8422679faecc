"""
A surrogate of your own in twenty lines
=======================================

The built-in families know affine maps, gain and bias, convolutions and masks. A lamp whose reflection lies over the
page is none of these: it mixes the picture with white, and the more so the nearer the lamp. Who knows the physics can
say so in a few lines, and is told where the lamp stands.

A surrogate is a torch module from images to images of the same shape in [-1, 1] that starts at or near the identity.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from skmimic import MimicGANProjector, load_gan
from skmimic.datasets import load_mnist_sample
from skmimic.metrics import d_proj
from skmimic.surrogates import Surrogate

# %%
# The surrogate
# -------------
# Subclass `Surrogate` to have a say in everything: `recipe` tells how to build a fresh one, so that fitted estimators
# can be pickled; `describe` puts the parameters into words.


class Glare(Surrogate):
    """Mix the picture with white; the share of white rises linearly across the picture."""

    def __init__(self, image_shape):
        super().__init__()
        self.image_shape = image_shape
        self.ramp = nn.Parameter(torch.zeros(3))  # starts at the identity

    def forward(self, images, deviations=None):
        down, right = (torch.linspace(-1, 1, side, device=images.device) for side in images.shape[-2:])
        white = self.ramp[0] + self.ramp[1] * right + self.ramp[2] * down[:, None]
        return images + white * (1 - images)

    def recipe(self):
        return Glare, {"image_shape": self.image_shape}

    def describe(self):
        white, right, down = self.ramp.tolist()
        return {"mean_share_of_white": white, "direction_deg": float(np.degrees(np.arctan2(-down, right)))}


# %%
# Where that is too much, any function from the image shape to a plain ``nn.Module`` will do, such as
# ``surrogate=lambda image_shape: nn.Conv2d(1, 1, 5, padding=2)``.
#
# Digits under a lamp at the upper right
# --------------------------------------

digits = load_mnist_sample(size=16)
rows = np.random.default_rng(0).permutation(len(digits.images))[:64]
X_clean = digits.images[rows].astype(np.float32) / 127.5 - 1
ramp = np.linspace(-1, 1, 16, dtype=np.float32)
X_seen = X_clean + (0.4 + 0.2 * ramp - 0.2 * ramp[:, None]) * (1 - X_clean)

# %%
# Three surrogates, one generator
# -------------------------------
# `data_range` is given because the seen pictures are nowhere as dark as black.

gan = load_gan("mnist16")
settings = {"T": 10, "data_range": (-1, 1), "batch_size": 64, "random_state": 0}
shown = {"clean": X_clean, "seen": X_seen}
for name, surrogate in {"none (PGD)": "identity", "gain and bias": "photometric", "own": Glare}.items():
    projector = MimicGANProjector(gan, surrogate=surrogate, **settings)
    images = projector.fit(X_seen).transform(X_seen)
    print(name, projector.surrogate_.describe())
    shown[f"{name}\nd = {d_proj(X_clean, images).mean():.2f}"] = images

# %%
# The right structure wins.

fig, axes = plt.subplots(len(shown), 12, figsize=(9, 4), layout="constrained")
for line, (name, images) in zip(axes, shown.items(), strict=True):
    for ax, image in zip(line, images, strict=False):
        ax.imshow(image, cmap="gray", vmin=-1, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
fig.suptitle("Digits under a lamp, projected with three surrogates")
plt.show()
