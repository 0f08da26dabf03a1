"""Batches cut from tensors in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

__all__ = ["Batches", "TensorData"]

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]


@dataclass(frozen=True)
class TensorData(Dataset):
    """Inputs, targets and weights as they lie in memory, and the samples that take part.

    Parameters
    ----------
    inputs : Tensor of shape (n_rows, ...)
        Any number type; integers stay what they are until a batch is cut.
    targets : Tensor of shape (n_rows,) or (n_rows, n_targets)
    weights : Tensor of shape (n_rows,) or None
        Factor of each row's loss.
    index : Tensor of shape (n_samples,)
        Rows that take part, in order, repeats allowed.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor | None
    index: torch.Tensor

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        row = self.index[item]
        return self.inputs[row], self.targets[row]

    @property
    def sample_weight(self) -> np.ndarray | None:
        """Weights of the samples that take part, float64, as scikit-learn takes them."""
        return None if self.weights is None else self.weights[self.index].double().numpy()

    def rows(self, index: torch.Tensor) -> Batch:
        """Inputs, targets and weights of some rows."""
        weights = None if self.weights is None else self.weights.index_select(0, index)
        return _taken(self.inputs, index), self.targets.index_select(0, index), weights


def _taken(inputs: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows of `inputs`, copied as they lie in memory: a tenth of the time of ``inputs[index]``."""
    if inputs.ndim == 4 and inputs.is_contiguous(memory_format=torch.channels_last):
        return inputs.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)
    return inputs.index_select(0, index)


class Batches:
    """Iterates over a :class:`TensorData`, once per pass.

    Parameters
    ----------
    data : TensorData
    batch_size : int
    device : torch.device
    generator : torch.Generator or None, default=None
        Shuffles where given.
    augment : callable or None, default=None
        ``augment(inputs, generator)`` on each float batch.

    Attributes
    ----------
    rows : Tensor of shape (batch_size,)
        Rows of the data in the batch that came last.

    Notes
    -----
    A shuffled pass leaves out a last batch of one sample: batch norm cannot take it.
    """

    rows: torch.Tensor

    def __init__(
        self,
        data: TensorData,
        batch_size: int,
        device: torch.device,
        generator: torch.Generator | None = None,
        augment: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
    ) -> None:
        self.data = data
        self.batch_size = batch_size
        self.device = device
        self.generator = generator
        self.augment = augment

    def __len__(self) -> int:
        samples = len(self.data)
        lone = self.generator is not None and samples > 1 and samples % self.batch_size == 1
        return math.ceil(samples / self.batch_size) - (lone and self.batch_size > 1)

    def __iter__(self) -> Iterator[Batch]:
        order = self._order()
        for batch in range(len(self)):
            self.rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            inputs, targets, weights = self.data.rows(self.rows)
            yield (
                self._prepared(inputs),
                targets.to(self.device),
                None if weights is None else weights.to(self.device),
            )

    def _order(self) -> torch.Tensor:
        if self.generator is None:
            return self.data.index
        return self.data.index[torch.randperm(len(self.data), generator=self.generator)]

    def _prepared(self, inputs: torch.Tensor) -> torch.Tensor:
        inputs = as_network_input(inputs, self.device)
        if self.augment is None or self.generator is None:
            return inputs
        changed = self.augment(inputs, self.generator)
        if not _alike(changed, inputs):
            raise ValueError(
                f"augment returns a float32 batch of the shape it got, {tuple(inputs.shape)}, not "
                f"{_described(changed)}."
            )
        return changed


def _alike(changed: object, inputs: torch.Tensor) -> bool:
    return (
        isinstance(changed, torch.Tensor)
        and changed.shape == inputs.shape
        and changed.dtype == inputs.dtype
    )


def _described(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)} of {value.dtype}"
    return f"a {type(value).__name__}"


def as_network_input(inputs: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Float batch on `device`, images with their channels last in memory."""
    inputs = inputs.to(device)
    if not inputs.is_floating_point():
        inputs = inputs.float()
    return inputs.contiguous(memory_format=torch.channels_last) if inputs.ndim == 4 else inputs
