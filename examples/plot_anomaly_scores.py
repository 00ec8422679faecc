"""
Anomaly scores and where they come from
=======================================

Somebody has pictures that are all as they should be, and wants to know which new ones are not. Nobody can say what
may go wrong, so there is nothing to train a classifier on.

`MimicAnomalyDetector` remembers the normal pictures. For each new one it looks for the normal picture that can mimic
it best, where strokes may move by a pixel or two. What is left over is the score. It can be shown: the new picture,
the normal one beside it, and a map of where they differ. `AnomalyDisplay` draws this for the strangest pictures.

Here the normal pictures are handwritten digits, all but the fours. Then fours turn up among the new ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

from skmimic import MimicAnomalyDetector
from skmimic.datasets import load_mnist_sample
from skmimic.plotting import AnomalyDisplay

# %%
# Normal pictures and new ones
# ----------------------------
# 2,000 digits come with the package. 1,500 digits that are no fours are normal. The new ones are 240 others and 60
# fours. The detector takes bytes as they are, (n, 28, 28).

digits = load_mnist_sample()
order = np.random.default_rng(0).permutation(len(digits.images))
images, labels = digits.images[order], digits.target[order]
others, fours = images[labels != 4], images[labels == 4]
X_normal = others[:1500]
X_new = np.concatenate([others[1500:1740], fours[:60]])
is_four = np.arange(300) >= 240

# %%
# One answer with everything
# --------------------------
# ``contamination=0.05`` allows for false alarms: one normal picture in twenty may be called an anomaly. `fit` holds
# a fifth of the normal pictures out to set the threshold, so that this rate holds for *new* pictures.
#
# `report` gives scores, p-values and labels of all pictures. Maps cost more, so they are asked for the strangest only.

detector = MimicAnomalyDetector(contamination=0.05, random_state=0).fit(X_normal)
report = detector.report(X_new, n_shown=10)
print(report)
print(f"area under the ROC curve: {roc_auc_score(is_four, -report.scores):.3f}")
flagged = report.labels == -1
print(f"flagged: {flagged[is_four].sum()} of 60 fours, {flagged[~is_four].sum()} of 240 other digits")

# %%
# Which pictures, and where in them
# ---------------------------------
# The strangest stand on the left. Most are fours, beside a nine. The map is dark where strokes of one find no partner
# in the other. Some are other digits that nobody else writes like this: a low score says that no normal picture is
# alike, not why.

fig, axes = plt.subplots(2, 1, figsize=(9, 7), height_ratios=(1.5, 1), layout="constrained")
display = AnomalyDisplay.from_estimator(detector, X_new, n_images=10, axes=axes)
shown = np.concatenate([labels[labels != 4][1500:1740], np.full(60, 4)])[report.shown]
print("shown from left to right:", *shown)
plt.show()

# %%
# Other pictures
# --------------
# Where a whole picture has no normal twin, as with faces, ``score_by="patches"`` compares neighbourhoods of pixels. For
# photographs the edges can give way to features of a network: `features` is any function from pictures, a tensor in
# [0, 1], to feature maps. The lines below need torchvision and were not run here::
#
#     from torchvision.models import resnet18
#
#     network = resnet18(weights="DEFAULT").eval()
#     layers = torch.nn.Sequential(network.conv1, network.bn1, network.relu, network.layer1)
#     detector = MimicAnomalyDetector(features=layers).fit(X_normal)  # RGB, (n, 64, 64, 3)
