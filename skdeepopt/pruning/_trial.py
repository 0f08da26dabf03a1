"""Proof, on a copy, that channels can be removed as the graph says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from skdeepopt.pruning._groups import ChannelGroup, remove_marked, silence_marked
from skdeepopt.pruning._masks import bake_masks

__all__ = ["check_removable", "trial_copy"]


def trial_copy(module: nn.Module, example: torch.Tensor) -> tuple[nn.Module, torch.Tensor]:
    """Copy to experiment on, and two samples for it: on the CPU, in evaluation, in float64.

    Masks are baked. A module that only runs in its own number type keeps it. Weights are drawn
    anew, so that what shows is the structure and not what training made of it: a channel that
    died would hide that the wrong one was removed.
    """
    generator = torch.Generator().manual_seed(0)
    trial = copy.deepcopy(module).cpu().eval().requires_grad_()
    bake_masks(trial)
    with torch.no_grad():
        for layer in trial.modules():
            _draw(layer, generator)
    sample = example[:2].detach().cpu()
    if not sample.is_floating_point():
        return trial, sample
    sample = torch.randn(sample.shape, generator=generator, dtype=torch.float64)
    precise = copy.deepcopy(trial).double()
    try:
        with torch.no_grad():
            precise(sample)
    except Exception:
        return trial, sample.to(example.dtype)
    return precise, sample


def check_removable(
    module: nn.Module, sample: torch.Tensor, groups: Sequence[ChannelGroup], owner: str
) -> None:
    """Raise a ValueError that names the layers unless half of the channels can be removed.

    Without them the module has to answer as it does with them when no layer reads them.

    Parameters
    ----------
    module, sample
        As :func:`trial_copy` gave them.
    groups : sequence of ChannelGroup
    owner : str
        Who asks; opens the message.
    """
    exact = [group for group in groups if group.is_exact]
    others = [group for group in groups if not group.is_exact]
    if all(_trouble(module, sample, some) is None for some in (exact, others)):
        return
    allowed = f"{owner}.module is a network whose channels can be followed from layer to layer"
    for group in groups:
        trouble = _trouble(module, sample, [group])
        if trouble is not None:
            raise ValueError(
                f"{allowed}, not one where {trouble} without some channels of {group.root!r}."
            )
    roots = ", ".join(repr(group.root) for group in groups)
    raise ValueError(f"{allowed}, not one where those of {roots} depend on each other.")


def _trouble(module: nn.Module, sample: torch.Tensor, groups: Sequence[ChannelGroup]) -> str | None:
    """What goes wrong without half of the channels, None where nothing does."""
    if not groups:
        return None
    generator = torch.Generator().manual_seed(0)
    marks = [_half(group.n_channels, generator) for group in groups]
    silent, smaller = copy.deepcopy(module), copy.deepcopy(module)
    silence_marked(silent, groups, marks)
    remove_marked(smaller, groups, marks)
    with torch.no_grad(), _following(smaller) as inside:
        expected = silent(sample)
        try:
            answer = smaller(sample)
        except Exception as error:
            first, *_ = str(error).splitlines() or [type(error).__name__]
            return f"{inside[-1]!r} fails ({first})"
    if answer.shape != expected.shape:
        return f"the answer has shape {tuple(answer.shape)}"
    precision = 1e-6 if answer.dtype == torch.float64 else 1e-3
    bound = precision * float(expected.nan_to_num().abs().max())
    agree = torch.allclose(answer, expected, rtol=0, atol=bound, equal_nan=True)
    return None if agree or not groups[0].is_exact else "the answer changes"


def _half(n_channels: int, generator: torch.Generator) -> torch.Tensor:
    marked = torch.zeros(n_channels, dtype=torch.bool)
    marked[torch.randperm(n_channels, generator=generator)[: max(1, n_channels // 2)]] = True
    return marked


@contextmanager
def _following(module: nn.Module) -> Iterator[list[str]]:
    """Names of the parts that a forward pass is in; after an error the last is where it arose."""
    inside: list[str] = []

    def entering(name: str) -> Callable[..., None]:
        return lambda _part, _inputs: inside.append(name)

    def leave(_part: nn.Module, _inputs: Any, _output: Any) -> None:
        inside.pop()

    handles = []
    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(entering(name or type(module).__name__)))
        handles.append(part.register_forward_hook(leave))
    try:
        yield inside
    finally:
        for handle in handles:
            handle.remove()


def _draw(layer: nn.Module, generator: torch.Generator) -> None:
    weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
    if isinstance(layer, (_ConvNd, nn.Linear)):
        if isinstance(weight, nn.Parameter):
            weight.normal_(0, (weight.numel() / len(weight)) ** -0.5, generator=generator)
    elif isinstance(layer, (_NormBase, nn.GroupNorm, nn.LayerNorm)):
        for positive in (weight, getattr(layer, "running_var", None)):
            if positive is not None:
                positive.uniform_(0.5, 1.5, generator=generator)
        if getattr(layer, "running_mean", None) is not None:
            layer.running_mean.normal_(0, 1, generator=generator)  # type: ignore[union-attr,operator]
    else:
        return
    if isinstance(bias, nn.Parameter):
        bias.normal_(0, 1, generator=generator)
