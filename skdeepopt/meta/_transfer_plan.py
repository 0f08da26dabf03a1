"""How a source's network is put before new data, and trained on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.base import clone, is_classifier
from sklearn.utils.validation import has_fit_parameter
from torch import nn

from skdeepopt._random import TorchStream
from skdeepopt.estimators._samples import auto_batch_size
from skdeepopt.meta._base import seeded
from skdeepopt.meta._features import adapt_batch_norm, features_of
from skdeepopt.meta._probe import write_probe
from skdeepopt.meta._unlabelled import consistency_for
from skdeepopt.nets._match import MatchInput
from skdeepopt.nets._transferred import TransferNetwork
from skdeepopt.pruning._shapes import resize_to
from skdeepopt.sources._source import PixelRange, Source
from skdeepopt.training._batches import TensorData
from skdeepopt.training._hook import Hooks, TrainingHook
from skdeepopt.transfer._batch_norm import KeptBatchNorm
from skdeepopt.transfer._depth import GradualUnfreezing, RatesByDepth
from skdeepopt.transfer._l2_sp import L2SP

__all__ = ["BATCH_NORMS", "STRATEGIES", "TransferPlan", "auto_epochs"]

STRATEGIES = ("features", "finetune", "probe_then_finetune", "gradual")

BATCH_NORMS = ("adapt", "estimate", "keep")

_AUTO_STEPS = 300
_AUTO_EPOCHS = (5, 100)
"""Steps that an automatic number of passes gives, and its bounds."""

_PROBED = 8192
"""Samples that the probe before a fine-tuning looks at; in their canonical order the first are a
random draw."""

_ESTIMATED = 2048
"""Samples that the statistics of batch norms are taken from before any training."""


@dataclass(frozen=True)
class TransferPlan:
    """What is trained after a transfer, and how.

    Parameters
    ----------
    owner : str
        Who asks; opens every message.
    strategy : str
    rate_decay, l2_sp : float
    batch_norm : str
    epochs : int or None
        None is as many as give about 300 steps.
    head : estimator or None
        In the place of the linear one; None for that.
    seed : int
    """

    owner: str
    strategy: str
    rate_decay: float
    l2_sp: float
    batch_norm: str
    epochs: int | None
    head: Any
    seed: int

    @property
    def trains(self) -> bool:
        """Whether more than the head learns."""
        return self.strategy != "features"

    def fit(
        self,
        inner: Any,
        source: Source,
        training: tuple[Any, Any, Any],
        *,
        unlabelled: Any,
        hook_for: Callable[[nn.Module], TrainingHook] | None,
    ) -> Any:
        """Fit an estimator on the source's network; gives the fitted outside head, or None.

        Parameters
        ----------
        inner : NeuralClassifier or NeuralRegressor
            Unfitted, around a ``TransferNetwork`` of the source's shape.
        source : Source
        training : tuple of X, y, sample_weight
        unlabelled : array-like or None
        hook_for : callable or None
            Makes one more hook for the network.
        """
        data = inner._read_training(*training, reset=True)
        self._begin(inner, source, data)
        knows = self.trains and keep_head(inner, source)
        if self._probes and not knows:
            self._probe(inner, data)
        hooks = [*self._hooks(inner, data, unlabelled)] if self.trains else []
        if hook_for is not None:
            hooks.append(hook_for(inner.module_))
        if self.trains or hooks:
            epochs = int(inner.max_epochs) if self.trains else 0
            inner._train(data, None, epochs, hook=Hooks(*hooks) if hooks else None)
        return None if self.head is None else self._outside_head(inner, data)

    def _begin(self, inner: Any, source: Source, data: TensorData) -> None:
        """Build the network, with the weights of the source and the range of the data."""
        inner.max_epochs = self.epochs or auto_epochs(len(data), inner.batch_size)
        inner.net_ = inner._new_net(data, self.seed)
        fill(inner.module_, source, self.seed)
        match_range(inner.module_.match, data, source.pixel_range)
        if self.batch_norm != "keep":
            first = data.inputs[data.index[:_ESTIMATED]]
            adapt_batch_norm(inner.module_, first, inner.net_.device)
        inner._prepare_net(data, fits=True)

    @property
    def _probes(self) -> bool:
        """Whether the network's own head is fitted before all else, where it is new."""
        if self.strategy == "features":
            return self.head is None
        return self.strategy == "probe_then_finetune"

    def _probe(self, inner: Any, data: TensorData) -> None:
        if self.trains and len(data) > _PROBED:
            data = replace(data, index=data.index[:_PROBED])
        write_probe(
            inner.module_.head,
            self._features(inner, data),
            data.targets[data.index].numpy(),
            data.sample_weight,
            is_classifier=not data.targets.is_floating_point(),
        )

    def _features(self, inner: Any, data: TensorData) -> np.ndarray:
        """Of the samples that take part, each row of the data computed once."""
        rows, places = data.index.unique(return_inverse=True)
        is_whole = len(rows) == len(data.inputs)
        images = data.inputs if is_whole else data.inputs[rows]
        features = features_of(inner.module_, images, inner.net_.device, keep=not self.trains)
        return features[places.numpy()]

    def _hooks(self, inner: Any, data: TensorData, unlabelled: Any) -> Iterator[TrainingHook]:
        network = inner.module_
        if self.rate_decay != 1:
            yield RatesByDepth(network, self.rate_decay)
        if self.strategy == "gradual":
            yield GradualUnfreezing(network)
        if self.l2_sp:
            yield L2SP(network, self.l2_sp)
        if self.batch_norm != "adapt":
            yield KeptBatchNorm(network)
        if unlabelled is not None:
            yield self._consistency(inner, data, unlabelled)

    def _consistency(self, inner: Any, data: TensorData, unlabelled: Any) -> TrainingHook:
        return consistency_for(
            inner,
            inner.module_,
            unlabelled_images(inner, unlabelled, owner=self.owner),
            prior=_class_shares(inner, data) if is_classifier(inner) else None,
            seed=self.seed,
        )

    def _outside_head(self, inner: Any, data: TensorData) -> Any:
        head = seeded(clone(self.head), self.seed)
        weights = data.sample_weight
        if weights is not None and not has_fit_parameter(head, "sample_weight"):
            raise ValueError(
                f"{self.owner}.head {type(head).__name__} takes no sample_weight, and there are "
                f"weights that are no integers, or class weights. Did you mean another head?"
            )
        rest = {} if weights is None else {"sample_weight": weights}
        features = self._features(inner, data).astype(np.float64)
        return head.fit(features, _targets(inner, data), **rest)


def auto_epochs(n_samples: int, batch_size: int | str) -> int:
    """Passes over the data that give about 300 steps, from 5 to 100.

    Examples
    --------
    >>> auto_epochs(50, "auto"), auto_epochs(1000, 32), auto_epochs(60_000, "auto")
    (75, 10, 5)
    """
    size = auto_batch_size(n_samples) if isinstance(batch_size, str) else int(batch_size)
    steps = math.ceil(n_samples / min(size, n_samples))
    return int(np.clip(math.ceil(_AUTO_STEPS / steps), *_AUTO_EPOCHS))


@torch.no_grad()
def fill(network: TransferNetwork, source: Source, seed: int) -> None:
    """Give a network the weights of a source, and where that was pruned its shapes too.

    Parameters
    ----------
    network : TransferNetwork
    source : Source
    seed : int
        Of a head of another size.
    """
    body, state = network.body, source.body_state
    if {n: t.shape for n, t in body.state_dict().items()} != {n: t.shape for n, t in state.items()}:
        resize_to(body, state, removed=source.removed)
    body.load_state_dict(state)
    device = network.head.weight.device
    blank = torch.zeros(2, *network.match.source_shape, device=device)
    n_features = body.eval()(blank).shape[1]
    if n_features != network.head.in_features:
        with TorchStream(seed).borrowed():
            network.head = nn.Linear(n_features, network.head.out_features).to(device)


@torch.no_grad()
def keep_head(inner: Any, source: Source) -> bool:
    """Give the network the source's own head, where that tells the same classes apart.

    Parameters
    ----------
    inner : NeuralClassifier or NeuralRegressor
        With its network built.
    source : Source

    Returns
    -------
    keeps : bool
    """
    head, state = inner.module_.head, source.head_state
    if source.classes is None or state is None or not is_classifier(inner):
        return False
    same = np.array_equal(np.asarray(source.classes), inner.classes_)
    if not same or state["weight"].shape != head.weight.shape:
        return False
    head.weight.copy_(state["weight"])
    head.bias.copy_(state["bias"])
    return True


@torch.no_grad()
def match_range(match: MatchInput, data: TensorData, pixel_range: PixelRange | None) -> None:
    """Scale pixels from the range of the training data to that of the source, where it is known.

    The range of the data is from 0, or the least pixel where that is negative, to the greatest.

    Parameters
    ----------
    match : MatchInput
    data : TensorData
    pixel_range : tuple of (low, high) or None
    """
    if pixel_range is None:
        return
    rows = data.index.unique()
    images = data.inputs if len(rows) == len(data.inputs) else data.inputs[rows]
    least, greatest = (float(value) for value in images.aminmax())
    least = min(least, 0.0)
    width = greatest - least if greatest > least else 1.0
    low, high = (torch.as_tensor(value, dtype=torch.float64) for value in pixel_range)
    scale = ((high - low) / width).reshape(-1, 1, 1)
    match.scale.copy_(scale.expand_as(match.scale))
    match.shift.copy_((low.reshape(-1, 1, 1) - least * scale).expand_as(match.shift))


def unlabelled_images(inner: Any, unlabelled: Any, *, owner: str) -> torch.Tensor:
    """Unlabelled images as the network takes them.

    Parameters
    ----------
    inner : fitted NeuralClassifier or NeuralRegressor
    unlabelled : array-like
        As X in ``fit``.
    owner : str
        Who asks; opens the message.

    Raises
    ------
    ValueError
        They are of another shape than X.
    """
    try:
        images: torch.Tensor = inner._network_inputs(unlabelled)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{owner}.unlabelled holds images like those of X, of shape "
            f"{tuple(inner.image_shape_)}. {error}"
        ) from error
    return images


def _class_shares(inner: Any, data: TensorData) -> torch.Tensor:
    counts = data.targets[data.index].bincount(minlength=len(inner.classes_))
    return counts / counts.sum()


def _targets(inner: Any, data: TensorData) -> np.ndarray:
    """Targets as the user gave them."""
    targets = data.targets[data.index].numpy()
    if is_classifier(inner):
        labels: np.ndarray = inner.classes_[targets]
        return labels
    numbers: np.ndarray = targets * inner._target_scale + inner._target_mean
    return numbers[:, 0] if inner._is_flat_target else numbers
