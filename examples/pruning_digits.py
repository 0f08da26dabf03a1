"""Prune one trained CNN by channels and by weights, and search how far: under a minute."""

import sys
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, PredefinedSplit, train_test_split

from skdeepopt import CNNClassifier, PrunedEstimator, PruningDisplay
from skdeepopt.datasets import load_digits_images

X, y = load_digits_images().all
X_rest, X_test, y_rest, y_test = train_test_split(X, y, stratify=y, random_state=0)
X_train, X_valid, y_train, y_valid = train_test_split(
    X_rest, y_rest, stratify=y_rest, random_state=0
)
X_both, y_both = np.concatenate([X_train, X_valid]), np.concatenate([y_train, y_valid])

# Every candidate prunes this one network, which therefore must not have seen what they are
# judged on.
dense = CNNClassifier(label_smoothing=0.1, random_state=0).fit(X_train, y_train)
judged_on = PredefinedSplit([-1] * len(X_train) + [0] * len(X_valid))
print(f"dense: {dense.score(X_test, y_test):.1%} of the test images\n")


def smallest_that_will_do(results: dict) -> int:
    """Of the candidates within half a point of the best, the one with the largest ratio."""
    scores = results["mean_test_score"]
    ratios = np.asarray(results["param_pruning_ratio"], dtype=float)
    return int(np.where(scores >= scores.max() - 0.005, ratios, -1).argmax())


folder = Path(sys.argv[1] if len(sys.argv) > 1 else gettempdir())
ways = {
    "channels": {"granularity": "channel", "scope": "multiply_adds"},
    "weights": {"granularity": "weight", "criterion": "lamp"},
}
for name, way in ways.items():
    search = GridSearchCV(
        PrunedEstimator(FrozenEstimator(dense), random_state=0, **way),
        {"pruning_ratio": [0.25, 0.5, 0.75, 0.85, 0.9, 0.95]},
        cv=judged_on,
        refit=smallest_that_will_do,
    ).fit(X_both, y_both)
    print(f"{name}: {search.score(X_test, y_test):.1%} of the test images")
    print(search.best_estimator_.pruning_report_, end="\n\n")
    PruningDisplay.from_estimator(search).figure_.savefig(folder / f"pruned-{name}.png", dpi=150)

print(f"charts: {folder / 'pruned-channels.png'} and {folder / 'pruned-weights.png'}")
