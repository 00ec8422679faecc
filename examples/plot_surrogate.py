"""
What the corruption was
=======================

A projection gives two answers. One is the clean image. The other is easily forgotten: the surrogate, a model of what
happened between the clean image and the one that was seen. It can be looked at, and when the restored images are
strange it is the first thing to look at.

Here the digits come tilted, too small, faded, and with the same fifth of the pixels dead. Nobody tells the projector
any of this. Afterwards the learned corruption is sent pictures that make it visible: a letter shows how the content
moved, dots show what became of the strokes, and a full picture shows what is masked.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from skmimic import MimicGANProjector, load_gan
from skmimic.corruptions import Affine, Compose, MissingPixels, Photometric
from skmimic.datasets import load_mnist_sample
from skmimic.metrics import d_proj
from skmimic.plotting import ProjectionDisplay, SurrogateDisplay

# %%
# Digits that went through four things at once
# --------------------------------------------
# Corruptions act on tensors (n, c, h, w) in [-1, 1], and compose.

digits = load_mnist_sample(size=16)
rows = np.random.default_rng(0).permutation(len(digits.images))[:64]
X_clean = digits.images[rows].astype(np.float32) / 127.5 - 1

corruption = Compose(Affine(rotation=30, zoom=0.85), Photometric(gain=0.8), MissingPixels(0.2))
X_seen = corruption(torch.from_numpy(X_clean[:, None])).numpy()[:, 0]

# %%
# Learn it
# --------
# Which kind of surrogate it takes is found out as well. `describe` gives numbers. `data_range` is given because no
# seen picture is as bright as white.

projector = MimicGANProjector(load_gan("mnist16"), T=10, data_range=(-1, 1), batch_size=64, random_state=0).fit(X_seen)

for name, value in projector.surrogate_.describe().items():
    print(f"{name}: {value}")

# %%
# It has the angle, the size, the contrast and every dead pixel. As far as it goes, the restored digits are near the
# clean ones.

X_restored = projector.transform(X_seen)
print("mean distance to the clean digit:", d_proj(X_clean, X_restored).mean().round(2))

# %%
# Look at it
# ----------
# The true corruption is given to the display alone, to be drawn beside the learned one.

fig, (top, bottom) = plt.subplots(2, 1, figsize=(8.5, 5.8), height_ratios=(1, 1.1), layout="constrained")
SurrogateDisplay.from_estimator(projector, corruption, n_images=7, ax=top)
ProjectionDisplay.from_estimator(projector, X_seen, X_true=X_clean, n_images=10, ax=bottom)
plt.show()
