"""A new network given the shapes of a pruned one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import nn

from skdeepopt.pruning._surgery import in_format_of, match_sizes, replaced_parameter

__all__ = ["identities", "resize_to"]


@torch.no_grad()
def resize_to(
    module: nn.Module,
    state_dict: Mapping[str, torch.Tensor],
    *,
    removed: Collection[str] = (),
) -> None:
    """Shrink the module until the tensors of a pruned one fit.

    Layers get tensors of the shapes in `state_dict`, cut from their own, and sizes to go with
    them.

    Parameters
    ----------
    module : torch.nn.Module
        Built as the pruned one was before it was pruned. Shrinks in place.
    state_dict : mapping of name to Tensor
        Of the pruned module; ``load_state_dict`` with it comes after.
    removed : collection of str, default=()
        Names of the parts, such as residual blocks, that are ``nn.Identity`` in the pruned
        module, and so become it here. One that is there with its tensors stays.

    Raises
    ------
    ValueError
        A tensor would have to grow, or has another number of axes; a part of the module that is
        not in `removed` lacks tensors; or `state_dict` has one that the module has not.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> pruned = nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 3))
    >>> resize_to(network, pruned.state_dict())
    >>> network.load_state_dict(pruned.state_dict())
    <All keys matched successfully>
    """
    _drop_parts(module, state_dict, removed)
    _check_no_part_lacks(module, state_dict)
    present = module.state_dict()
    for name, tensor in present.items():
        _check_fits(name, tensor, state_dict)
    unknown = [name for name in state_dict if name not in present]
    if unknown:
        raise ValueError(
            f"resize_to.state_dict has tensors that {type(module).__name__} has, not "
            f"{unknown[0]!r}. Did you mean another architecture?"
        )
    for prefix, layer in module.named_modules():
        _resize(layer, prefix, state_dict)


def identities(module: nn.Module) -> list[str]:
    """Names of the parts that pass their input on: what :func:`resize_to` takes as `removed`.

    A part that is built as an identity is among them, for what a removed one leaves is no other.

    Parameters
    ----------
    module : torch.nn.Module

    Examples
    --------
    >>> identities(nn.Sequential(nn.Linear(4, 8), nn.Identity()))
    ['1']
    """
    return [
        name
        for name, part in module.named_modules()
        if name and isinstance(part, nn.Identity) and not part.state_dict()
    ]


def _drop_parts(
    module: nn.Module, state_dict: Mapping[str, torch.Tensor], removed: Collection[str]
) -> None:
    """Replace those of the removed parts of which no tensor is left."""
    for name in _outermost_missing(module, state_dict, among=removed):
        module.set_submodule(name, nn.Identity())


def _check_no_part_lacks(module: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> None:
    missing = _outermost_missing(module, state_dict)
    if missing:
        raise ValueError(
            f"resize_to.state_dict has tensors of every part of {type(module).__name__} that is "
            f"not in `removed`, not none of {missing[0]!r}. Did you mean another architecture?"
        )


def _outermost_missing(
    module: nn.Module,
    state_dict: Mapping[str, torch.Tensor],
    *,
    among: Collection[str] | None = None,
) -> list[str]:
    """Names of parts that have tensors, none of which is left, without the parts inside them."""
    found: list[str] = []
    for name, part in module.named_modules():
        is_inner = any(name.startswith(f"{outer}.") for outer in found)
        if not name or is_inner or (among is not None and name not in among):
            continue
        own = [f"{name}.{inner}" for inner in part.state_dict()]
        if own and not any(tensor in state_dict for tensor in own):
            found.append(name)
    return found


def _check_fits(name: str, tensor: torch.Tensor, state_dict: Mapping[str, torch.Tensor]) -> None:
    if name not in state_dict:
        raise ValueError(
            f"resize_to.state_dict has all tensors of a layer or none, and lacks {name!r}."
        )
    shape, given = tuple(tensor.shape), tuple(state_dict[name].shape)
    smaller = len(shape) == len(given) and all(g <= s for g, s in zip(given, shape, strict=True))
    if not smaller:
        raise ValueError(
            f"resize_to.state_dict[{name!r}] has a shape of at most {shape}, not {given}. "
            "Did you mean another architecture?"
        )


def _resize(layer: nn.Module, prefix: str, state_dict: Mapping[str, torch.Tensor]) -> None:
    is_changed = False
    for name, tensor in (*layer._parameters.items(), *layer._buffers.items()):
        path = f"{prefix}.{name}" if prefix else name
        if tensor is None or path not in state_dict or tensor.shape == state_dict[path].shape:
            continue
        cut = tensor[tuple(slice(size) for size in state_dict[path].shape)]
        smaller = in_format_of(tensor, cut)
        if isinstance(tensor, nn.Parameter):
            smaller = replaced_parameter(tensor, smaller)
        setattr(layer, name, smaller)
        is_changed = True
    if is_changed:
        match_sizes(layer)
