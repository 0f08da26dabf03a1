"""From a tree of JSON values and named tensors back to what was saved."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np

from skdeepopt.coding._arrays import MAX_DIMENSIONS
from skdeepopt.coding._stored import StoredTensor
from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._container import TensorKey
from skdeepopt.storage._limits import MAX_CONTAINERS, MAX_TEXT_SPREAD
from skdeepopt.storage._registry import resolve_reference
from skdeepopt.storage._rows import rows_of
from skdeepopt.storage._sparse import to_dense
from skdeepopt.storage._supplied import Supplied
from skdeepopt.storage._tensors import to_numpy, to_torch
from skdeepopt.storage._trail import Trail

__all__ = ["Decoder", "fault", "fields"]


class Decoder:
    """Turns the JSON of one file into values.

    Parameters
    ----------
    tensors : dict of TensorKey to StoredTensor
        Tensors of the file. Each belongs to at least one value.
    supplied : Supplied
        Code that the reader handed in.
    estimator_value : callable
        Turns the JSON of an estimator into one; it is handed this decoder, the JSON and its trail.
    coded_bytes : int or None, default=None
        Size of the file where it is not that of its tensors.
    """

    def __init__(
        self,
        tensors: Mapping[TensorKey, StoredTensor],
        supplied: Supplied,
        estimator_value: Callable[[Decoder, Any, Trail], Any],
        coded_bytes: int | None = None,
    ) -> None:
        self.supplied = supplied
        self.estimator_names: list[str] = []
        self._tensors = tensors
        self._estimator_value = estimator_value
        # What was one object stays one: memory is bounded by the file however often it is named.
        self._made: dict[tuple[TensorKey, str], Any] = {}
        self._coded_bytes = coded_bytes
        self._sparse_bytes = 0 if coded_bytes is None else self._tensor_bytes
        self._rows_left = MAX_CONTAINERS

    def decode(self, node: Any, trail: Trail) -> Any:
        """Value of a JSON node.

        Raises
        ------
        ModelFileError
            The node is none that this version writes.
        """
        if not isinstance(node, dict | list):
            return node
        if isinstance(node, list):
            return [
                self.decode(item, trail.item(at)) if isinstance(item, dict | list) else item
                for at, item in enumerate(node)
            ]
        kind = next(iter(node), "")
        if kind == "estimator":
            return self._estimator_value(self, node, trail)
        if kind not in _READERS:
            raise fault(trail, f"a value of the unknown kind {kind[:80]!r}")
        return _READERS[kind](self, node, trail)

    def tensor(
        self, name: Any, form: str, trail: Trail, make: Callable[[StoredTensor], Any]
    ) -> Any:
        """What `make` gives for a named tensor, made once for each form."""
        if type(name) not in (str, int) or name not in self._tensors:
            raise fault(trail, f"a tensor {str(name)[:80]!r}, which the file does not hold")
        if (name, form) not in self._made:
            self._made[name, form] = make(self._tensors[name])
        return self._made[name, form]

    def floats(
        self, reference: Any, form: str, trail: Trail, make: Callable[[StoredTensor], Any]
    ) -> Any:
        """The same for a tensor that may lie in two parts, which are put together first."""
        if not isinstance(reference, dict):
            return self.tensor(reference, form, trail, make)
        dense = self._put_together(reference, trail)
        return self.tensor(reference["values"], f"sparse {form}", trail, lambda _: make(dense))

    @property
    def allowance(self) -> Any:
        """Bound on what all networks of the file may allocate together."""
        self._allowance.sparse_bytes = self._sparse_bytes
        return self._allowance

    @cached_property
    def _allowance(self) -> Any:
        from skdeepopt.storage._allowance import Allowance

        in_file = self._tensor_bytes if self._coded_bytes is None else self._coded_bytes
        return Allowance(in_file, len(self._tensors))

    @property
    def _tensor_bytes(self) -> int:
        return sum(stored.raw.nbytes for stored in self._tensors.values())

    def _put_together(self, reference: dict[str, Any], trail: Trail) -> StoredTensor:
        name, gaps_name, shape = fields(reference, trail, "values", "gaps", "shape")
        gaps: StoredTensor = self.tensor(gaps_name, "gaps", trail, lambda stored: stored)

        def make(values: StoredTensor) -> tuple[dict[str, Any], StoredTensor]:
            try:
                dense = to_dense(values, gaps, shape)
            except ValueError as error:
                raise fault(trail, f"a sparse tensor {error}") from error
            self._sparse_bytes += dense.raw.nbytes
            return reference, dense

        made: tuple[dict[str, Any], StoredTensor] = self.tensor(name, "sparse", trail, make)
        # Else a file could name one tensor with ever new shapes, each with memory of its own.
        if made[0] != reference:
            raise fault(trail, f"the numbers {name[:80]!r} as two sparse tensors")
        return made[1]

    def take_rows(self, count: int, trail: Trail) -> None:
        """Refuse more rows of tables than a description could spell out."""
        self._rows_left -= count
        if self._rows_left < 0:
            raise fault(trail, f"more than {MAX_CONTAINERS:,} rows of tables")

    def check_all_used(self) -> None:
        """Refuse a file with tensors that belong to no value."""
        unused = self._tensors.keys() - {name for name, _ in self._made}
        if unused:
            shown = str(min(unused))[:80]
            raise ModelFileError(f"holds the tensor {shown!r}, which belongs to nothing")


def fault(trail: Trail, what: str) -> ModelFileError:
    """Error that says where in the description something is wrong."""
    return ModelFileError(f"describes, at {trail}, {what}")


def fields(node: dict[str, Any], trail: Trail, *required: str, optional: str = "") -> list[Any]:
    """Values of a node's keys in order, None for an optional one that is missing."""
    if not set(required) <= set(node) <= {*required, optional}:
        raise fault(trail, f"{required[0]!r} with the keys {sorted(node)!r:.200}")
    return [node[key] for key in required] + ([node.get(optional)] if optional else [])


def _integer(decoder: Decoder, node: dict[str, Any], trail: Trail) -> int:
    (digits,) = fields(node, trail, "int")
    if not isinstance(digits, str) or not re.fullmatch(r"-?0x[0-9a-f]+", digits):
        raise fault(trail, "an integer that is not hexadecimal text")
    return int(digits, 16)


def _real(decoder: Decoder, node: dict[str, Any], trail: Trail) -> float:
    (text,) = fields(node, trail, "float")
    if text == "nan":
        return np.nan
    if text not in ("inf", "-inf"):
        raise fault(trail, "a special float other than nan, inf and -inf")
    return float(text)


def _tuple(decoder: Decoder, node: dict[str, Any], trail: Trail) -> tuple[Any, ...]:
    (items,) = fields(node, trail, "tuple")
    return tuple(decoder.decode(_as_list(items, trail), trail))


def _dict(decoder: Decoder, node: dict[str, Any], trail: Trail) -> dict[str, Any]:
    (items,) = fields(node, trail, "dict")
    if not isinstance(items, dict):
        raise fault(trail, "a dict that is not a JSON object")
    return {key: decoder.decode(item, trail.item(key)) for key, item in items.items()}


def _pairs(decoder: Decoder, node: dict[str, Any], trail: Trail) -> dict[Any, Any]:
    (pairs,) = fields(node, trail, "pairs")
    values = decoder.decode(_as_list(pairs, trail), trail)
    try:
        found = {key: item for key, item in values}  # noqa: C416 a list of three would pass dict()
    except (TypeError, ValueError) as error:
        raise fault(trail, f"a dict whose pairs are none: {error}") from error
    if len(found) != len(values):
        raise fault(trail, "a dict with one key twice")
    return found


def _rows(decoder: Decoder, node: dict[str, Any], trail: Trail) -> list[dict[str, Any]]:
    (columns,) = fields(node, trail, "rows")
    if not isinstance(columns, dict) or not columns:
        raise fault(trail, "a table without columns")
    values = [
        decoder.tensor(name, "numpy", trail.item(key), to_numpy) for key, name in columns.items()
    ]
    if any(column.ndim != 1 or column.dtype.kind not in "if" for column in values):
        raise fault(trail, "a table with columns that are no numbers in one axis")
    if len({column.size for column in values}) > 1:
        raise fault(trail, "a table with columns of different lengths")
    decoder.take_rows(len(columns) * values[0].size, trail)
    return rows_of(dict(zip(columns, values, strict=True)))


def _slice(decoder: Decoder, node: dict[str, Any], trail: Trail) -> slice:
    (ends,) = fields(node, trail, "slice")
    if len(_as_list(ends, trail)) != 3:
        raise fault(trail, "a slice without start, stop and step")
    return slice(*decoder.decode(ends, trail))


def _bytes(decoder: Decoder, node: dict[str, Any], trail: Trail) -> bytes:
    (name,) = fields(node, trail, "bytes")
    return bytes(decoder.tensor(name, "bytes", trail, lambda stored: stored.raw.tobytes()))


def _scalar(decoder: Decoder, node: dict[str, Any], trail: Trail) -> np.generic:
    name, inner = fields(node, trail, "scalar", "value")
    value: Any = decoder.decode(inner, trail)
    if not isinstance(name, str) or type(value) is not _SCALARS.get(name):
        raise fault(trail, f"a numpy scalar {str(name)[:80]!r} of {str(value)[:80]!r}")
    try:
        if name == "bytes_":
            return np.bytes_(value.encode("latin-1"))
        with np.errstate(over="ignore"):
            made: np.generic = np.dtype(name.rstrip("_")).type(value)
    except (OverflowError, ValueError) as error:
        raise fault(trail, f"a {name} that cannot be {str(value)[:80]}") from error
    if name.startswith("float") and made.item() != value and not math.isnan(value):
        raise fault(trail, f"a {name} that cannot be {value!r}")
    return made


def _array(decoder: Decoder, node: dict[str, Any], trail: Trail) -> np.ndarray:
    name, order = fields(node, trail, "array", optional="order")
    if order not in (None, "F"):
        raise fault(trail, "an array in an order other than 'F'")
    array: np.ndarray = decoder.floats(name, "numpy", trail, to_numpy)
    if order == "F":
        return decoder.floats(name, "F", trail, lambda _: np.asfortranarray(array))
    return array


def _tensor(decoder: Decoder, node: dict[str, Any], trail: Trail) -> Any:
    name, layout = fields(node, trail, "tensor", optional="layout")
    tensor = decoder.floats(name, "torch", trail, to_torch)
    if layout is None:
        return tensor
    if layout != "NHWC" or tensor.dim() != 4:
        raise fault(trail, "a tensor in a layout other than 'NHWC' of four dimensions")
    import torch

    return decoder.floats(
        name, layout, trail, lambda _: tensor.contiguous(memory_format=torch.channels_last)
    )


def _objects(decoder: Decoder, node: dict[str, Any], trail: Trail) -> np.ndarray:
    items, shape = fields(node, trail, "objects", "shape")
    values = decoder.decode(_as_list(items, trail), trail)
    flat = np.empty(_count(shape, len(values), trail), dtype=object)
    for at, value in enumerate(values):
        flat[at] = value
    return flat.reshape(shape)


def _text(decoder: Decoder, node: dict[str, Any], trail: Trail) -> np.ndarray:
    items, dtype_name, shape = fields(node, trail, "text", "dtype", "shape")
    dtype = _text_dtype(dtype_name, trail)
    n_items = _count(shape, len(_as_list(items, trail)), trail)
    if not all(type(item) is str for item in items):
        raise fault(trail, "a text array with items that are no text")
    if n_items * dtype.itemsize > MAX_TEXT_SPREAD * sum(len(item) + 3 for item in items):
        raise fault(trail, f"a text array of {dtype} that is much wider than its text")
    width = dtype.itemsize // (4 if dtype.kind == "U" else 1)
    if any(len(item) > width for item in items):
        raise fault(trail, f"a text array of {dtype} with longer text")
    try:
        encoded = items if dtype.kind == "U" else [item.encode("latin-1") for item in items]
        return np.array(encoded, dtype=dtype).reshape(shape)
    except UnicodeError as error:
        raise fault(trail, "an array of bytes with text that is none") from error


def _wide(decoder: Decoder, node: dict[str, Any], trail: Trail) -> np.ndarray:
    name, dtype_name, shape = fields(node, trail, "wide", "dtype", "shape")
    dtype = _text_dtype(dtype_name, trail)
    raw: np.ndarray = decoder.tensor(name, "numpy", trail, to_numpy)
    n_items = raw.nbytes // dtype.itemsize if dtype.itemsize else 0
    if raw.dtype != np.uint8 or n_items * dtype.itemsize != raw.nbytes or raw.ndim != 1:
        raise fault(trail, f"a text array of {dtype} over other bytes")
    _count(shape, n_items, trail)
    # Python aborts on reading a code point that Unicode does not have.
    if dtype.kind == "U" and raw.view(np.uint32).max(initial=0) > 0x10FFFF:
        raise fault(trail, "a text array with a code point above U+10FFFF")
    return raw.view(dtype).reshape(shape)


def _dtype(decoder: Decoder, node: dict[str, Any], trail: Trail) -> np.dtype:
    (name,) = fields(node, trail, "dtype")
    if not isinstance(name, str) or not re.fullmatch(r"[<>|][biufOSU]\d{0,6}", name):
        raise fault(trail, f"a dtype {str(name)[:80]!r}")
    try:
        return np.dtype(name)
    except TypeError as error:
        raise fault(trail, f"a dtype {name!r}, which numpy does not have") from error


def _type(decoder: Decoder, node: dict[str, Any], trail: Trail) -> type:
    (name,) = fields(node, trail, "type")
    if not isinstance(name, str) or name not in _TYPES:
        raise fault(trail, f"a type {str(name)[:80]!r}, which is no type of numbers or text")
    return _TYPES[name]


def _known(decoder: Decoder, node: dict[str, Any], trail: Trail) -> Any:
    return resolve_reference(fields(node, trail, "known")[0])


def _supplied(decoder: Decoder, node: dict[str, Any], trail: Trail) -> Any:
    return decoder.supplied.find(fields(node, trail, "supplied")[0], str(trail))


def _instance(decoder: Decoder, node: dict[str, Any], trail: Trail) -> Any:
    return decoder.supplied.find_instance(fields(node, trail, "instance")[0], str(trail))


def _as_list(value: Any, trail: Trail) -> list[Any]:
    if not isinstance(value, list):
        raise fault(trail, "something other than a list where a list belongs")
    return value


def _count(shape: Any, n_items: int, trail: Trail) -> int:
    """Number of items, after the shape was checked against it."""
    counts = _as_list(shape, trail)
    is_shape = all(type(count) is int and 0 <= count < 2**31 for count in counts)
    if not is_shape or len(counts) > MAX_DIMENSIONS or math.prod(counts) != n_items:
        raise fault(trail, f"an array of {n_items:,} items with the shape {counts!r:.80}")
    if math.prod(max(1, count) for count in counts) >= 2**55:
        raise fault(trail, "an array of a shape that is more than can be counted")
    return n_items


def _text_dtype(name: Any, trail: Trail) -> np.dtype:
    if not isinstance(name, str) or not re.fullmatch(r"<U\d{1,9}|\|S\d{1,9}", name):
        raise fault(trail, f"a text array of {str(name)[:80]!r}")
    try:
        return np.dtype(name)
    except (TypeError, ValueError) as error:
        raise fault(trail, f"a text array of {name!r}, which numpy does not have") from error


_SCALARS: Final[dict[str, Any]] = {
    "bool": bool,
    **{f"{sign}int{bits}": int for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": float for bits in (16, 32, 64)},
    "str_": str,
    "bytes_": str,
}
_TYPES: Final[dict[str, type]] = {
    **{kind.__name__: kind for kind in (bool, int, float, str, object)},
    **{
        f"numpy.{np.dtype(name).type.__name__}": np.dtype(name).type
        for name in (*(name for name in _SCALARS if not name.endswith("_")), "O", "U", "S")
    },
}
_READERS: Final[dict[str, Callable[[Decoder, dict[str, Any], Trail], Any]]] = {
    "int": _integer,
    "float": _real,
    "tuple": _tuple,
    "dict": _dict,
    "pairs": _pairs,
    "rows": _rows,
    "slice": _slice,
    "bytes": _bytes,
    "scalar": _scalar,
    "array": _array,
    "tensor": _tensor,
    "objects": _objects,
    "text": _text,
    "wide": _wide,
    "dtype": _dtype,
    "type": _type,
    "known": _known,
    "supplied": _supplied,
    "instance": _instance,
}
