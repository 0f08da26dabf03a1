"""How a deep estimator is pruned: the schedules, each a course of trainings with a hook."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from sklearn.utils.validation import _num_samples
from torch import nn

from skdeepopt.layers._weighted import weight_layers
from skdeepopt.meta._base import takes_hook, trained_copy
from skdeepopt.pruning._criteria import Elements, resolve_criterion
from skdeepopt.pruning._cut import Cut, Gradual, KeptLayer, OneShot
from skdeepopt.pruning._granularity import cut_for
from skdeepopt.pruning._masks import bake_masks
from skdeepopt.pruning._patterns import parse_pattern
from skdeepopt.pruning._removal import remove_dead_channels
from skdeepopt.pruning._rewinding import EarlyWeights, Rewound, rewinding_ratios
from skdeepopt.pruning._rigl import RigL
from skdeepopt.pruning._variational import VariationalDropout
from skdeepopt.training._hook import TrainingHook

__all__ = ["SCHEDULES", "Pruned", "PruningPlan", "example_for"]

SCHEDULES = ("one_shot", "gradual", "rewind", "rigl", "variational")

_SHAPE_COURSE: dict[str, Any] = {"n_cuts": 8, "end": 0.3}
"""Of a gradual course on shapes: each cut costs the optimizer's state, and all training after the
last is that of the small network."""

_MASK_COURSE: dict[str, Any] = {"n_cuts": 100, "end": 0.6}

_GRADIENT_AFTER = 0.1
"""Share of a training after which a cut reads gradients; before it there are none."""


class Pruned(NamedTuple):
    """A pruned estimator, and what is left of each layer."""

    estimator: Any
    kept: list[KeptLayer]


@dataclass(frozen=True)
class PruningPlan:
    """What is pruned, by which measure, and when.

    Parameters
    ----------
    granularity : str
    criterion : str or callable
    scope : str
    schedule : {"one_shot", "gradual", "rewind", "rigl", "variational"}
    epochs : int
        Passes over the data after a cut, or along a course of cuts.
    seed : int
    """

    granularity: str
    criterion: str | Elements
    scope: str
    schedule: str
    epochs: int
    seed: int

    def ratio_of(self, ratio: float) -> float:
        """The ratio itself, or that of the pattern where there is one and anything is removed."""
        if ":" not in self.granularity or ratio == 0:
            return ratio
        n, m = parse_pattern(self.granularity)
        return 1 - n / m

    def dense(self, base: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, dict[str, Any]]:
        """Trained copy of the base, and its early weights where the plan rewinds to them."""
        if not self._rewinds(base):
            return trained_copy(base, X, y, sample_weight, seed=self.seed), {}
        early: list[EarlyWeights] = []

        def remembering(module: nn.Module) -> EarlyWeights:
            early.append(EarlyWeights(module))
            return early[-1]

        dense = trained_copy(base, X, y, sample_weight, seed=self.seed, hook_for=remembering)
        return dense, early[-1].weights

    def prune(
        self,
        dense: Any,
        ratio: float,
        X: Any,
        y: Any,
        sample_weight: Any,
        early: dict[str, torch.Tensor],
    ) -> Pruned:
        """Pruned copy of `dense`; `dense` itself stays as it is.

        Parameters
        ----------
        dense : fitted deep estimator
        ratio : float
        X, y, sample_weight
            What to train on between the cuts and after them.
        early : dict of name to Tensor
            From :meth:`dense`.
        """
        model = copy.deepcopy(dense)
        module = model.module_
        cut = self._cut(model)
        if ratio == 0:
            return Pruned(model, cut.kept())
        for hook in self._hooks(module, cut, ratio, early, n_samples=_num_samples(X)):
            model.finetune(
                X, y, epochs=self.epochs, lr=model.lr, sample_weight=sample_weight, hook=hook
            )
        bake_masks(module)
        kept = _kept_weights(module) if self.schedule == "variational" else cut.kept()
        return _without_dead_channels(model, kept) if self._masks_weights else Pruned(model, kept)

    def train_sparse(
        self, base: Any, ratio: float, X: Any, y: Any, sample_weight: Any
    ) -> tuple[nn.Module, Pruned]:
        """Untrained dense module, and an estimator that was sparse from its first step."""
        dense: list[nn.Module] = []

        def sparse(module: nn.Module) -> RigL:
            dense.append(copy.deepcopy(module))
            return RigL(module, ratio, seed=self.seed)

        model = trained_copy(base, X, y, sample_weight, seed=self.seed, hook_for=sparse)
        return dense[-1], _without_dead_channels(model, _kept_weights(model.module_))

    def _hooks(
        self,
        module: nn.Module,
        cut: Cut,
        ratio: float,
        early: dict[str, torch.Tensor],
        *,
        n_samples: int,
    ) -> Iterator[TrainingHook]:
        """A hook for each training in turn."""
        if self.schedule == "variational":
            yield VariationalDropout(module, ratio, n_samples=n_samples)
        elif self.schedule == "gradual":
            shrinks = self.granularity in ("channel", "block")
            yield Gradual(cut, ratio, **(_SHAPE_COURSE if shrinks else _MASK_COURSE))
        elif self.schedule == "rewind":
            for step in rewinding_ratios(ratio):
                yield Rewound(cut, step, module, early) if early else self._at_once(cut, step)
        else:
            yield self._at_once(cut, ratio)

    def _at_once(self, cut: Cut, ratio: float) -> TrainingHook:
        if resolve_criterion(self.criterion).needs_gradient:
            return Gradual(cut, ratio, end=_GRADIENT_AFTER, n_cuts=1)
        return OneShot(cut, ratio)

    @property
    def _masks_weights(self) -> bool:
        """Whether zeros may lie anywhere. Those of a pattern lie where hardware counts on them."""
        return self.granularity == "weight"

    def _rewinds(self, base: Any) -> bool:
        """Whether early weights fit what is left: shapes stay, and the cut needs no gradient."""
        return (
            self.schedule == "rewind"
            and self.granularity not in ("channel", "block")
            and not resolve_criterion(self.criterion).needs_gradient
            and takes_hook(base)
        )

    def _cut(self, model: Any) -> Cut:
        return cut_for(
            model.module_,
            example_for(model),
            granularity=self.granularity,
            criterion=self.criterion,
            scope=self.scope,
            seed=self.seed,
        )


def example_for(model: Any) -> torch.Tensor:
    """Two samples of noise, of the shape and on the device of a fitted deep estimator.

    Parameters
    ----------
    model : fitted deep estimator
    """
    noise = torch.randn(2, *model.image_shape_, generator=torch.Generator().manual_seed(0))
    return noise.to(next(model.module_.parameters()).device)


def _without_dead_channels(model: Any, kept: list[KeptLayer]) -> Pruned:
    """The network without channels that have lost all their weights; it answers the same.

    Where channels cannot be followed through the network, they stay, with their zeros.
    """
    died: dict[str, int] = {}
    with suppress(ValueError):
        died = remove_dead_channels(model.module_, example_for(model))
    if died:
        model._network_changed()
    layers = weight_layers(model.module_)
    left = {name: int(torch.count_nonzero(layer.weight)) for name, layer in layers.items()}
    return Pruned(model, [replace(layer, kept=left[layer.name]) for layer in kept])


def _kept_weights(module: nn.Module) -> list[KeptLayer]:
    """How many weights of each layer are not zero."""
    return [
        KeptLayer(
            name,
            type(layer).__name__,
            int(torch.count_nonzero(layer.weight.detach())),
            layer.weight.numel(),
            "weights",
        )
        for name, layer in weight_layers(module).items()
    ]
