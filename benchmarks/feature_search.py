"""Seconds of the first fit on features, and of later ones that search over heads.

A residual network's features of CIFAR-10's training images are computed once and kept, so that
later fits pay for what they change, the head. Times do not depend on the network's weights, so it
is hardly trained.

    SKDEEPOPT_DATA=... taskset -c 1 python benchmarks/feature_search.py
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from _record import spread, write_record
from _rows import timed
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier

from skdeepopt import CNNClassifier, TransferEstimator
from skdeepopt.datasets import load_cifar10

ALPHAS = (0.1, 1.0, 10.0, 100.0)


def main() -> None:
    """Fit one head after another, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=20_000)
    n_samples = parser.parse_args().samples
    torch.set_num_threads(1)
    data = load_cifar10()
    order = torch.randperm(len(data.y_train), generator=torch.Generator().manual_seed(0)).numpy()
    X, y = data.X_train[order[:n_samples]], data.y_train[order[:n_samples]]
    source = CNNClassifier("residual", max_epochs=1, random_state=0).fit(X[:500], y[:500])
    search = TransferEstimator(FrozenEstimator(source), strategy="features", random_state=0)
    first, *later = [
        timed(partial(clone(search).set_params(head=RidgeClassifier(alpha=alpha)).fit, X, y))[1]
        for alpha in ALPHAS
    ]
    results = {
        "first_s": first,
        "later_s": spread(later),
        "share": spread(seconds / first for seconds in later),
    }
    print(results)
    write_record("feature_search", {"samples": n_samples, "alphas": ALPHAS, "threads": 1}, results)


if __name__ == "__main__":
    main()
