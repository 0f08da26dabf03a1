"""Pack one trained CNN into 3,000 and 1,500 bytes, and see where they go: under a minute."""

import sys
from pathlib import Path
from tempfile import gettempdir

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from skdeepopt import CNNClassifier, PackedEstimator, PackingDisplay, load, save
from skdeepopt.cli import main
from skdeepopt.datasets import load_digits_images

X, y = load_digits_images().all
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
base = CNNClassifier(label_smoothing=0.1, random_state=0).fit(X_train, y_train)
folder = Path(sys.argv[1] if len(sys.argv) > 1 else gettempdir())
dense = save(base, folder / "dense.skdo")
print(f"dense: {base.score(X_test, y_test):.1%} of the test images, {dense.stat().st_size} bytes\n")

models = []
for target_bytes in (3000, 1500):
    model = PackedEstimator(FrozenEstimator(base), target_bytes=target_bytes, random_state=0)
    models.append(model.fit(X_train, y_train))
    print(f"{model.size_bytes_} bytes: {model.score(X_test, y_test):.1%} of the test images")
    print(model.packing_report_, end="\n\n")

path = save(models[-1], folder / "packed.skdo")
again = load(path)
print("loaded, same answers:", bool((again.predict(X_test) == models[-1].predict(X_test)).all()))
display = PackingDisplay.from_estimators(models)
display.figure_.savefig(folder / "packed.png", dpi=150)
print(f"chart: {folder / 'packed.png'}\n")

# As in a shell: python -m skdeepopt inspect packed.skdo --out bytes.png
main(["inspect", str(path), "--out", str(folder / "bytes.png")])
