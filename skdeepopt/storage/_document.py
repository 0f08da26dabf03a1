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

__all__ = ["FORMAT", "SCHEMA", "read_document", "warn_of_versions", "write_document"]

FORMAT: Final = "skdeepopt model"
SCHEMA: Final = 2
"""Newest one that this version reads. The second has sparse tensors; the first has none."""

_LIBRARIES: Final = ("scikit-learn", "numpy", "torch", "skorch")
_KEYS: Final = {"format", "schema", "versions", "model"}


def write_document(model: Any, *, is_sparse: bool = False) -> str:
    """JSON of the description of a model, which a reader of this version accepts.

    The schema is the oldest that has what the model needs, for the sake of older readers.

    Raises
    ------
    ValueError
        Too deep, or too many values.
    """
    schema = SCHEMA if is_sparse else 1
    text = write_json({"format": FORMAT, "schema": schema, "versions": _versions(), "model": model})
    try:
        check_extent(text.encode("ascii"))
    except ModelFileError as error:
        raise ValueError(f"The model cannot be stored: the file {error}") from error
    return text


@cache
def _versions() -> dict[str, str]:
    found = {"skdeepopt": __version__}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def read_document(text: str) -> dict[str, Any]:
    """Description of a model, once its format, schema and keys are known ones.

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
    if schema > SCHEMA:
        raise ModelFileError(
            f"has schema {schema}, written by skdeepopt {versions.get('skdeepopt', '?')[:20]}; "
            f"skdeepopt {__version__} reads up to {SCHEMA}. Upgrade skdeepopt"
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
