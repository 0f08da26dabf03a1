"""Learn from five labels of each digit, from scratch and by transfer: under a minute."""

import sys
from pathlib import Path
from tempfile import gettempdir

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skdeepopt import CNNClassifier, DistilledEstimator, TransferDisplay, TransferEstimator
from skdeepopt.datasets import load_digits_images

X, y = load_digits_images().all
X_few, X_rest, y_few, y_rest = train_test_split(X, y, train_size=50, stratify=y, random_state=0)
X_more, X_test, _, y_test = train_test_split(X_rest, y_rest, stratify=y_rest, random_state=0)

# As many passes for both; the second begins with what the package's network knows of digits.
scratch = CNNClassifier(max_epochs=100, random_state=0)
transfer = TransferEstimator("mnist-compact", max_epochs=100, random_state=0)
for name, model in {"from scratch": scratch, "transferred": transfer}.items():
    print(f"{name}: {model.fit(X_few, y_few).score(X_test, y_test):.1%} of the test images")

# Frozen, the network feeds any estimator of scikit-learn.
features = TransferEstimator("mnist-compact", strategy="features", random_state=0)
svm = make_pipeline(features, SVC()).fit(X_few, y_few)
print(f"a support vector machine on its features: {svm.score(X_test, y_test):.1%}")

# A student of a tenth of its parameters learns from its answers to images without labels.
student = CNNClassifier(widths=0.25, max_epochs=30, random_state=0)
distilled = DistilledEstimator(student, FrozenEstimator(transfer), unlabelled=X_more)
distilled.fit(X_few, y_few)
print(f"distilled: {distilled.score(X_test, y_test):.1%} of the test images")
print(distilled.distillation_report_)

display = TransferDisplay.from_estimators(
    {
        "transferred": transfer,
        "from scratch": scratch,
        "logistic regression": LogisticRegression(max_iter=1000),
    },
    X.reshape(len(X), -1),
    y,
    labels_per_class=(1, 5, 20),
    n_repeats=2,
    random_state=0,
)
folder = Path(sys.argv[1] if len(sys.argv) > 1 else gettempdir())
display.figure_.savefig(folder / "transfer.png", dpi=150)
print(f"chart: {folder / 'transfer.png'}")
