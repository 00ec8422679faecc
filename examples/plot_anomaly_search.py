"""
Choosing a detector's settings in scikit-learn
==============================================

`MimicAnomalyDetector` works without a setting. If some anomalies are known, scikit-learn's own tools can ask whether
other settings are better: `Pipeline`, `cross_val_score` and `GridSearchCV`.

Known anomalies are seldom those that come. So the settings are chosen here on one kind, eights, and judged on another
that nobody has seen, twos. All other digits are normal.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import false_discovery_control
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, ShuffleSplit, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skmimic import MimicAnomalyDetector
from skmimic.datasets import load_mnist_sample

# %%
# Normal digits, known anomalies, and others
# ------------------------------------------
# As scikit-learn has it, +1 is normal and -1 is not.

digits = load_mnist_sample()
order = np.random.default_rng(0).permutation(len(digits.images))
images, labels = digits.images[order], digits.target[order]
normal, eights, twos = images[~np.isin(labels, (2, 8))], images[labels == 8], images[labels == 2]
X, y = np.concatenate([normal[:1400], eights[:100]]), np.repeat([1, -1], (1400, 100))
X_new, y_new = np.concatenate([normal[1400:1580], twos[:60]]), np.repeat([1, -1], (180, 60))

# %%
# A pipeline
# ----------
# The first step averages squares of four pixels, which makes all that follows four times as fast.


def halve(X):
    """Average squares of 2x2 pixels of images (n, 28, 28)."""
    return X.reshape(len(X), 14, 2, 14, 2).mean(axis=(2, 4)).astype(np.uint8)


pipe = Pipeline([("halve", FunctionTransformer(halve)), ("detector", MimicAnomalyDetector(random_state=0))])

# %%
# Folds that learn from normal digits alone
# -----------------------------------------
# A fold is a pair (train, test) of positions. Of the normal digits 1,260 train; 120 others and all eights test.

is_eight = np.flatnonzero(y == -1)
splits = ShuffleSplit(2, train_size=1260, test_size=120, random_state=0)
folds = [(train, np.r_[test, is_eight]) for train, test in splits.split(X[y == 1])]
default = cross_val_score(pipe, X, y, cv=folds, scoring="roc_auc")
print(f"default settings, eights: area under the ROC curve {default.mean():.3f}, folds {default.round(3)}")

# %%
# Search
# ------
# ``n_candidates`` normal digits are matched with each new one; ``reach`` is how many pixels strokes may move. Both mean
# nothing to ``score_by="patches"``. With ``refit=False`` no eight gets among the digits that are normal.

matched = {"score_by": ["auto", "edges"], "n_candidates": [5, 20], "reach": [0, 1, 2]}
grids = [
    {f"detector__{name}": values for name, values in grid.items()} for grid in (matched, {"score_by": ["patches"]})
]
search = GridSearchCV(pipe, grids, cv=folds, scoring="roc_auc", refit=False).fit(X, y)
best = {name.removeprefix("detector__"): value for name, value in search.best_params_.items()}
print(f"best settings, eights: area under the ROC curve {search.best_score_:.3f}, {best}")

# %%
# Anomalies that nobody has seen
# ------------------------------
# Of a list of anomalies a tenth may be false: one line of scipy makes it from the p-values. That is so on average; a
# single list may have more or fewer.
#
# A search need not find anything better than the defaults. Then it says so.

for name, settings in {"default": {}, "best": search.best_params_}.items():
    model = pipe.set_params(**settings).fit(X[y == 1])
    area = roc_auc_score(y_new, model.score_samples(X_new))
    p_values = model["detector"].p_values(model[:-1].transform(X_new))
    is_listed = false_discovery_control(p_values) <= 0.1
    false = (is_listed & (y_new == 1)).sum()
    print(f"{name} settings, twos: area {area:.3f}; {is_listed.sum()} listed, of which {false} are normal")

# %%
# What the settings cost
# ----------------------
# Each point is a setting. More candidates take longer, and not every setting gains from them.

results, fig = search.cv_results_, plt.figure(figsize=(6.5, 4), layout="constrained")
ax = fig.subplots()
for score_by, colour in {"auto": "tab:blue", "edges": "tab:orange", "patches": "tab:green"}.items():
    for reach, marker in {0: "o", 1: "^", 2: "s", "auto": "D"}.items():
        points = [(p["detector__score_by"], p.get("detector__reach", "auto")) for p in results["params"]]
        here = [index for index, point in enumerate(points) if point == (score_by, reach)]
        if here:
            label = score_by if reach == "auto" else f"{score_by}, reach {reach}"
            ax.scatter(results["mean_score_time"][here], results["mean_test_score"][here], s=45, color=colour,
                       marker=marker, label=label)  # fmt: skip
ax.set(xlabel="seconds to score a fold", ylabel="area under the ROC curve, eights")
ax.legend(fontsize=8)
plt.show()
