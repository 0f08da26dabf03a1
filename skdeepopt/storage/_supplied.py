"""The classes, functions and modules that only the reader of a file can supply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from skdeepopt._validation import did_you_mean
from skdeepopt.exceptions import ModelFileError

__all__ = ["Supplied", "Supply", "qualified_name"]

Supply: TypeAlias = Iterable[Any] | Mapping[str, Any] | None
"""Classes, functions or module instances, or a mapping that gives them by name."""


class Supplied:
    """Answers to the names in one file.

    Parameters
    ----------
    modules : iterable or mapping or None
        As handed to ``load``.

    Raises
    ------
    TypeError
        An item has no name to find it by, or a key is not a string.
    """

    def __init__(self, modules: Supply) -> None:
        self._by_name = _named(modules)

    def find(self, name: Any, owner: str) -> Any:
        """Object for a qualified name, matched in full or by its last part.

        Raises
        ------
        ModelFileError
            Nothing was supplied under that name; the message shows how to.
        """
        if not isinstance(name, str) or not name:
            raise ModelFileError(f"names code by {str(name)[:80]!r} at {owner}, not by a name")
        last = name.rpartition(".")[2]
        matches = [name] if name in self._by_name else self._ending_in(last)
        if len(matches) != 1:
            raise ModelFileError(_how_to_supply(name, owner, list(self._by_name), matches))
        return self._by_name[matches[0]]

    def find_instance(self, name: Any, owner: str) -> Any:
        """Module instance for a qualified name; a class is called without arguments.

        Raises
        ------
        ModelFileError
            Nothing was supplied, or the class cannot be built without arguments.
        """
        found = self.find(name, owner)
        if not isinstance(found, type):
            return found
        try:
            return found()
        except TypeError as error:
            raise ModelFileError(
                f"needs an instance of {name} for {owner}, and the class does not build without "
                f"arguments ({error}). Pass one: load(path, modules={{{name!r}: instance}})"
            ) from error

    def _ending_in(self, last: str) -> list[str]:
        return [name for name in self._by_name if name.rpartition(".")[2] == last]


def qualified_name(value: Any) -> str | None:
    """Dotted module and qualified name of a class or function, None where it has none."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    module = getattr(value, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str) or "<lambda>" in name:
        return None
    return f"{module}.{name}".replace(".<locals>", "")


def _named(modules: Supply) -> dict[str, Any]:
    if modules is None:
        return {}
    if isinstance(modules, Mapping):
        wrong = [key for key in modules if not isinstance(key, str)]
        if wrong:
            raise TypeError(f"load takes modules by name, not by {wrong[0]!r}")
        return dict(modules)
    if isinstance(modules, str | bytes) or not isinstance(modules, Iterable):
        raise TypeError(
            f"load takes modules as a list of classes or a dict of them by name, not {modules!r}. "
            "Did you mean modules=[...]?"
        )
    return dict(_name_of(item) for item in modules)


def _name_of(item: Any) -> tuple[str, Any]:
    is_named: Callable[[Any], bool] = callable
    named = item if isinstance(item, type) or hasattr(item, "__qualname__") else type(item)
    name = qualified_name(named)
    if name is None or isinstance(item, str) or not is_named(item):
        raise TypeError(
            f"load takes classes, functions and torch modules in modules, not {item!r}. "
            "Pass a dict to give something a name"
        )
    return name, item


def _how_to_supply(name: str, owner: str, names: list[str], matches: list[str]) -> str:
    module, _, item = name.rpartition(".")
    needs = f"needs {name[:200]!r} for {owner}, and a file may not say what to import."
    if len(matches) > 1:
        return f"{needs} {' and '.join(matches)} both fit: pass modules={{{name!r}: ...}}"
    slip = did_you_mean(name[:200], names) if names else ""
    origin = f" after 'from {module} import {item}'" if module != "__main__" else ""
    return (
        f"{needs} Pass it: load(path, modules=[{item}]){origin}, "
        f"or modules={{{name!r}: ...}}.{slip}"
    )
