"""Names of the tensors of a file, after the places where its description refers to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from skdeepopt.storage._trail import Trail

__all__ = ["tensor_names"]

_REFERRING: Final = ("array", "tensor", "bytes", "wide")
_OF_ESTIMATOR: Final = ("params", "state", "output")


def tensor_names(model: Any, n_tensors: int) -> list[str]:
    """Names of so many tensors, such as ``weights.network.head.bias``, none twice."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for number, trail in _references(model, Trail("model")):
        if number not in names:
            names[number] = _free_name(trail.plain_name(), taken)
            taken.add(names[number])
    return [names.get(number, f"unnamed tensor {number}") for number in range(n_tensors)]


def _free_name(plain: str, taken: set[str]) -> str:
    name, count = plain, 1
    while name in taken:
        count += 1
        name = f"{plain}~{count}"
    return name


def _references(node: Any, trail: Trail) -> Iterator[tuple[int, Trail]]:
    """Every reference to a tensor in the JSON below a node, in its order."""
    if isinstance(node, list):
        for at, item in enumerate(node):
            yield from _references(item, trail.item(at))
    elif isinstance(node, dict):
        yield from _references_of_kind(node, trail)


def _references_of_kind(node: dict[str, Any], trail: Trail) -> Iterator[tuple[int, Trail]]:
    kind = next(iter(node), "")
    content = node.get(kind)
    if kind == "estimator":
        for part in _OF_ESTIMATOR:
            yield from _references_in(node.get(part), trail)
    elif kind in _REFERRING and type(content) is int:
        yield content, trail
    elif kind == "rows" and isinstance(content, dict):
        for key, number in content.items():
            if type(number) is int:
                yield number, trail.item(key)
    elif kind == "dict":
        yield from _references_in(content, trail)
    else:
        yield from _references(content, trail)


def _references_in(items: Any, trail: Trail) -> Iterator[tuple[int, Trail]]:
    if isinstance(items, dict):
        for key, item in items.items():
            yield from _references(item, trail.item(key))
