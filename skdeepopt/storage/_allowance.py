"""A bound on what a torch module may allocate while a file has it built.

The parameters of an estimator say how large its network is, and they come from the file. Without a
bound, a small file that asks for a layer of a billion units would take the memory of the machine.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["Allowance"]

_BASE_BYTES: Final = 64 * 2**20
_BYTES_PER_BYTE: Final = 16
_BYTES_PER_SPARSE_BYTE: Final = 2
_BASE_CALLS: Final = 1_000
_CALLS_PER_TENSOR: Final = 8
_FACTORIES: Final = frozenset(
    {
        torch.arange,
        torch.empty,
        torch.empty_strided,
        torch.eye,
        torch.full,
        torch.linspace,
        torch.ones,
        torch.rand,
        torch.randint,
        torch.randn,
        torch.randperm,
        torch.zeros,
    }
)
_NOT_ON_META: Final = ("device", "generator", "out", "pin_memory")


class Allowance(TorchFunctionMode):
    """While active, refuses new tensors that a file of this size does not account for.

    A bound on the number of tensors comes with the bound on their bytes, so that a network of
    endless depth takes no time either.

    Parameters
    ----------
    tensor_bytes, n_tensors : int
        What the file holds.

    Attributes
    ----------
    sparse_bytes : int
        What the sparse tensors of the file take once they are put together: their bytes in the file
        tell little about the size of the network that they belong to.
    """

    def __init__(self, tensor_bytes: int, n_tensors: int) -> None:
        super().__init__()
        self.sparse_bytes = 0
        self._bytes_left = _BASE_BYTES + _BYTES_PER_BYTE * tensor_bytes
        self._calls_left = _BASE_CALLS + _CALLS_PER_TENSOR * n_tensors

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FACTORIES:
            self._take(func, args, kwargs)
        return func(*args, **kwargs)

    def _take(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        shape_only = {name: item for name, item in kwargs.items() if name not in _NOT_ON_META}
        planned = func(*args, **shape_only, device="meta")
        self._bytes_left -= planned.numel() * planned.element_size()
        self._calls_left -= 1
        bytes_left = self._bytes_left + _BYTES_PER_SPARSE_BYTE * self.sparse_bytes
        if bytes_left < 0 or self._calls_left < 0:
            raise MemoryError(
                f"its network of tensors such as {tuple(planned.shape)} is larger than the file "
                "accounts for"
            )
