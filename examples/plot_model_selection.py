"""
Choosing settings for a target without labels
=============================================

The paper turns ``T1``, ``T2`` and the two learning rates on 100 labelled target images. When a data set comes from
elsewhere, there may be no label at all. Two quantities need none: the `score` of `MimicDomainAligner`, which is minus
the residual that its clean images leave, and skada's scorers, such as the entropy of a classifier's answers.

How far can they be trusted? Here both rank the same settings that labels rank, from MNIST to scikit-learn's digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from skada import make_da_pipeline
from skada.metrics import PredictionEntropyScorer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import MaxAbsScaler

from skmimic import MimicDomainAligner, load_gan
from skmimic.datasets import load_digits_images, load_mnist_sample

# %%
# A fold that goes from source to target
# --------------------------------------
# ``cv`` takes a list of (train, test) positions: learn on MNIST, be judged on 100 digits of the other data set.

X_source, y_source = load_mnist_sample(size=16, return_X_y=True)
X_target, y_target = load_digits_images(size=16, return_X_y=True)
chosen = np.random.default_rng(0).permutation(len(X_target))[:100]
X, y = np.r_[X_source, X_target[chosen]], np.r_[y_source, y_target[chosen]]
source, target_val = np.arange(len(X_source)), np.arange(len(X_source), len(X))

# %%
# Three judges
# ------------
# The aligner hands source rows on as they are, so the classifiers are trained once. A scorer that returns a dictionary
# projects the target once for all of the judges; only the first of them sees a label of it.

nearest = KNeighborsClassifier(1).fit(X_source, y_source)
reader = make_da_pipeline(MaxAbsScaler(), LogisticRegression(C=0.1, max_iter=1000))
reader.fit(X_source, y_source, sample_domain=np.ones(len(X_source), dtype=int))
entropy = PredictionEntropyScorer()


def judge(aligner, X, y):
    clean = aligner.adapt(X).transform(X)
    hidden, domain = np.full(len(X), -1), np.full(len(X), -2)  # skada's signs for no label and for a target
    return {
        "accuracy": nearest.score(clean, y),
        "score": aligner.score(X),
        "entropy": entropy(reader, clean, hidden, sample_domain=domain),
    }


# %%
# The search
# ----------
# ``refit=False``, because a refit would take the target for source. Few rounds keep the example short.

knobs = {"T1": [5, 25], "T2": [5, 25], "lr_surrogate": [1e-2, 5e-2], "lr_latent": [1e-2, 8e-2]}
aligner = MimicDomainAligner(
    load_gan("mnist16"),
    surrogate="affine+photometric+convolution",
    solver="alternating",
    T=2,
    batch_size=100,
    random_state=0,
)
search = GridSearchCV(aligner, knobs, scoring=judge, cv=[(source, target_val)], refit=False).fit(X, y)
found = {name: search.cv_results_[f"mean_test_{name}"] for name in ("accuracy", "score", "entropy")}

for name, values in found.items():
    best = np.argmax(values)
    print(f"chosen by {name:8}: {found['accuracy'][best]:.0%} right, with {search.cv_results_['params'][best]}")
print(f"before alignment: {nearest.score(X[target_val], y[target_val]):.0%}; mean: {found['accuracy'].mean():.0%}")

# %%
# Do they agree?
# --------------
# Spearman's coefficient is 1 where a judge without labels ranks the settings as the labels do, and 0 where it may as
# well throw dice. With 100 images an accuracy is known to some 5 points, so 1 is out of reach.

titles = {"score": "score of the aligner (minus residual)", "entropy": "minus entropy of a logistic regression"}
fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
for ax, (name, title) in zip(axes, titles.items(), strict=True):
    for rate, colour in zip(knobs["lr_latent"], ("tab:orange", "tab:blue"), strict=True):
        here = search.cv_results_["param_lr_latent"] == rate
        ax.scatter(found[name][here], found["accuracy"][here], color=colour, label=f"lr_latent={rate:g}")
    best = np.argmax(found[name])
    ax.scatter(found[name][best], found["accuracy"][best], s=220, facecolor="none", edgecolor="k", label="its choice")
    ax.set(xlabel=title, title=f"Spearman {spearmanr(found[name], found['accuracy'])[0]:.2f}")
axes[0].set_ylabel("accuracy of 1-NN, with labels")
axes[0].legend()
fig.suptitle("One point for each setting of T1, T2 and the learning rates")
plt.show()
