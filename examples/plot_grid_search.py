"""
Choosing T1, T2 and the learning rates
======================================

Algorithm 1 has four knobs: surrogate steps ``T1`` and latent steps ``T2`` a round, and a learning rate for each. The
paper turns them on 100 validation images. `GridSearchCV` does that in one line once it is told what a "fold" is: train
on the source, test on the target.

Labels of the target may be missing altogether. Then the score of the projector itself, how well corrupted projections
explain rows that were not used to learn the corruption, makes the choice. This example runs both on one grid and asks
whether they agree.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from skmimic import MimicDomainAligner, MimicGANProjector, load_gan
from skmimic.corruptions import Rotation
from skmimic.datasets import load_mnist_sample

# %%
# Upright digits with labels are the source, digits rotated by 30 degrees the target. Few rows and few rounds keep the
# example short.

digits = load_mnist_sample(size=16)
order = np.random.default_rng(0).permutation(len(digits.images))
X = digits.images[order].astype(np.float32) / 127.5 - 1
y = digits.target[order]
source, target = np.arange(64, 1564), np.arange(64)
X[target] = Rotation(30)(torch.from_numpy(X[target, None])).numpy()[:, 0]
X = X.reshape(len(X), -1)  # rows, as a classifier wants them

# %%
# With labels: a fold that goes from source to target
# ---------------------------------------------------
# ``cv`` takes a list of (train, test) positions. ``refit=False``, because a refit would take the target for source.

settings = {"surrogate": "affine", "solver": "alternating", "T": 4, "batch_size": 64, "random_state": 0}
knobs = {"T1": [5, 25], "T2": [5, 25], "lr_surrogate": [1e-2, 5e-2], "lr_latent": [1e-2, 8e-2]}
gan = load_gan("mnist16")

pipe = Pipeline([("align", MimicDomainAligner(gan, **settings)), ("knn", KNeighborsClassifier(1))])
grid = {f"align__{name}": values for name, values in knobs.items()}
labelled = GridSearchCV(pipe, grid, cv=[(source, target)], refit=False).fit(X, y)

# %%
# Without labels: learn the corruption on one half of the target, explain the other
# ---------------------------------------------------------------------------------
# The score is minus the loss a row; higher is better.

halves = [(target[:32], target[32:])]
unlabelled = GridSearchCV(MimicGANProjector(gan, **settings), knobs, cv=halves, refit=False).fit(X)

print("with labels:   ", {name.removeprefix("align__"): value for name, value in labelled.best_params_.items()})
print("without labels:", unlabelled.best_params_)

# %%
# Do they agree?
# --------------
# The score is cheap, but it is no oracle: latents that move far and fast can explain a row by the wrong digit, before
# the surrogate has found the rotation. Such settings lie low on the right. A few labels, where there are some, help.

accuracy = labelled.cv_results_["mean_test_score"]
score = unlabelled.cv_results_["mean_test_score"]
chosen = unlabelled.best_index_

fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for rate, colour in zip(knobs["lr_latent"], ("tab:orange", "tab:blue"), strict=True):
    for n_steps, marker in zip(knobs["T2"], ("o", "^"), strict=True):
        tried = unlabelled.cv_results_["params"]
        here = [i for i, point in enumerate(tried) if (point["lr_latent"], point["T2"]) == (rate, n_steps)]
        label = f"lr_latent={rate:g}, T2={n_steps}"
        ax.scatter(score[here], accuracy[here], color=colour, marker=marker, s=50, label=label)
ax.scatter(score[chosen], accuracy[chosen], s=220, facecolor="none", edgecolor="k", label="chosen without labels")
ax.set(xlabel="score without labels (minus loss a row)", ylabel="accuracy with labels")
ax.set_title("One point for each setting of T1, T2 and the learning rates")
ax.legend()
plt.show()
