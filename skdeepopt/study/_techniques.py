"""The techniques that a study compares: one function each, registered where it is written.

A technique is added by a function below: it takes the setting and a seed, and returns an unfitted
estimator whose every random choice follows from that seed. What it builds is fitted on the
training part once, or on a few labels of it. A search offers ``best_estimator_``, which is the
model that is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import loguniform, uniform
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from skdeepopt.data._layout import infer_layout
from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.meta._distilled import DistilledEstimator
from skdeepopt.meta._packed import PackedEstimator
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator
from skdeepopt.meta._transferred import TransferEstimator
from skdeepopt.preprocessing._augmenter import ImageAugmenter
from skdeepopt.report._table import BASELINE
from skdeepopt.search._bayes import BayesSearchCV
from skdeepopt.study._setting import StudySetting
from skdeepopt.study._setting_file import read_setting_file
from skdeepopt.study._together import together

__all__ = ["TECHNIQUES", "TOGETHER", "Technique", "technique"]

Build = Callable[[StudySetting, int], Any]

Kind = Literal["single", "search", "combination"]

_FEW = read_setting_file()["techniques"]["few_labels"]["labels_per_class"]

BASELINE_FEW = f"{BASELINE}, few labels"

TOGETHER = "all together"


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
    kind : {"single", "search", "combination"}, default="single"
        One technique; one that tries settings, with a budget of several trainings; or several
        techniques in a stack.
    labels_per_class : int or None, default=None
        Training images of each class that it sees, drawn by the seed; None is all.
    against : str, default="baseline"
        Technique that its changes are taken against.
    left_out : callable
        ``left_out(dataset)`` says why the technique does not run on a data set; empty where it
        does, as on any by default.
    """

    name: str
    summary: str
    build: Build
    kind: Kind = "single"
    labels_per_class: int | None = None
    against: str = BASELINE
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


@technique("grid search", "every combination of a few values", kind="search")
def _grid_search(setting: StudySetting, seed: int) -> Any:
    grid = {"lr": list(setting.grid_lr), "widths": list(setting.grid_widths)}
    return GridSearchCV(_network(setting, seed), grid, cv=_splits(setting, seed))


@technique("random search", "settings drawn at random", kind="search")
def _random_search(setting: StudySetting, seed: int) -> Any:
    ranges = setting.recipes["tuning"]
    lowest, highest = ranges["dropout"]
    space = {
        "lr": loguniform(*ranges["lr"]),
        "weight_decay": loguniform(*ranges["weight_decay"]),
        "batch_size": list(setting.batch_sizes),
        "widths": list(setting.widths),
        "dropout": uniform(lowest, highest - lowest),
        "label_smoothing": ranges["label_smoothing"],
    }
    return RandomizedSearchCV(
        _network(setting, seed),
        space,
        n_iter=setting.n_candidates,
        cv=_splits(setting, seed),
        random_state=seed,
    )


@technique("Bayesian search", "settings that a model of the earlier ones suggests", kind="search")
def _bayesian_search(setting: StudySetting, seed: int) -> Any:
    ranges = setting.recipes["tuning"]
    space = {
        "lr": (*ranges["lr"], "log-uniform"),
        "weight_decay": (*ranges["weight_decay"], "log-uniform"),
        "batch_size": list(setting.batch_sizes),
        "widths": list(setting.widths),
        "dropout": tuple(ranges["dropout"]),
        "label_smoothing": ranges["label_smoothing"],
    }
    return BayesSearchCV(
        _network(setting, seed),
        space,
        n_iter=setting.n_candidates,
        cv=_splits(setting, seed),
        random_state=seed,
    )


@technique("pruned, weights", "most weights set to zero, for a smaller file")
def _pruned_weights(setting: StudySetting, seed: int) -> Any:
    recipe = setting.recipes["pruned_weights"]
    return PrunedEstimator(
        _network(setting, seed, recipe["base_passes"]),
        pruning_ratio=recipe["pruning_ratio"],
        granularity="weight",
        criterion="lamp",
        finetune_epochs=setting.passes(recipe["passes"]),
        random_state=seed,
    )


@technique("pruned, channels", "channels removed until a part of the multiply-adds is left")
def _pruned_channels(setting: StudySetting, seed: int) -> Any:
    recipe = setting.recipes["pruned_channels"]
    return PrunedEstimator(
        _network(setting, seed, recipe["base_passes"]),
        pruning_ratio=recipe["pruning_ratio"],
        granularity="channel",
        scope="multiply_adds",
        finetune_epochs=setting.passes(recipe["passes"]),
        random_state=seed,
    )


@technique("quantized, after training", "weights and what flows between layers in few bits")
def _quantized_after(setting: StudySetting, seed: int) -> Any:
    recipe = setting.recipes["quantized_after_training"]
    base = _network(setting, seed, recipe["base_passes"])
    return QuantizedEstimator(base, scheme=recipe["scheme"], random_state=seed)


@technique("quantized, in training", "weights in fewer bits, trained on with the rounding")
def _quantized_in_training(setting: StudySetting, seed: int) -> Any:
    recipe = setting.recipes["quantized_in_training"]
    return QuantizedEstimator(
        _network(setting, seed, recipe["base_passes"]),
        scheme=recipe["scheme"],
        method="training",
        finetune_epochs=setting.passes(recipe["passes"]),
        random_state=seed,
    )


@technique("pruned and quantized", "channels removed, and the rest in 8 bits", kind="combination")
def _pruned_and_quantized(setting: StudySetting, seed: int) -> Any:
    scheme = setting.recipes["pruned_and_quantized"]["scheme"]
    return QuantizedEstimator(_pruned_channels(setting, seed), scheme=scheme, random_state=seed)


@technique("packed", "about one bit a weight, with the length of the file in the loss")
def _packed(setting: StudySetting, seed: int) -> Any:
    recipe = setting.recipes["packed"]
    return PackedEstimator(
        _network(setting, seed, recipe["base_passes"]),
        finetune_epochs=setting.passes(recipe["passes"]),
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
    return "" if fewest >= _FEW else f"a class has {fewest} training images"


@technique("transferred", "from a network that has seen MNIST", left_out=_seen_before)
def _transferred(setting: StudySetting, seed: int) -> Any:
    passes = setting.passes(setting.recipes["transferred"]["passes"])
    return TransferEstimator(max_epochs=passes, random_state=seed)


@technique("distilled", "a tenth of the parameters, taught by the baseline")
def _distilled(setting: StudySetting, seed: int) -> Any:
    recipe = setting.recipes["distilled"]
    student = _network(setting, seed, recipe["passes"]).set_params(widths=recipe["widths"])
    return DistilledEstimator(student, _network(setting, seed), random_state=seed)


@technique(
    TOGETHER,
    "transferred where its source has not seen the data, tuned, pruned and quantized",
    kind="combination",
)
def _all_together(setting: StudySetting, seed: int) -> Any:
    return together(setting, seed)


@technique(
    BASELINE_FEW,
    f"the baseline on {_FEW} labels of each class",
    labels_per_class=_FEW,
    against=BASELINE_FEW,
    left_out=_no_digits,
)
def _baseline_few(setting: StudySetting, seed: int) -> Any:
    return CNNClassifier(max_epochs=setting.recipes["few_labels"]["max_epochs"], random_state=seed)


@technique(
    "tuned, few labels",
    f"settings drawn at random, with changed images among them, on the same {_FEW} labels",
    kind="search",
    labels_per_class=_FEW,
    against=BASELINE_FEW,
    left_out=_no_digits,
)
def _tuned_few(setting: StudySetting, seed: int) -> Any:
    recipe = setting.recipes["few_labels"]
    space = {
        "lr": loguniform(*recipe["lr"]),
        "max_epochs": recipe["tuned_epochs"],
        "augment": [None, ImageAugmenter(**recipe["augment"])],
        "label_smoothing": setting.recipes["tuning"]["label_smoothing"],
    }
    return RandomizedSearchCV(
        CNNClassifier(random_state=seed),
        space,
        n_iter=recipe["n_candidates"],
        cv=StratifiedKFold(recipe["n_folds"], shuffle=True, random_state=seed),
        random_state=seed,
    )


@technique(
    "transferred, few labels",
    f"from a network that has seen MNIST, on the same {_FEW} labels of each class",
    labels_per_class=_FEW,
    against=BASELINE_FEW,
    left_out=_no_digits,
)
def _transferred_few(setting: StudySetting, seed: int) -> Any:
    epochs = setting.recipes["few_labels"]["transferred_epochs"]
    return TransferEstimator(max_epochs=epochs, random_state=seed)


def _network(setting: StudySetting, seed: int, share: float = 1.0) -> CNNClassifier:
    return CNNClassifier(max_epochs=setting.passes(share), random_state=seed)


def _splits(setting: StudySetting, seed: int) -> StratifiedShuffleSplit:
    # Both parts are drawn from the training data, and the search then refits on all of it.
    return StratifiedShuffleSplit(
        setting.n_splits,
        train_size=setting.search_train,
        test_size=setting.search_test,
        random_state=seed,
    )
