"""What makes a search this search and no other, in words that another process would choose too."""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Mapping
from functools import partial
from typing import Any

import joblib
import numpy as np

__all__ = ["data_digest", "described", "fingerprint", "splits_digest"]

_DEEPEST = 12
"""Objects within objects beyond this are told by their type only; ends circles, too."""


def described(value: Any, depth: int = 0) -> Any:
    """Value in JSON's terms, the same in every process; arrays and the like as digests.

    Parameters
    ----------
    value : object
        Numbers, strings, containers, arrays, estimators, functions, classes, dimensions of skopt.
        Other objects are told by their class and attributes.

    Examples
    --------
    >>> described({"lr": (1e-4, 0.1), "scale": None})
    {'lr': [0.0001, 0.1], 'scale': None}
    >>> from sklearn.linear_model import Ridge
    >>> described(Ridge())["class"], described(Ridge())["parameters"]["alpha"]
    ('sklearn.linear_model._ridge.Ridge', 1.0)
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return described(value.item(), depth)
    if depth > _DEEPEST:
        return _name_of(type(value))
    if isinstance(value, Mapping):
        return {str(name): described(held, depth + 1) for name, held in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        listed = [described(held, depth + 1) for held in value]
        return sorted(listed, key=str) if isinstance(value, (set, frozenset)) else listed
    return _object_described(value, depth)


def fingerprint(value: Any) -> str:
    """Short digest of what :func:`described` says.

    Parameters
    ----------
    value : object

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    return _digest(json.dumps(described(value), sort_keys=True).encode())


def data_digest(*data: Any) -> str:
    """Digest of arrays, frames, sparse matrices or lists, the same in every process.

    Parameters
    ----------
    *data : object
        Whatever joblib can hash; else its pickle has to be the same.
    """
    return str(joblib.hash(data))


def splits_digest(splits: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """Digest of row numbers to train and test on.

    Parameters
    ----------
    splits : list of (ndarray, ndarray)
    """
    return data_digest([[np.asarray(rows).tolist() for rows in split] for split in splits])


def _object_described(value: Any, depth: int) -> Any:
    if isinstance(value, type):
        return _name_of(value)
    if isinstance(value, np.ndarray):
        return {
            "shape": list(value.shape),
            "type": str(value.dtype),
            "digest": _array_digest(value),
        }
    if isinstance(value, partial):
        return ["partial", *(described(v, depth + 1) for v in vars_of_partial(value))]
    if isinstance(value, types.MethodType):
        return [described(value.__self__, depth + 1), value.__func__.__qualname__]
    if callable(value) and hasattr(value, "__qualname__"):
        return _function_described(value)
    if hasattr(value, "rvs"):
        return _choices_described(value, depth)
    if hasattr(value, "get_params"):
        params = value.get_params(deep=False)
        return {"class": _name_of(type(value)), "parameters": described(params, depth + 1)}
    return _state_described(value, depth)


def _choices_described(value: Any, depth: int) -> Any:
    """What a dimension of skopt, or a distribution of scipy, draws from."""
    if hasattr(value, "dist"):
        return [value.dist.name, described(value.args, depth + 1), described(value.kwds, depth + 1)]
    parts = ("low", "high", "prior", "base", "categories")
    held = {part: getattr(value, part) for part in parts if hasattr(value, part)}
    return {"class": _name_of(type(value)), **described(held, depth + 1)}


def vars_of_partial(value: partial[Any]) -> tuple[Any, ...]:
    """Function, arguments and keywords of a partial function."""
    return value.func, value.args, value.keywords


def _function_described(function: Any) -> Any:
    name = f"{function.__module__}.{function.__qualname__}"
    code = getattr(function, "__code__", None)
    if code is None or "<lambda>" not in name:
        return name
    return [name, _digest(code.co_code + repr(code.co_names).encode())]


def _state_described(value: Any, depth: int) -> Any:
    if hasattr(value, "state_dict"):  # a torch module: its weights, and what it is made of
        arrays = {n: t.detach().cpu().numpy() for n, t in value.state_dict().items()}
        return {"class": _name_of(type(value)), "weights": data_digest(arrays), "is": repr(value)}
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        return _name_of(type(value))
    state = getattr(value, "__dict__", None)
    if state is None:
        return [_name_of(type(value)), _stable_repr(value)]
    return {"class": _name_of(type(value)), "state": described(state, depth + 1)}


def _stable_repr(value: Any) -> str:
    """What an object says of itself, unless it tells its address."""
    said = repr(value)
    return "" if " at 0x" in said else said


def _array_digest(values: np.ndarray) -> str:
    if values.dtype == object:
        return fingerprint(values.tolist())
    return _digest(np.ascontiguousarray(values).tobytes())


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()
