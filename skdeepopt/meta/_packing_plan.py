"""How a deep estimator is packed: fewer channels, then a training that counts bits."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.base import is_classifier
from torch import nn

from skdeepopt.meta._pruning_plan import example_for
from skdeepopt.packing import (
    RateTraining,
    absorb_batch_norms,
    coded_parameters,
    restore_batch_norms,
)
from skdeepopt.pruning._cut import Gradual
from skdeepopt.pruning._granularity import cut_for
from skdeepopt.pruning._removal import remove_dead_channels
from skdeepopt.training._distillation import Distillation
from skdeepopt.training._hook import Hooks, TrainingHook

__all__ = ["Packed", "PackingPlan"]

_PARAMETERS_A_BIT = 1.1
"""Of the network that is trained for so many bits: most of them are zero in the end, and a wider
network would cost time and change little."""

_WORTH_CUTTING = 1.5
"""Times as many parameters, below which channels stay."""

_CUTTING_SHARE = 0.25
"""Of the epochs, during and after the cut of channels."""

_MARGIN = 0.985
"""Of the bits asked for, that the training aims at; the rest is for what it does not see."""

_LEAST_BITS = 256.0
_MOST_ROUNDS = 3


@dataclass(frozen=True)
class Packed:
    """An estimator whose weights take few bits, and the bytes of its file."""

    estimator: Any
    size_bytes: int


@dataclass(frozen=True)
class PackingPlan:
    """A way to pack a fitted deep estimator.

    Parameters
    ----------
    epochs : int
        Passes over the data for one target.
    alpha : float
        Weight of the dense network's answers beside the labels, from 0 to 1.
    size_of : callable
        Bytes of the file for an estimator.
    owner : str
        Who asks; opens every message.
    """

    epochs: int
    alpha: float
    size_of: Callable[[Any], int]
    owner: str

    def pack(self, dense: Any, target_bytes: int, training: tuple[Any, Any, Any]) -> Packed:
        """Copy of `dense` in a file of at most so many bytes, or of as few as were reached.

        Parameters
        ----------
        dense : fitted deep estimator
            Stays as it is.
        target_bytes : int
        training : tuple of X, y, sample_weight
        """
        model = copy.deepcopy(dense)
        room = target_bytes - self.least_bytes(dense)
        bits = max(_MARGIN * 8 * room, _LEAST_BITS)
        epochs = self.epochs
        if self._cut_channels(model, bits, training):
            epochs = max(1, epochs - self._cutting_epochs)
        packed = self._trained(model, dense, bits, epochs, training)
        for _ in range(1, _MOST_ROUNDS):
            if packed.size_bytes <= target_bytes or bits == _LEAST_BITS:
                break
            bits = max(bits - 8 * 1.2 * (packed.size_bytes - target_bytes), _LEAST_BITS)
            again = self._trained(
                copy.deepcopy(packed.estimator), dense, bits, self._cutting_epochs, training
            )
            packed = min(packed, again, key=lambda each: each.size_bytes)
        return packed

    def least_bytes(self, dense: Any) -> int:
        """Of the file without the numbers that packing is about.

        Parameters
        ----------
        dense : fitted deep estimator
        """
        return self.size_of(_blank(dense, self.owner))

    @property
    def _cutting_epochs(self) -> int:
        return math.ceil(_CUTTING_SHARE * self.epochs)

    def _cut_channels(self, model: Any, bits: float, training: tuple[Any, Any, Any]) -> bool:
        """Remove the channels that so few bits could not tell anything of anyway."""
        n_parameters = sum(parameter.numel() for parameter in model.module_.parameters())
        n_wanted = _PARAMETERS_A_BIT * bits
        if n_parameters < _WORTH_CUTTING * n_wanted:
            return False
        try:
            cut = cut_for(model.module_, example_for(model), scope="bytes")
        except ValueError:
            return False  # Channels cannot be followed through every network.
        self._train(
            model,
            Gradual(cut, 1 - n_wanted / n_parameters, end=0.3),
            self._cutting_epochs,
            training,
        )
        return True

    def _trained(
        self,
        model: Any,
        dense: Any,
        bits: float,
        epochs: int,
        training: tuple[Any, Any, Any],
    ) -> Packed:
        module = model.module_
        hook: TrainingHook = RateTraining(module, bits)
        if self.alpha:
            teacher = copy.deepcopy(dense.module_)
            imitates = Distillation(
                module, teacher, alpha=self.alpha, is_classifier=is_classifier(model)
            )
            hook = Hooks(hook, imitates)
        self._train(model, hook, epochs, training)
        with suppress(ValueError):
            remove_dead_channels(module, example_for(model))
        model._network_changed()
        return Packed(model, self.size_of(model))

    def _train(
        self, model: Any, hook: TrainingHook, epochs: int, training: tuple[Any, Any, Any]
    ) -> None:
        X, y, sample_weight = training
        model.finetune(X, y, epochs=epochs, lr=model.lr, sample_weight=sample_weight, hook=hook)


def _blank(dense: Any, owner: str) -> Any:
    """The same estimator with zeros for all numbers that packing is about."""
    model = copy.deepcopy(dense)
    module: nn.Module = model.module_
    absorb_batch_norms(module, owner=owner)
    with torch.no_grad():
        for layer, name in coded_parameters(module):
            getattr(layer, name).zero_()
    restore_batch_norms(module)
    return model
