"""From an estimator to a tree of JSON values and named tensors."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isnan
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final

import numpy as np

from skdeepopt.coding._stored import StoredTensor
from skdeepopt.storage._limits import MAX_DEPTH, MAX_TEXT_SPREAD
from skdeepopt.storage._lossy import LOSSLESS, Lossy
from skdeepopt.storage._registry import reference_name
from skdeepopt.storage._rows import columns_of
from skdeepopt.storage._supplied import qualified_name
from skdeepopt.storage._tensors import from_numpy, from_torch
from skdeepopt.storage._trail import Trail

__all__ = ["Encoder"]

_CAN_HOLD: Final = (
    "A model file holds numbers, text, lists, tuples, dicts, arrays, tensors and estimators"
)


class Encoder:
    """Collects the tensors of one file while it turns values into JSON.

    Parameters
    ----------
    estimator_node : callable
        Turns an estimator into JSON; it is handed this encoder, the estimator and its trail.
    lossy : Lossy, default=LOSSLESS
        What may be lost.
    """

    def __init__(
        self, estimator_node: Callable[[Encoder, Any, Trail], Any], lossy: Lossy = LOSSLESS
    ) -> None:
        self.tensors: list[StoredTensor] = []
        self.left_out: list[str] = []
        self.lossy = lossy
        self.n_estimators = 0
        self.skips_states = False
        self._estimator_node = estimator_node
        # The objects stay referenced, so that no identity is given out twice.
        self._kept: dict[int, tuple[Any, int]] = {}

    def encode(self, value: Any, trail: Trail) -> Any:
        """JSON for a value.

        Raises
        ------
        TypeError
            The value, named by its trail, is of a type that files do not hold.
        ValueError
            Nested too deeply, or inside itself.
        """
        if value is None or type(value) is bool or type(value) is str:
            return value
        if trail.depth > 2 * MAX_DEPTH:
            raise ValueError(f"{trail} is nested too deeply, or contains itself")
        encoder = _BY_TYPE.get(type(value)) or _by_kind(value)
        if encoder is not None:
            return encoder(self, value, trail)
        if hasattr(type(value), "get_params"):
            return self._estimator_node(self, value, trail)
        raise refusal(value, trail)

    def add_tensor(self, owner: Any, stored: StoredTensor) -> int:
        """Number by which a node refers to the bytes of `owner`, the same for the same object."""
        if id(owner) not in self._kept:
            self._kept[id(owner)] = owner, len(self.tensors)
            self.tensors.append(stored)
        return self._kept[id(owner)][1]

    @contextmanager
    def without_states(self) -> Iterator[None]:
        """While active, what estimators have learned stays out of the file."""
        before, self.skips_states = self.skips_states, True
        try:
            yield
        finally:
            self.skips_states = before


def refusal(value: Any, trail: Trail) -> TypeError:
    """Error that says where a value sits that files do not hold."""
    kind = type(value)
    shown = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return TypeError(f"{trail} is a {shown}, which skdeepopt.save cannot store. {_CAN_HOLD}.")


def _integer(encoder: Encoder, value: int, trail: Trail) -> Any:
    return value if value.bit_length() < 64 else {"int": hex(value)}


def _real(encoder: Encoder, value: float, trail: Trail) -> Any:
    if isnan(value):
        return {"float": "nan"}
    if value in (float("inf"), float("-inf")):
        return {"float": "inf" if value > 0 else "-inf"}
    return value


def _list(encoder: Encoder, value: list[Any], trail: Trail) -> Any:
    columns = columns_of(value)
    if columns is not None:
        rows = {name: encoder.add_tensor(item, item) for name, item in columns.items()}
        return {"rows": rows}
    return _items(encoder, value, trail)


def _items(encoder: Encoder, values: Sequence[Any], trail: Trail) -> list[Any]:
    return [
        item if type(item) is str else encoder.encode(item, trail.item(at))
        for at, item in enumerate(values)
    ]


def _tuple(encoder: Encoder, value: tuple[Any, ...], trail: Trail) -> Any:
    return {"tuple": _items(encoder, value, trail)}


def _dict(encoder: Encoder, value: dict[Any, Any], trail: Trail) -> Any:
    if all(type(key) is str for key in value):
        return {"dict": {key: encoder.encode(item, trail.item(key)) for key, item in value.items()}}
    pairs = [
        [encoder.encode(key, trail.item(key)), encoder.encode(item, trail.item(key))]
        for key, item in value.items()
    ]
    return {"pairs": pairs}


def _slice(encoder: Encoder, value: slice, trail: Trail) -> Any:
    return {"slice": _items(encoder, (value.start, value.stop, value.step), trail)}


def _bytes(encoder: Encoder, value: bytes, trail: Trail) -> Any:
    raw = np.frombuffer(value, dtype=np.uint8)
    return {"bytes": encoder.add_tensor(value, StoredTensor("U8", raw.shape, raw))}


def _scalar(encoder: Encoder, value: np.generic, trail: Trail) -> Any:
    if value.dtype.kind in "SU":
        text = bytes(value).decode("latin-1") if isinstance(value, bytes) else str(value)
        return {"scalar": type(value).__name__, "value": text}
    if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
        raise refusal(value, trail)
    return {"scalar": value.dtype.name, "value": encoder.encode(value.item(), trail)}


def _array(encoder: Encoder, value: np.ndarray, trail: Trail) -> Any:
    if value.dtype == object:
        items = _items(encoder, value.ravel().tolist(), trail)
        return {"objects": items, "shape": list(value.shape)}
    if value.dtype.kind in "SU":
        return _text_array(encoder, value, trail)
    stored = from_numpy(value)
    if stored is None:
        raise TypeError(
            f"{trail} is an array of {value.dtype}, which skdeepopt.save cannot store. Arrays hold "
            "booleans, integers, float16 to float64, or text."
        )
    node = {"array": encoder.add_tensor(value, stored)}
    return node | ({"order": "F"} if _is_columnwise(value) else {})


def _is_columnwise(array: np.ndarray) -> bool:
    """Whether the first axis lies closest in memory.

    A matrix product sums in another order then, so that the last bits of predictions hang on it.
    """
    steps = [step for step, n in zip(array.strides, array.shape, strict=True) if n > 1]
    return not array.flags.c_contiguous and steps == sorted(steps)


def _text_array(encoder: Encoder, value: np.ndarray, trail: Trail) -> Any:
    value = value.astype(value.dtype.newbyteorder("<"), order="C")
    items = value.ravel().tolist()
    node: dict[str, Any] = {"dtype": value.dtype.str, "shape": list(value.shape)}
    if value.nbytes <= MAX_TEXT_SPREAD * sum(len(item) + 3 for item in items):
        is_text = value.dtype.kind == "U"
        return {"text": items if is_text else [item.decode("latin-1") for item in items], **node}
    # One long label among many short ones: as a tensor it takes no more than it does in memory.
    codes = value.reshape(-1).view(np.uint8)
    name = encoder.add_tensor(value, StoredTensor("U8", codes.shape, codes))
    return {"wide": name, **node}


def _tensor(encoder: Encoder, value: Any, trail: Trail) -> Any:
    torch = sys.modules["torch"]
    plain = type(value) in (torch.Tensor, torch.nn.Parameter)
    stored = from_torch(value) if plain else None
    if stored is None:
        raise TypeError(
            f"{trail} is a {type(value).__name__} of {value.dtype}, {value.layout}, on "
            f"{value.device}, which skdeepopt.save cannot store. Tensors are dense, real, and not "
            "on the meta device."
        )
    node: dict[str, Any] = {"tensor": encoder.add_tensor(value, encoder.lossy.rounded(stored))}
    channels_last = torch.channels_last
    if value.dim() == 4 and not value.is_contiguous():
        node |= {"layout": "NHWC"} if value.is_contiguous(memory_format=channels_last) else {}
    return node


def _dtype(encoder: Encoder, value: np.dtype, trail: Trail) -> Any:
    if value.kind not in "biufOSU" or value.subdtype is not None:
        raise refusal(value, trail)
    return {"dtype": value.str}


def _reference(encoder: Encoder, value: Any, trail: Trail) -> Any:
    if value in _PLAIN_TYPES:
        return {"type": value.__name__}
    if isinstance(value, type) and issubclass(value, np.generic):
        return {"type": f"numpy.{value.__name__}"}
    known = reference_name(value)
    if known is not None:
        return {"known": known}
    name = qualified_name(value)
    if name is None:
        raise TypeError(
            f"{trail} is {value!r}, which has no name to find it by when the file is loaded. "
            "Did you mean a function made with def?"
        )
    return {"supplied": name}


def _module_instance(encoder: Encoder, value: Any, trail: Trail) -> Any:
    return {"instance": qualified_name(type(value))}


def _forget(encoder: Encoder, value: Any, trail: Trail) -> None:
    """Random states are not stored: what was drawn from them is in the fitted state."""


def _by_kind(value: Any) -> Callable[[Encoder, Any, Trail], Any] | None:
    if isinstance(value, np.generic):
        return _scalar
    if isinstance(value, np.dtype):
        return _dtype
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _tensor
    if torch is not None and isinstance(value, torch.nn.Module):
        return _module_instance
    return _reference if isinstance(value, type) else None


_PLAIN_TYPES: Final = (bool, int, float, str, object)
_BY_TYPE: Final[dict[type, Callable[[Encoder, Any, Trail], Any]]] = {
    int: _integer,
    float: _real,
    list: _list,
    tuple: _tuple,
    dict: _dict,
    OrderedDict: _dict,
    slice: _slice,
    bytes: _bytes,
    np.ndarray: _array,
    np.memmap: _array,
    FunctionType: _reference,
    BuiltinFunctionType: _reference,
    np.ufunc: _reference,
    np.random.RandomState: _forget,
    np.random.Generator: _forget,
}
