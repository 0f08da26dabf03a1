"""The study's techniques in one stack, with the settings of ``setting.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator
from skdeepopt.meta._transferred import TransferEstimator
from skdeepopt.study._setting import StudySetting

__all__ = ["together"]


def together(setting: StudySetting, seed: int) -> QuantizedEstimator:
    """Unfitted stack: a network transferred or tuned, then pruned, then quantized.

    Parameters
    ----------
    setting : StudySetting
        Its recipe "together" names the data that a source fits.
    seed : int
        Of everything random in it.

    Returns
    -------
    estimator : QuantizedEstimator
        Answers through an inference engine.

    Notes
    -----
    The file says what was chosen, and on what; a stack is one training, not a search.
    """
    fits = setting.data in setting.recipes["together"]["transferred_data"]
    recipe = setting.recipes["together_transferred" if fits else "together_tuned"]
    base = _transferred(recipe, seed) if fits else _tuned(setting, recipe, seed)
    pruned = PrunedEstimator(
        base,
        pruning_ratio=recipe["pruning_ratio"],
        granularity=recipe["granularity"],
        criterion=recipe["criterion"],
        scope=recipe["scope"],
        finetune_epochs=setting.passes(recipe["passes"]),
        random_state=seed,
    )
    return QuantizedEstimator(pruned, scheme=recipe["scheme"], random_state=seed)


def _transferred(recipe: Mapping[str, Any], seed: int) -> TransferEstimator:
    return TransferEstimator(strategy=recipe["strategy"], random_state=seed)


def _tuned(setting: StudySetting, recipe: Mapping[str, Any], seed: int) -> CNNClassifier:
    return CNNClassifier(
        max_epochs=setting.passes(recipe["base_passes"]),
        optimizer=recipe["optimizer"],
        lr=recipe["lr"],
        label_smoothing=recipe["label_smoothing"],
        weight_decay=recipe["weight_decay"],
        random_state=seed,
    )
