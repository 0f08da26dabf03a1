"""The description inside a model file: its format, its schema, who wrote it, and the model."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from skdeepopt import __version__
from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._strict_json import check_extent, parse_json, write_json

__all__ = [
    "FORMAT",
    "SCHEMA",
    "read_description",
    "read_document",
    "warn_of_versions",
    "write_description",
]

FORMAT: Final = "skdeepopt model"
SCHEMA: Final = 3
"""Newest one that this version reads, and the one it writes."""

_NEWEST_OPEN: Final = 2
"""Newest schema of a safetensors file."""

_LIBRARIES: Final = ("scikit-learn", "numpy", "torch", "skorch")
_MISSING: Final = "-"
_KEYS: Final = {"format", "schema", "versions", "model"}


def write_description(model: Any) -> str:
    """JSON of a model and of the versions it was made with, which a reader of this version accepts.

    Raises
    ------
    ValueError
        Too deep, or too many values.
    """
    text = write_json({"model": model, "versions": " ".join(_versions().values())})
    try:
        check_extent(text.encode("ascii"))
    except ModelFileError as error:
        raise ValueError(f"The model cannot be stored: the file {error}") from error
    return text


def read_description(text: bytes) -> dict[str, Any]:
    """The model, and by name the versions it was made with and the schema.

    Raises
    ------
    ModelFileError
        Not JSON, or not what ``write_description`` gives.
    """
    found = parse_json(text)
    if not isinstance(found, dict) or set(found) != {"model", "versions"}:
        raise ModelFileError("has a description with keys other than 'model' and 'versions'")
    told = found["versions"].split(" ") if isinstance(found["versions"], str) else []
    if len(told) != 1 + len(_LIBRARIES):
        raise ModelFileError("has a description without the versions of the libraries")
    versions = dict(zip(("skdeepopt", *_LIBRARIES), told, strict=True))
    return {
        "schema": SCHEMA,
        "versions": {name: item for name, item in versions.items() if item != _MISSING},
        "model": found["model"],
    }


@cache
def _versions() -> dict[str, str]:
    found = {"skdeepopt": __version__}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = _MISSING
    return found


def read_document(text: str) -> dict[str, Any]:
    """Description in a safetensors file, once its format, schema and keys are known ones.

    Raises
    ------
    ModelFileError
        Not JSON, not this format, or a newer schema.
    """
    document = parse_json(text.encode("utf-8", "surrogatepass"))
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelFileError(f"has a description of a format other than {FORMAT!r}")
    schema = document.get("schema")
    if type(schema) is not int or schema < 1:
        raise ModelFileError("has a description without a schema version")
    versions = document.get("versions")
    if not isinstance(versions, dict) or not all(type(item) is str for item in versions.values()):
        raise ModelFileError("has a description without the versions of the libraries")
    if schema > _NEWEST_OPEN:
        raise ModelFileError(
            f"has schema {schema}, written by skdeepopt {versions.get('skdeepopt', '?')[:20]}; "
            f"skdeepopt {__version__} reads up to {_NEWEST_OPEN} in a safetensors file. Upgrade "
            "skdeepopt"
        )
    if set(document) != _KEYS:
        raise ModelFileError(f"has a description with keys other than {sorted(_KEYS)}")
    return document


def warn_of_versions(path: Path, versions: dict[str, str], names: list[str]) -> None:
    """Warn where a scikit-learn object meets another minor version of its library."""
    library = "scikit-learn"
    theirs = next((name for name in names if name.startswith("sklearn.")), None)
    saved, installed = versions.get(library, "?"), version(library)
    if theirs is None or saved.split(".")[:2] == installed.split(".")[:2]:
        return
    warnings.warn(
        f"{path} holds a {theirs} of scikit-learn {saved[:20]}, and {installed} is installed. "
        "It may answer differently; compare some predictions, or install the other version.",
        UserWarning,
        stacklevel=3,
    )
