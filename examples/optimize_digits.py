"""Let one call find a small and fast model for the digits, and see what it tried: a minute."""

import sys
from pathlib import Path
from tempfile import gettempdir

from sklearn.model_selection import train_test_split

from skdeepopt import AutoOptimizer, CNNClassifier, load, save
from skdeepopt.datasets import load_digits_images

X, y = load_digits_images().all
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
folder = Path(sys.argv[1] if len(sys.argv) > 1 else gettempdir())
plain = CNNClassifier(random_state=0).fit(X_train, y_train)
dense = save(plain, folder / "plain.skdo").stat().st_size
print(f"plain: {plain.score(X_test, y_test):.1%} of the test images, {dense:,} bytes\n")

optimizer = AutoOptimizer(
    CNNClassifier(), max_accuracy_drop=0.005, time_budget=40, verbose=1, random_state=0
)
optimizer.fit(X_train, y_train)
columns = ["name", "accuracy", "file_bytes", "latency_ms", "train_seconds", "chosen"]
print(f"\n{optimizer.pareto_front_[columns].round(4).to_string(index=False)}\n")

path = save(optimizer.best_estimator_, folder / "optimized.skdo")
best = optimizer.best_row_
print(f"chosen: {best['name']} ({best['recipe']})")
print(f"{optimizer.score(X_test, y_test):.1%} of the test images, {path.stat().st_size:,} bytes")
print(f"{dense / path.stat().st_size:.0f} times smaller than the plain one")
same = load(path).predict(X_test) == optimizer.predict(X_test)
print("loaded, same answers:", bool(same.all()))
