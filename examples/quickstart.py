"""Train, search, measure and save a small CNN on scikit-learn's digits: under a minute."""

from sklearn.model_selection import train_test_split
from skopt import BayesSearchCV

from skdeepopt import CNNClassifier, load, measure, save
from skdeepopt.datasets import load_digits_images

X, y = load_digits_images().all
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

model = CNNClassifier(label_smoothing=0.1, random_state=0).fit(X_train, y_train)
print(f"one fit: {model.score(X_test, y_test):.1%} of the test images")

search = BayesSearchCV(
    model,
    {"lr": (1e-3, 1e-1, "log-uniform"), "widths": [0.5, 1.0, 1.5], "dropout": (0.0, 0.5)},
    n_iter=4,
    cv=3,
    random_state=0,
).fit(X_train, y_train)
print(f"searched: {search.score(X_test, y_test):.1%} with {dict(search.best_params_)}")

print(measure(model, X_test, y_test))

save(model, "digits.skdo")
again = load("digits.skdo")
print("loaded, same answers:", bool((again.predict(X_test) == model.predict(X_test)).all()))
