"""
From the mean image to the projection
=====================================

Algorithm 1 of the paper knows nothing when it begins. All rows start at the mean latents, that is at one and the same
image, and the surrogate starts at the identity. Then the two take turns: the surrogate learns what turns the present
images into the seen ones, and the images move to where the surrogate makes them fit. A little more of the one is a
better target for the other.

`project(X, trajectory=True)` keeps the images after each round; `TrajectoryDisplay` draws the paper's Figure 1 of them.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from skmimic import MimicGANProjector, load_gan
from skmimic.corruptions import Normal, PerImage, Rotation
from skmimic.datasets import load_mnist_sample
from skmimic.plotting import TrajectoryDisplay

# %%
# Digits, each turned by an angle of its own
# ------------------------------------------
# About 25 degrees, with a standard deviation of 3. `PerImage` draws the parameters of any corruption for every image.

digits = load_mnist_sample(size=16)
rows = np.random.default_rng(0).permutation(len(digits.images))[:64]
X_clean = digits.images[rows].astype(np.float32) / 127.5 - 1

turned = PerImage(Rotation, degrees=Normal(25, 3))
X_seen = turned(torch.from_numpy(X_clean[:, None])).numpy()[:, 0]
print("first angles:", turned.parameters(5)["degrees"].round(1))

# %%
# Algorithm 1
# -----------
# Twenty rounds of 25 surrogate and 25 latent steps, all rows together. Angles are followed by gradients alone here,
# which stop a little short; the default solver looks for the angle among many first, and starts near the answer.

projector = MimicGANProjector(
    load_gan("mnist16"),
    surrogate="affine",
    solver="alternating",
    loss="l1",
    lr_surrogate=3e-2,
    adapt_on=None,
    random_state=0,
).fit(X_seen)
result = projector.project(X_seen, trajectory=True)

print("moments kept:", [moment.step for moment in result.trajectory])
print("learned angle:", round(result.surrogate.describe()["rotation_deg"], 1))

# %%
# Figure 1
# --------
# The upper row of each digit is the projection, the lower one the same with the corruption of that moment put on. Both
# end beside what they should become, the clean digit and the seen one.

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=(1.75, 1), layout="constrained")
images, seen = X_clean[:, None], X_seen[:, None]
TrajectoryDisplay(result.trajectory, seen, images, n_images=3).plot(axes)
axes[1].set_title("64 digits")
plt.show()
