"""torch itself, the reference."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from skdeepopt.engines._inputs import as_input, batch_size_for

__all__ = ["TorchEngine"]

_FLOAT = np.dtype(np.float32)


class TorchEngine:
    """Runs a torch module on the processor.

    Parameters
    ----------
    module : torch.nn.Module
        Takes float32 of shape (n_samples, ...). Copied, so that it stays as it is.

    Raises
    ------
    TypeError
        `module` is no torch module.

    Examples
    --------
    >>> engine = TorchEngine(nn.Flatten())
    >>> engine.run(np.ones((2, 1, 1, 3))).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    name: ClassVar[str] = "torch"

    def __init__(self, module: nn.Module) -> None:
        if not isinstance(module, nn.Module):
            slip = f" Did you mean {module.__name__}()?" if isinstance(module, type) else ""
            raise TypeError(
                f"TorchEngine.module is a torch.nn.Module, not {type(module).__name__}.{slip}"
            )
        channels_last: Any = {"memory_format": torch.channels_last}  # torch's stub lacks it.
        self.module = copy.deepcopy(module).eval().to(device="cpu", **channels_last)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs of the network.

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, ...)
            Of any number type. They are not checked for NaN.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_outputs), float32
        """
        inputs = as_input(inputs, _FLOAT, type(self).__name__)
        size = batch_size_for(inputs.shape[1:])
        starts = range(0, max(1, len(inputs)), size)
        return np.concatenate([self._answer(inputs[start : start + size]) for start in starts])

    @torch.inference_mode()
    def _answer(self, inputs: np.ndarray) -> np.ndarray:
        part = torch.tensor(inputs)  # A copy, as the module may work in place.
        if part.ndim == 4:
            part = part.contiguous(memory_format=torch.channels_last)
        return self.module(part).numpy()
