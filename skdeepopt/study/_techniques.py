"""The techniques that a study compares: one function each, registered where it is written.

A technique is added by a function below: it takes the setting and a seed, and returns an unfitted
estimator whose every random choice follows from that seed. What it builds is fitted on the
training part once, or on a few labels of it. A search offers ``best_estimator_``, which is the
model that is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import loguniform, uniform
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedShuffleSplit

from skdeepopt.data._layout import infer_layout
from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.meta._distilled import DistilledEstimator
from skdeepopt.meta._packed import PackedEstimator
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator
from skdeepopt.meta._transferred import TransferEstimator
from skdeepopt.report._table import BASELINE
from skdeepopt.study._setting import StudySetting

__all__ = ["TECHNIQUES", "Technique", "technique"]

Build = Callable[[StudySetting, int], Any]

FEW = 5
"""Labels of each class where labels are few."""

FEW_EPOCHS = 100
"""Passes over so few images, with and without a pretrained network: some hundred steps."""

STUDENT_WIDTHS = 0.25
"""Of the student, as a share of the teacher's: less than a tenth of the parameters."""


def _runs_on_any(dataset: Any) -> str:
    return ""


@dataclass(frozen=True)
class Technique:
    """A way to get a model: its name, a line about it, and what builds the estimator.

    Parameters
    ----------
    name : str
        As the table shows it, at most 25 characters.
    summary : str
        What it does, in a line.
    build : callable
        ``build(setting, seed)`` returns an unfitted estimator.
    labels_per_class : int or None, default=None
        Training images of each class that it sees, drawn by the seed; None is all.
    left_out : callable
        ``left_out(dataset)`` says why the technique does not run on a data set; empty where it
        does, as on any by default.
    """

    name: str
    summary: str
    build: Build
    labels_per_class: int | None = None
    left_out: Callable[[Any], str] = _runs_on_any

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= 25:
            raise ValueError(f"Technique.name has 1 to 25 characters, not {self.name!r}.")


TECHNIQUES: dict[str, Technique] = {}
"""By name, in the order of the table; the baseline, which the others are held against, first."""


def technique(name: str, summary: str, **options: Any) -> Callable[[Build], Build]:
    """Decorator that registers a function as the technique `name`; `options` as in it."""

    def register(build: Build) -> Build:
        assert name not in TECHNIQUES, f"two techniques are named {name!r}"
        TECHNIQUES[name] = Technique(name, summary, build, **options)
        return build

    return register


@technique(BASELINE, "the network with its default settings")
def _baseline(setting: StudySetting, seed: int) -> Any:
    return _network(setting, seed)


@technique("grid search", "every combination of a few values")
def _grid_search(setting: StudySetting, seed: int) -> Any:
    lr = [0.003, 0.01, 0.03] if setting.quick else [0.005, 0.02]
    grid = {"lr": lr, "widths": [1.0] if setting.quick else list(setting.widths)}
    return GridSearchCV(_network(setting, seed), grid, cv=_splits(setting, seed))


@technique("random search", "settings drawn at random")
def _random_search(setting: StudySetting, seed: int) -> Any:
    space = {
        "lr": loguniform(2e-3, 3e-2),
        "weight_decay": loguniform(1e-4, 1e-1),
        "batch_size": list(setting.batch_sizes),
        "widths": list(setting.widths),
        "dropout": uniform(0.0, 0.3),
        "label_smoothing": [0.0, 0.05, 0.1],
    }
    return RandomizedSearchCV(
        _network(setting, seed),
        space,
        n_iter=setting.n_candidates,
        cv=_splits(setting, seed),
        random_state=seed,
    )


@technique("Bayesian search", "settings that a model of the earlier ones suggests")
def _bayesian_search(setting: StudySetting, seed: int) -> Any:
    from skopt import BayesSearchCV
    from skopt.space import Categorical, Real

    space = {
        "lr": Real(2e-3, 3e-2, prior="log-uniform"),
        "weight_decay": Real(1e-4, 1e-1, prior="log-uniform"),
        "batch_size": Categorical(setting.batch_sizes),
        "widths": Categorical(setting.widths),
        "dropout": Real(0.0, 0.3),
        "label_smoothing": Categorical([0.0, 0.05, 0.1]),
    }
    return BayesSearchCV(
        _network(setting, seed),
        space,
        n_iter=setting.n_candidates,
        cv=_splits(setting, seed),
        random_state=seed,
        # skopt begins with ten random settings, which here would leave none to be suggested.
        optimizer_kwargs={"n_initial_points": max(2, setting.n_candidates // 2)},
    )


@technique("pruned, weights", "nine weights of ten set to zero, for a smaller file")
def _pruned_weights(setting: StudySetting, seed: int) -> Any:
    return PrunedEstimator(
        _network(setting, seed),
        pruning_ratio=0.9,
        granularity="weight",
        criterion="lamp",
        finetune_epochs=setting.max_epochs,
        random_state=seed,
    )


@technique("pruned, channels", "channels removed until a quarter of the multiply-adds is left")
def _pruned_channels(setting: StudySetting, seed: int) -> Any:
    return PrunedEstimator(
        _network(setting, seed),
        pruning_ratio=0.75,
        granularity="channel",
        scope="multiply_adds",
        finetune_epochs=setting.max_epochs,
        random_state=seed,
    )


@technique("quantized, after training", "weights and what flows between layers in 8 bits")
def _quantized_after(setting: StudySetting, seed: int) -> Any:
    return QuantizedEstimator(_network(setting, seed), random_state=seed)


@technique("quantized, in training", "weights in 4 bits, trained on with the rounding")
def _quantized_in_training(setting: StudySetting, seed: int) -> Any:
    return QuantizedEstimator(
        _network(setting, seed),
        scheme="int4",
        method="training",
        finetune_epochs=max(1, setting.max_epochs // 2),
        random_state=seed,
    )


@technique("pruned and quantized", "channels removed, and the rest in 8 bits")
def _pruned_and_quantized(setting: StudySetting, seed: int) -> Any:
    return QuantizedEstimator(_pruned_channels(setting, seed), random_state=seed)


@technique("packed", "about one bit a weight, with the length of the file in the loss")
def _packed(setting: StudySetting, seed: int) -> Any:
    return PackedEstimator(
        _network(setting, seed),
        # What is left of the weights is found while they train: twice the passes of a pruning.
        finetune_epochs=2 * setting.max_epochs,
        random_state=seed,
    )


def _seen_before(dataset: Any) -> str:
    if dataset.name == "mnist":
        return "its source has seen all training images of MNIST"
    channels = infer_layout(dataset.X_train.shape, None, owner="compare").shape[0]
    return "" if channels in (1, 3) else f"its source takes no images of {channels} channels"


def _no_digits(dataset: Any) -> str:
    if dataset.name != "digits":
        return "the setting of few labels is for the digits"
    fewest = np.unique(dataset.y_train, return_counts=True)[1].min()
    return "" if fewest >= FEW else f"a class has {fewest} training images"


@technique("transferred", "from a network that has seen MNIST", left_out=_seen_before)
def _transferred(setting: StudySetting, seed: int) -> Any:
    return TransferEstimator(max_epochs=setting.max_epochs, random_state=seed)


@technique("distilled", "a tenth of the parameters, taught by the baseline")
def _distilled(setting: StudySetting, seed: int) -> Any:
    # A small network needs more passes, and each costs a fraction of the teacher's.
    student = _network(setting, seed).set_params(
        max_epochs=3 * setting.max_epochs, widths=STUDENT_WIDTHS
    )
    return DistilledEstimator(student, _network(setting, seed), random_state=seed)


@technique(
    "baseline, few labels",
    f"the baseline on {FEW} labels of each class",
    labels_per_class=FEW,
    left_out=_no_digits,
)
def _baseline_few(setting: StudySetting, seed: int) -> Any:
    return CNNClassifier(max_epochs=FEW_EPOCHS, random_state=seed)


@technique(
    "transferred, few labels",
    f"from a network that has seen MNIST, on the same {FEW} labels of each class",
    labels_per_class=FEW,
    left_out=_no_digits,
)
def _transferred_few(setting: StudySetting, seed: int) -> Any:
    return TransferEstimator(max_epochs=FEW_EPOCHS, random_state=seed)


def _network(setting: StudySetting, seed: int) -> CNNClassifier:
    return CNNClassifier(max_epochs=setting.max_epochs, random_state=seed)


def _splits(setting: StudySetting, seed: int) -> StratifiedShuffleSplit:
    # Both parts are drawn from the training data, and the search then refits on all of it.
    return StratifiedShuffleSplit(
        setting.n_splits,
        train_size=setting.search_train,
        test_size=setting.search_test,
        random_state=seed,
    )
