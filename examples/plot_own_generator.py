"""
A generator of your own in five lines
=====================================

Whatever maps latents to images can be the generator: a GAN somebody else trained, the decoder of a VAE, a pair
``(G, D)``, or a scikit-learn decomposition. It is passed as ``gan``, and nothing else changes.

Here are two, both made on the spot in seconds: a principal component analysis, and a small decoder network. The
observations are digits turned by 25 degrees; with either generator the projector finds the turn and undoes it.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from skmimic import Generator, MimicGANProjector
from skmimic.corruptions import Rotation
from skmimic.datasets import load_mnist_sample
from skmimic.metrics import d_proj

digits = load_mnist_sample(size=16)
order = np.random.default_rng(0).permutation(len(digits.images))
X = digits.images[order].astype(np.float32) / 127.5 - 1
X_train, X_clean = X[64:], X[:64]
X_seen = Rotation(-25)(torch.from_numpy(X_clean[:, None])).numpy()[:, 0]

# %%
# First generator: principal components
# -------------------------------------
# A linear generator is projected exactly, by least squares.

pca = PCA(32, whiten=True, random_state=0).fit(X_train.reshape(-1, 256))
by_pca = MimicGANProjector(pca, surrogate="affine", random_state=0)

# %%
# Second generator: any torch module
# ----------------------------------
# This one learns to decode the whitened components of the digits, so its latents are about standard normal.

torch.manual_seed(0)
decoder = nn.Sequential(nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 256), nn.Tanh(), nn.Unflatten(1, (1, 16, 16)))
codes, images = torch.tensor(pca.transform(X_train.reshape(-1, 256))), torch.tensor(X_train[:, None])
optimiser = torch.optim.Adam(decoder.parameters(), lr=2e-3)
for _ in range(300):
    optimiser.zero_grad()
    nn.functional.mse_loss(decoder(codes), images).backward()
    optimiser.step()

# %%
# Handing it over takes one line. `Generator` copies and freezes the module; what it cannot know is the distribution of
# the latents. With a discriminator, pass ``discriminator=D`` too, or the pair ``(G, D)`` instead of a `Generator`.

generator = Generator(decoder, prior="normal")
by_decoder = MimicGANProjector(generator, surrogate="affine", T=10, batch_size=64, random_state=0)
print(generator)

# %%
# The same projector, two generators
# ----------------------------------

shown = {"clean": X_clean, "seen": X_seen}
for name, projector in {"PCA": by_pca, "decoder": by_decoder}.items():
    images = projector.fit(X_seen).transform(X_seen)
    print(f"{name}: found a rotation of {projector.surrogate_.describe()['rotation_deg']:.1f} degrees")
    shown[f"{name}\nd = {d_proj(X_clean, images).mean():.2f}"] = images

fig, axes = plt.subplots(len(shown), 12, figsize=(9, 3.4), layout="constrained")
for line, (name, images) in zip(axes, shown.items(), strict=True):
    for ax, image in zip(line, images, strict=False):
        ax.imshow(image, cmap="gray", vmin=-1, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
fig.suptitle("Projections onto two home-made generators")
plt.show()
