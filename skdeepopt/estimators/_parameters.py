"""Checks of the parameters that all deep estimators have."""

from __future__ import annotations

from typing import Any

import torch

from skdeepopt._validation import (
    check_choice,
    check_flag,
    check_integer,
    check_ratio,
    check_real,
    did_you_mean,
)
from skdeepopt.preprocessing._augmenter import ImageAugmenter
from skdeepopt.training._device import PRECISIONS
from skdeepopt.training._optimizers import OPTIMIZERS
from skdeepopt.training._schedule import SCHEDULES

__all__ = ["check_training_parameters"]


def check_training_parameters(estimator: Any) -> None:
    """Check the parameters that all deep estimators have.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of its range.
    """
    check_integer(estimator, "max_epochs")
    check_integer(estimator, "n_iter_no_change")
    _check_batch_size(estimator)
    _check_optimizer(estimator)
    check_real(estimator, "weight_decay")
    check_choice(estimator, "schedule", SCHEDULES)
    check_choice(estimator, "precision", PRECISIONS)
    check_flag(estimator, "early_stopping")
    check_flag(estimator, "warm_start")
    if not isinstance(estimator.verbose, bool):
        check_integer(estimator, "verbose", minimum=0)
    if estimator.validation_fraction is not None:
        check_ratio(estimator, "validation_fraction", low_inclusive=not estimator.early_stopping)
    _check_augment(estimator)
    _check_callbacks(estimator)
    check_real(estimator, "lr", inclusive=False)


def _check_batch_size(estimator: Any) -> None:
    size, name = estimator.batch_size, type(estimator).__name__
    if not isinstance(size, str):
        check_integer(estimator, "batch_size")
    elif size != "auto":
        slip = f" Did you mean {int(size)}?" if size.isdecimal() else ""
        raise ValueError(
            f"{name}.batch_size is 'auto' or an integer of at least 1, not {size!r}."
            f"{slip or did_you_mean(size, ['auto'])}"
        )


def _check_optimizer(estimator: Any) -> None:
    if not isinstance(estimator.optimizer, type):
        check_choice(estimator, "optimizer", OPTIMIZERS)
    elif not issubclass(estimator.optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"{type(estimator).__name__}.optimizer is one of {', '.join(map(repr, OPTIMIZERS))} or "
            f"a torch.optim.Optimizer class, not {estimator.optimizer!r}."
        )


def _check_augment(estimator: Any) -> None:
    name = type(estimator).__name__
    if isinstance(estimator.augment, ImageAugmenter):
        estimator.augment.check()
    elif estimator.augment is not None and (
        isinstance(estimator.augment, type) or not callable(estimator.augment)
    ):
        slip = " Did you mean ImageAugmenter()?" if estimator.augment is ImageAugmenter else ""
        raise TypeError(
            f"{name}.augment is None, an ImageAugmenter or a callable, not {estimator.augment!r}."
            f"{slip}"
        )


def _check_callbacks(estimator: Any) -> None:
    name = type(estimator).__name__
    if not isinstance(estimator.callbacks, (list, tuple, type(None))):
        slip = " Did you mean a list of it?" if hasattr(estimator.callbacks, "on_epoch_end") else ""
        raise TypeError(
            f"{name}.callbacks is None or a list of skorch callbacks, not {estimator.callbacks!r}."
            f"{slip}"
        )
    for callback in estimator.callbacks or []:
        if not hasattr(callback, "on_epoch_end"):
            raise TypeError(
                f"{name}.callbacks is None or a list of skorch callbacks, not of {callback!r}."
            )
