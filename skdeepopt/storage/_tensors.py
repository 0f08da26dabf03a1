"""Arrays and torch tensors as typed bytes, under the names that safetensors gives the types."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from skdeepopt.coding._stored import StoredTensor
from skdeepopt.exceptions import ModelFileError

__all__ = ["DTYPES", "from_numpy", "from_torch", "to_numpy", "to_torch"]


class _Dtype(NamedTuple):
    size_bytes: int
    numpy: str | None
    torch: str


DTYPES: Final = {
    "BOOL": _Dtype(1, "bool", "bool"),
    "U8": _Dtype(1, "uint8", "uint8"),
    "I8": _Dtype(1, "int8", "int8"),
    "U16": _Dtype(2, "uint16", "uint16"),
    "I16": _Dtype(2, "int16", "int16"),
    "U32": _Dtype(4, "uint32", "uint32"),
    "I32": _Dtype(4, "int32", "int32"),
    "U64": _Dtype(8, "uint64", "uint64"),
    "I64": _Dtype(8, "int64", "int64"),
    "F16": _Dtype(2, "float16", "float16"),
    "F32": _Dtype(4, "float32", "float32"),
    "F64": _Dtype(8, "float64", "float64"),
    "BF16": _Dtype(2, None, "bfloat16"),
    "F8_E4M3": _Dtype(1, None, "float8_e4m3fn"),
    "F8_E5M2": _Dtype(1, None, "float8_e5m2"),
}
_OF_NUMPY: Final = {dtype.numpy: name for name, dtype in DTYPES.items() if dtype.numpy}
_OF_TORCH: Final = {dtype.torch: name for name, dtype in DTYPES.items()}


def from_numpy(array: np.ndarray) -> StoredTensor | None:
    """Bytes of a numeric or boolean array, None for a type that has no name in safetensors."""
    name = _OF_NUMPY.get(array.dtype.newbyteorder("=").name)
    if name is None:
        return None
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return StoredTensor(name, array.shape, little.reshape(-1).view(np.uint8))


def from_torch(tensor: Any) -> StoredTensor | None:
    """Bytes of a dense torch tensor, None for a type or layout that safetensors does not have."""
    import torch

    name = _OF_TORCH.get(str(tensor.dtype).removeprefix("torch."))
    dense = tensor.layout == torch.strided and not tensor.is_quantized
    if name is None or not dense or tensor.device.type == "meta":
        return None
    flat = tensor.detach().resolve_neg().cpu().contiguous().reshape(-1)
    return StoredTensor(name, tuple(tensor.shape), flat.view(torch.uint8).numpy())


def to_numpy(stored: StoredTensor) -> np.ndarray:
    """Writable array over the stored bytes.

    Raises
    ------
    ModelFileError
        A type that numpy does not have, or boolean bytes other than 0 and 1.
    """
    dtype = DTYPES[stored.dtype].numpy
    if dtype is None:
        raise ModelFileError(f"asks for a numpy array of {stored.dtype}, which only torch has")
    _check_booleans(stored)
    return stored.raw.view(np.dtype(dtype)).reshape(stored.shape)


def to_torch(stored: StoredTensor) -> Any:
    """Torch tensor over the stored bytes, on the CPU."""
    import torch

    _check_booleans(stored)
    dtype = getattr(torch, DTYPES[stored.dtype].torch)
    if stored.raw.size == 0:
        return torch.empty(stored.shape, dtype=dtype)
    return torch.from_numpy(stored.raw).view(dtype).reshape(stored.shape)


def _check_booleans(stored: StoredTensor) -> None:
    # numpy and torch compute wrong answers, silently, with a boolean byte above 1.
    if stored.dtype == "BOOL" and stored.raw.max(initial=0) > 1:
        raise ModelFileError("has a boolean tensor with bytes other than 0 and 1")
