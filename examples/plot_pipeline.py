"""
A classifier that reads another scanner's digits
================================================

A nearest-neighbour classifier learned MNIST. Now it shall read scikit-learn's own digits, which other people wrote and
another machine scanned, cropped and blurred. Retraining needs labels; aligning does not.

In a `Pipeline`, `MimicDomainAligner` hands the source rows on as they are when it is fitted. When target rows come, it
estimates the corruption between the two data sets and replaces every row by its clean twin on the source manifold.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from skmimic import MimicDomainAligner, load_gan
from skmimic.datasets import load_digits_images, load_mnist_sample

# %%
# Source and target
# -----------------
# Both as rows of 16x16 pixels, 0 to 255. The labels of the target only serve to count the right answers.

X_source, y_source = load_mnist_sample(size=16, return_X_y=True)
X_target, y_target = load_digits_images(size=16, return_X_y=True)
chosen = np.random.default_rng(0).permutation(len(X_target))[:256]
X_target, y_target = X_target[chosen], y_target[chosen]

# %%
# The pipeline
# ------------
# The surrogate is named, not searched for: between two data sets every row has a little affine map of its own, and the
# strokes differ in width, which is what a convolution is for. With some hundreds of rows more, the default solver also
# trains an encoder, which is more accurate and projects faster.

aligner = MimicDomainAligner(load_gan("mnist16"), surrogate="affine+photometric+convolution", T=12, random_state=0)
pipe = Pipeline([("align", aligner), ("knn", KNeighborsClassifier(1))])
pipe.fit(X_source, y_source)

before = pipe["knn"].score(X_target, y_target)
aligned = pipe["align"].transform(X_target)
after = pipe["knn"].score(aligned, y_target)
print(f"right answers: {before:.1%} before, {after:.1%} after alignment")

# %%
# ``pipe.score(X_target, y_target)`` is the same in one call.
#
# What the classifier was shown
# -----------------------------
# Green labels are right, red ones wrong.

shown = {"as scanned": X_target, "aligned": aligned}
fig, axes = plt.subplots(2, 12, figsize=(9, 2.4), layout="constrained")
for line, (name, images) in zip(axes, shown.items(), strict=True):
    answers = pipe["knn"].predict(images[:12])
    for ax, image, answer, truth in zip(line, images, answers, y_target, strict=False):
        ax.imshow(image.reshape(16, 16), cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel(f"{answer}", color="tab:green" if answer == truth else "tab:red", fontweight="bold")
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
fig.suptitle(f"1-NN trained on MNIST, shown scikit-learn's digits: {before:.0%} right before, {after:.0%} after")
plt.show()
