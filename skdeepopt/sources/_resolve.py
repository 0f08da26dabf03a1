"""A source from whatever a user may give."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from torch import nn

from skdeepopt._validation import did_you_mean
from skdeepopt.sources._estimators import source_of_estimator, source_of_net
from skdeepopt.sources._hubs import HUBS, hub_source
from skdeepopt.sources._modules import built_module, source_of_file, source_of_module
from skdeepopt.sources._packaged import SOURCES, packaged_source
from skdeepopt.sources._source import Source
from skdeepopt.storage._files import load
from skdeepopt.training._raw_net import is_raw_net

__all__ = ["resolve_source"]

_ALLOWED = (
    "the name of a source, a model file, a fitted deep estimator or skorch net in FrozenEstimator, "
    "a torch module, its class or factory, or a pair of a .safetensors file and a module"
)


def resolve_source(source: Any, *, owner: str) -> Source:
    """Pretrained network without its head.

    Parameters
    ----------
    source : str, path, deep estimator, skorch net, torch module, class, factory, or tuple
        A name in ``SOURCES``; ``"timm:NAME"`` or ``"hf:NAME"``; a file that ``save`` wrote; a
        fitted deep estimator or skorch net, in ``FrozenEstimator`` or not; a torch module, or
        what makes one without arguments; or a safetensors file of weights and the module they
        belong to. Never changed.
    owner : str
        Who asks; opens every message.

    Returns
    -------
    source : Source

    Raises
    ------
    TypeError, ValueError
        It is something else, or there is none by that name.
    FileNotFoundError, ModelFileError, NotFittedError, ImportError
        The file is missing or damaged, the estimator is not fitted, the library is not installed.

    Examples
    --------
    >>> source = resolve_source("mnist-compact", owner="example")
    >>> source.body, source.image_shape, len(source.classes)
    ('compact', (1, 28, 28), 10)
    """
    if isinstance(source, str | os.PathLike):
        return _named(source, owner)
    if isinstance(source, tuple):
        return _paired(source, owner)
    inner = source.estimator if isinstance(source, FrozenEstimator) else source
    name = type(inner).__name__
    if is_raw_net(inner):
        return source_of_net(inner, name=name, owner=owner)
    if isinstance(inner, nn.Module):
        return source_of_module(inner, name=name, owner=owner)
    if isinstance(inner, BaseEstimator):
        if not hasattr(inner, "finetune"):
            raise TypeError(f"{owner}.source is {_ALLOWED}, not {inner!r}.{_slip(inner)}")
        return source_of_estimator(inner, name=name, owner=owner)
    if not callable(inner) or (isinstance(inner, type) and not issubclass(inner, nn.Module)):
        raise TypeError(f"{owner}.source is {_ALLOWED}, not {inner!r}.{_slip(inner)}")
    made = built_module(inner, owner=owner)
    return source_of_module(made, name=type(made).__name__, owner=owner)


def _named(source: str | os.PathLike[str], owner: str) -> Source:
    name = os.fspath(source)
    if name in SOURCES:
        return packaged_source(name, SOURCES[name])
    hub, colon, model = name.partition(":")
    if colon and hub in HUBS:
        return hub_source(hub, model, owner=owner)
    path = Path(name).expanduser()
    if path.is_file():
        return _of_file(path, owner)
    known = ", ".join(map(repr, SOURCES))
    described = f"{owner}.source names {known}, 'timm:NAME', 'hf:NAME' or a model file"
    if path.suffix or os.sep in name or not isinstance(source, str):
        raise FileNotFoundError(f"{described}, and there is no file {str(path)!r}.")
    raise ValueError(f"{described}, not {name!r}.{did_you_mean(name, SOURCES)}")


def _of_file(path: Path, owner: str) -> Source:
    if path.suffix == ".safetensors":
        raise ValueError(
            f"{owner}.source takes a .safetensors file together with the module that its weights "
            f"belong to, not alone. Did you mean ({str(path)!r}, module)?"
        )
    estimator = load(path)
    if isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if not hasattr(estimator, "finetune"):
        raise TypeError(
            f"{owner}.source names a file that holds a deep estimator, and {path.name} holds a "
            f"{type(estimator).__name__}.{_slip(estimator)}"
        )
    return source_of_estimator(estimator, name=path.name, owner=owner)


def _paired(source: tuple[Any, ...], owner: str) -> Source:
    is_pair = len(source) == 2 and isinstance(source[0], str | os.PathLike)
    if not is_pair or isinstance(source[1], BaseEstimator) or not callable(source[1]):
        kinds = ", ".join(type(item).__name__ for item in source)
        raise TypeError(
            f"{owner}.source as a tuple is a .safetensors file and a torch module, not ({kinds})."
        )
    return source_of_file(source[0], built_module(source[1], owner=owner), owner=owner)


def _slip(given: Any) -> str:
    if isinstance(given, type):
        return f" Did you mean FrozenEstimator({given.__name__}().fit(X, y))?"
    if hasattr(given, "steps"):
        return " Did you mean FrozenEstimator(pipeline[-1]), its last step?"
    if hasattr(given, "best_estimator_"):
        return " Did you mean FrozenEstimator(search.best_estimator_)?"
    return ""
