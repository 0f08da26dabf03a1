"""A network's channels, and which layers share them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt.pruning._coupling import coupled_channels
from skdeepopt.pruning._groups import ChannelGroup, remove_marked
from skdeepopt.pruning._masks import baked
from skdeepopt.pruning._prunable import check_prunable
from skdeepopt.pruning._trace import UntraceableError
from skdeepopt.pruning._trial import check_removable, trial_copy

__all__ = ["ChannelGraph"]


class ChannelGraph:
    """Groups of channels of a module that can be removed for good, and their removal.

    Channels that make up the answer, or that the input is added to, are in no group. That the
    others can go is proven on a copy: without half of them it has to give the answer that it gives
    when no layer reads them. The module itself is only looked at.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one tensor and gives one. Layers may be branched, concatenated, added, grouped,
        depthwise or used twice.
    example : Tensor of shape (n_samples, ...)
        An input, of which two samples are used.
    owner : str
        Who asks; opens the messages.

    Attributes
    ----------
    groups : list of ChannelGroup

    Raises
    ------
    ValueError
        Channels cannot be followed through a layer, which is named: its result depends on how
        many channels there are, it is parametrized, or it shares a parameter with another.

    References
    ----------
    Fang, Ma, Song, Mi & Wang (2023), DepGraph, arXiv:2301.12900, section 3.2.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> graph = ChannelGraph(network, torch.zeros(1, 4), owner="Example")
    >>> [(group.root, group.n_channels) for group in graph.groups]
    [('0', 8)]
    >>> graph.remove([torch.arange(8) < 6])
    >>> network[0]
    Linear(in_features=4, out_features=2, bias=True)
    """

    def __init__(self, module: nn.Module, example: torch.Tensor, *, owner: str) -> None:
        check_prunable(module, owner=owner)
        with torch.random.fork_rng(devices=[]), torch.inference_mode(False):
            trial, sample = trial_copy(module, example)
            groups = _followed(trial, sample, owner)
            _check_plain(trial, groups, owner)
            check_removable(trial, sample, groups, owner)
        self.module = module
        self.groups = groups

    def remove(self, marks: Sequence[torch.Tensor]) -> None:
        """Shrink the module; masks shrink with it.

        Parameters
        ----------
        marks : sequence of Tensor of shape (n_channels,), bool
            Which channels of each group go; never all of one.
        """
        if any(bool(marked.all()) for marked in marks):
            raise ValueError("ChannelGraph.remove leaves at least one channel of each group.")
        with baked(self.module):
            self.groups = remove_marked(self.module, self.groups, marks)


def _followed(trial: nn.Module, sample: torch.Tensor, owner: str) -> list[ChannelGroup]:
    allowed = f"{owner}.module is a network that runs on `example` and can be traced"
    with torch.enable_grad():
        try:
            answer = trial(sample.clone())
        except Exception as error:
            raise ValueError(f"{allowed}, not one that fails ({error}).") from error
        if not isinstance(answer, torch.Tensor):
            raise ValueError(f"{allowed} to one tensor, not to a {type(answer).__name__}.")
        try:
            return coupled_channels(trial, sample)
        except UntraceableError as error:
            raise ValueError(f"{allowed}, not one where {error}.") from error
        except Exception as error:
            raise ValueError(
                f"{allowed}, not one where torch-pruning finds {error!r}{_suspect(trial)}."
            ) from error


def _suspect(trial: nn.Module) -> str:
    """Layer that is likely why a network cannot be traced."""
    known = (_ConvNd, nn.Linear, _NormBase, nn.GroupNorm, nn.LayerNorm, nn.PReLU)
    for name, layer in trial.named_modules():
        if not isinstance(layer, known) and next(layer.parameters(recurse=False), None) is not None:
            return f", maybe in the {type(layer).__name__} {name!r}"
    return ""


def _check_plain(module: nn.Module, groups: Sequence[ChannelGroup], owner: str) -> None:
    for group in groups:
        for part in group.on("out", "in", "both"):
            layer = module.get_submodule(part.name)
            weight = getattr(layer, "weight", None)
            if is_parametrized(layer) or not isinstance(weight, (nn.Parameter, type(None))):
                raise ValueError(
                    f"{owner}.module is a network of layers with plain weights, not one where "
                    f"{part.name!r} computes its weight. Did you mean to remove the "
                    "parametrization first?"
                )
