"""A new network given the shapes of a pruned one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from skdeepopt.pruning._surgery import in_format_of, match_sizes, replaced_parameter

__all__ = ["resize_to"]


@torch.no_grad()
def resize_to(module: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> None:
    """Shrink the module until the tensors of a pruned one fit.

    Layers get tensors of the shapes in `state_dict`, cut from their own, and sizes to go with
    them. A part that has tensors, none of which is in `state_dict`, becomes ``nn.Identity``.

    Parameters
    ----------
    module : torch.nn.Module
        Built as the pruned one was before it was pruned. Shrinks in place.
    state_dict : mapping of name to Tensor
        Of the pruned module; ``load_state_dict`` with it comes after.

    Raises
    ------
    ValueError
        A tensor would have to grow, or has another number of axes; a part of the module lacks
        some of its tensors; or `state_dict` has one that the module has not.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> pruned = nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 3))
    >>> resize_to(network, pruned.state_dict())
    >>> network.load_state_dict(pruned.state_dict())
    <All keys matched successfully>
    """
    _drop_parts(module, state_dict)
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


def _drop_parts(module: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> None:
    """Replace the outermost parts of which no tensor is left."""
    dropped: list[str] = []
    for name, part in list(module.named_modules()):
        if not name or any(name.startswith(f"{outer}.") for outer in dropped):
            continue
        own = [f"{name}.{inner}" for inner in part.state_dict()]
        if own and not any(tensor in state_dict for tensor in own):
            dropped.append(name)
    for name in dropped:
        module.set_submodule(name, nn.Identity())


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
