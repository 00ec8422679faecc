"""
Clean attacked digits, and attack the cleaning
==============================================

An attack moves every pixel of a digit a little, so that a classifier misreads it. `MimicDefense` takes off what the
rows of a batch share of the attack, and answers with images of a generator, here of 20 principal components. That
restores a part of what attacks on the bare classifier have spoilt. An attacker who knows the defence, and follows the
gradient through it, is held up less: this is a test-bed, no protection.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from skmimic import MimicDefense
from skmimic.attacks import Budget, exact_gradient_attack

# %%
# A classifier, and the same one in torch, as attacks want it.

digits = load_digits()
X, y = digits.data.astype("float32") / 16, digits.target
fitted = LogisticRegression(C=100, max_iter=5000).fit(X[:1200], y[:1200])
classifier = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
classifier[1].weight.data = torch.tensor(fitted.coef_, dtype=torch.float32)
classifier[1].bias.data = torch.tensor(fitted.intercept_, dtype=torch.float32)

# %%
# The defence sees clean images only, without their labels.

defence = MimicDefense(PCA(20, random_state=0), data_range=(0, 1)).fit(X[:1200])
clean = defence.module()
images, labels = X[1200:1500].reshape(-1, 1, 8, 8), y[1200:1500]

# %%
# Accuracy without defence, behind it, and behind it when the attacker knows it.

sizes = (0.0, 0.05, 0.1, 0.15, 0.2)
curves = {"no defence": [], "defended": [], "defended, and the attacker knows": []}
for eps in sizes:
    budget = Budget(eps=max(eps, 1e-6), n_steps=10)
    attacked = exact_gradient_attack(None, classifier, images, labels, budget).images
    answers = defence.transform(attacked).reshape(len(attacked), -1)
    curves["no defence"].append(fitted.score(attacked.reshape(len(attacked), -1), labels))
    curves["defended"].append(fitted.score(answers, labels))
    curves["defended, and the attacker knows"].append(
        exact_gradient_attack(clean, classifier, images, labels, budget).accuracy
    )
    if eps == 0.1:
        shown = images[:8], attacked[:8], answers[:8].reshape(-1, 1, 8, 8)

figure = plt.figure(figsize=(9, 3.2), layout="constrained")
left, right = figure.subfigures(1, 2)
axes = left.subplots()
for name, values in curves.items():
    axes.plot(sizes, [100 * value for value in values], marker="o", label=name)
axes.set(xlabel="size of the attack, pixels in [0, 1]", ylabel="accuracy, %", ylim=(0, 100))
axes.legend(fontsize=7)
for row, (name, pictures) in zip(
    right.subplots(3, 8), zip(("clean", "attacked", "restored"), shown, strict=True), strict=True
):
    for cell, picture in zip(row, pictures, strict=True):
        cell.imshow(picture[0], cmap="gray", vmin=0, vmax=1)
        cell.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, fontsize=8)
plt.show()
