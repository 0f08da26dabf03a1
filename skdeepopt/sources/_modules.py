"""Sources made from torch modules, and from files of weights for them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from skdeepopt._random import TorchStream
from skdeepopt._validation import did_you_mean
from skdeepopt.sources._shapes import image_body
from skdeepopt.sources._source import Source
from skdeepopt.transfer._head import split_head

__all__ = ["built_module", "parted", "source_of_file", "source_of_module"]


def source_of_module(module: nn.Module, *, name: str, owner: str) -> Source:
    """Source with a copy of a torch module, whose image shape is not known."""
    body, head = parted(module, owner=owner, name=name)
    return Source(name, body, body.state_dict(), head_state=head)


def source_of_file(path: Any, module: nn.Module, *, owner: str) -> Source:
    """Source with a copy of a module and the weights of a safetensors file.

    Raises
    ------
    ValueError
        The file is no safetensors file, or its tensors are not those of the module.
    FileNotFoundError
        There is no such file.
    """
    module = copy.deepcopy(module)
    _take(module, _weights(Path(path), owner), Path(path).name, owner)
    return source_of_module(module, name=Path(path).name, owner=owner)


def built_module(given: nn.Module | Callable[[], Any], *, owner: str) -> nn.Module:
    """Module itself, or what its class or factory makes without arguments.

    Raises
    ------
    TypeError
        The class needs arguments, or the factory makes something else.
    """
    if isinstance(given, nn.Module):
        return given
    name = getattr(given, "__qualname__", repr(given))
    try:
        with TorchStream(0).borrowed():
            module = given()
    except TypeError as error:
        raise TypeError(
            f"{owner}.source as a class or factory is called without arguments, which {name} does "
            f"not take: {error}. Did you mean an instance, {name}(...)?"
        ) from error
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"{owner}.source as a factory makes a torch.nn.Module, not a {type(module).__name__} "
            f"as {name} does."
        )
    return module


def parted(
    module: nn.Module, *, owner: str, name: str, sample_shape: tuple[int, ...] | None = None
) -> tuple[nn.Module, dict[str, torch.Tensor] | None]:
    """Copy of a module without its head, on the processor, and the head's weights.

    A module without a linear layer at the end is a body as it is.

    Parameters
    ----------
    module : torch.nn.Module
    owner, name : str
        Who asks, and what the module is called; for messages.
    sample_shape : tuple of int or None, default=None
        Of what it takes, where that is known.
    """
    owner = f"{owner}.source {name}"
    copied = copy.deepcopy(module).cpu().float().requires_grad_(True)
    try:
        body, head = split_head(copied, owner=owner, sample_shape=sample_shape)
    except ValueError:
        shape = sample_shape or _usual_shape(copied)
        if shape is None:
            return copied, None
        try:
            body, head = split_head(copied, owner=owner, sample_shape=shape)
        except ValueError:
            return copied, None
    return body, {key: value.detach().clone() for key, value in head.state_dict().items()}


def _usual_shape(module: nn.Module) -> tuple[int, ...] | None:
    """Shape of an image that a network takes, to find out what it does with one."""
    try:
        return image_body(module, (1, 28, 28), owner="", name="")[1]
    except ValueError:
        return None


def _weights(path: Path, owner: str) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"{owner}.source names the file {path}, which is not there.")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{owner}.source takes weights as a .safetensors file, not {path.name}: {error}. Did "
            f"you mean to write it with safetensors.torch.save_file(module.state_dict(), path)?"
        ) from error


def _take(module: nn.Module, weights: Mapping[str, torch.Tensor], file: str, owner: str) -> None:
    own, kind = module.state_dict(), type(module).__name__
    missing, extra = ([n for n in a if n not in b] for a, b in ((own, weights), (weights, own)))
    if missing or extra:
        slip = did_you_mean(extra[0], missing) if missing and extra else ""
        raise ValueError(
            f"{owner}.source {file} has the tensors of {kind}: "
            f"{_counted(missing, 'is missing', 'are missing')}, and "
            f"{_counted(extra, 'is not one of them', 'are not among them')}.{slip}"
        )
    for name, tensor in weights.items():
        if tensor.shape != own[name].shape:
            raise ValueError(
                f"{owner}.source {file} has the shapes of {kind}: {name!r} is "
                f"{tuple(own[name].shape)}, not {tuple(tensor.shape)}."
            )
    module.load_state_dict(weights)


def _counted(names: list[str], one: str, many: str) -> str:
    shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
    return f"{shown or 'none'} {one if len(names) == 1 else many}"
