"""Batch norms that keep the statistics of the data that a network learned on."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from skdeepopt.layers._idle_hook import IdleHook

__all__ = ["KeptBatchNorm", "KeptNorm", "KeptNorm2d"]


class KeptNorm:
    """Mixin of a batch norm that stays in evaluation mode while the network trains."""

    @property
    def training(self) -> bool:
        """False; the mode that was asked for counts again afterwards."""
        return False

    @training.setter
    def training(self, mode: bool) -> None:
        self.__dict__["training"] = mode

    def reset_running_stats(self) -> None:
        """Keep them."""


class KeptNorm1d(KeptNorm, nn.BatchNorm1d):
    """``nn.BatchNorm1d`` that keeps its statistics."""


class KeptNorm2d(KeptNorm, nn.BatchNorm2d):
    """``nn.BatchNorm2d`` that keeps its statistics."""


class KeptNorm3d(KeptNorm, nn.BatchNorm3d):
    """``nn.BatchNorm3d`` that keeps its statistics."""


_KEPT: dict[type[nn.Module], Any] = {
    nn.BatchNorm1d: KeptNorm1d,
    nn.BatchNorm2d: KeptNorm2d,
    nn.BatchNorm3d: KeptNorm3d,
}
_FREE: dict[type[nn.Module], Any] = {kept: free for free, kept in _KEPT.items()}


class KeptBatchNorm(IdleHook):
    """Training hook under which batch norms use and keep their running statistics.

    Their factors and biases still learn. Batch norms that have no running statistics stay as they
    are.

    Parameters
    ----------
    module : torch.nn.Module

    Notes
    -----
    A network's training sets the mode of all its parts anew at every epoch. So a batch norm has a
    class of its own meanwhile, whose mode does not change; one of a derived class, of which
    nothing is known, has its mode switched around each call.

    Examples
    --------
    >>> import torch
    >>> norm = nn.BatchNorm1d(1)
    >>> hook = KeptBatchNorm(norm)
    >>> hook.before_training(n_steps=1)
    False
    >>> norm.train()(torch.tensor([[5.0], [7.0]])).detach().flatten().round().tolist()
    [5.0, 7.0]
    >>> hook.after_training()
    >>> norm(torch.tensor([[5.0], [7.0]])).detach().flatten().round().tolist()
    [-1.0, 1.0]
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._switches: list[RemovableHandle] = []

    def before_training(self, n_steps: int) -> bool:
        """Keep the statistics from here on."""
        for part in self.module.modules():
            if not isinstance(part, _BatchNorm) or part.running_mean is None:
                continue
            if type(part) in _KEPT:
                part.__class__ = _KEPT[type(part)]
            elif not isinstance(part, KeptNorm):
                self._switches += [
                    part.register_forward_pre_hook(_to_evaluation),
                    part.register_forward_hook(_to_training, always_call=True),
                ]
        return False

    def restore(self) -> None:
        """Let the batch norms follow the data again, even before the training began."""
        for part in self.module.modules():
            if type(part) in _FREE:
                part.__class__ = _FREE[type(part)]
        for handle in self._switches:
            handle.remove()
        self._switches = []


def _to_evaluation(norm: Any, inputs: Any) -> None:
    norm._was_training = norm.training
    norm.training = False


def _to_training(norm: Any, inputs: Any, outputs: Any) -> None:
    norm.training = norm.__dict__.pop("_was_training", norm.training)
