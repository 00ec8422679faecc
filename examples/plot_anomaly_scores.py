"""
Anomaly scores and where they come from
=======================================

A camera over a conveyor belt is mounted at an angle, and all pictures are tilted. That is no anomaly, it is normal.
`MimicAnomalyDetector` learns the tilt from normal pictures and keeps it; a new picture is scored by what an upright
digit, tilted the same way, leaves unexplained.

The score of a picture is the sum of a map over its pixels, so it can be asked *where* the defect is.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from skmimic import MimicAnomalyDetector, load_gan
from skmimic.corruptions import Rotation
from skmimic.datasets import load_mnist_sample

# %%
# Normal pictures, and two kinds of defects
# -----------------------------------------

digits = load_mnist_sample(size=16)
order = np.random.default_rng(0).permutation(len(digits.images))
images = digits.images[order[:192]].astype(np.float32) / 127.5 - 1
tilted = Rotation(25)(torch.from_numpy(images[:, None])).numpy()[:, 0]
X_train, X_normal, X_broken = np.split(tilted, 3)

rng = np.random.default_rng(1)
for image in X_broken[:32]:  # a scratch
    row = rng.integers(2, 14)
    image[row] = np.maximum(image[row], 0.6)
for image in X_broken[32:]:  # a hole
    row, column = rng.integers(3, 9, size=2)
    image[row : row + 4, column : column + 4] = -1

# %%
# Learn what is normal, score what is new
# ---------------------------------------
# `score_samples` is higher for the more normal; `p_values` compares with normal rows held out in `fit`.

settings = {"surrogate": "affine", "T": 10, "batch_size": 64, "random_state": 0}
detector = MimicAnomalyDetector(load_gan("mnist16"), score_by="residual", contamination=0.05, **settings).fit(X_train)
X_new = np.concatenate([X_normal, X_broken])
is_broken = np.repeat([False, True], 64)
maps = detector.score_maps(X_new)
scores = -maps.sum(axis=(1, 2))  # what score_samples(X_new) gives

print(f"tilt: {detector.surrogate_.describe()['rotation_deg']:.1f} degrees")
print(f"area under the ROC curve: {roc_auc_score(is_broken, -scores):.3f}")

# %%
# Which pictures, and where in them
# ---------------------------------

kinds = {"normal": slice(0, 64), "scratch": slice(64, 96), "hole": slice(96, 128)}
fig = plt.figure(figsize=(8, 4.8), layout="constrained")
top, bottom = fig.subfigures(2, 1, height_ratios=(1, 1.6))
axes = top.subplots(2, 12)
for number, (kind, members) in enumerate(kinds.items()):
    for picture_ax, map_ax, picture, errors in zip(*axes[:, 4 * number :], X_new[members], maps[members], strict=False):
        picture_ax.imshow(picture, cmap="gray", vmin=-1, vmax=1)
        map_ax.imshow(errors, cmap="magma", vmin=0, vmax=1.5)
    axes[0, 4 * number].set_title(kind, loc="left")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("picture")
axes[1, 0].set_ylabel("score map")

ax = bottom.subplots()
bins = np.linspace(0, -scores.min(), 30)
ax.hist([-scores[members] for members in kinds.values()], bins, stacked=True, label=list(kinds))
ax.axvline(-detector.offset_, color="k", linestyle="--", label="threshold")
ax.set(xlabel="unexplained intensity of a picture", ylabel="pictures")
ax.legend()
plt.show()
