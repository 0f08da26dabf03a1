"""Quantize one trained CNN to 8, 4 and 1 bits, and export the smallest: under a minute."""

import sys
from pathlib import Path
from tempfile import gettempdir

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from skdeepopt import CNNClassifier, QuantizationDisplay, QuantizedEstimator, export
from skdeepopt.datasets import load_digits_images

X, y = load_digits_images().all
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
base = CNNClassifier(label_smoothing=0.1, random_state=0).fit(X_train, y_train)
print(f"dense: {base.score(X_test, y_test):.1%} of the test images\n")

# Eight bits need no training; with fewer, the network learns to live with the rounding.
ways = [
    {"scheme": "int8"},
    {"scheme": "int4", "method": "training"},
    {"scheme": "binary", "method": "training", "finetune_epochs": 10},
]
models = []
for way in ways:
    model = QuantizedEstimator(FrozenEstimator(base), random_state=0, **way)
    models.append(model.fit(X_train, y_train))
    print(f"{way['scheme']}: {model.score(X_test, y_test):.1%} of the test images")
    print(model.quantization_report_, end="\n\n")

folder = Path(sys.argv[1] if len(sys.argv) > 1 else gettempdir())
display = QuantizationDisplay.from_estimators(models)
display.figure_.savefig(folder / "quantized.png", dpi=150)
path = export(models[0], folder / "digits.onnx", X=X_test)
print(f"chart: {folder / 'quantized.png'}; network, labels and all: {path}")
