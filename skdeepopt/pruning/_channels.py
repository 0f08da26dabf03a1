"""Channels removed for good, so that the network is smaller and faster."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import type_before_parametrizations

from skdeepopt._validation import check_choice, check_ratio
from skdeepopt.layers._weighted import Layer, weight_gradient, weight_layers
from skdeepopt.pruning._affordable import affordable
from skdeepopt.pruning._channel_costs import ChannelCosts
from skdeepopt.pruning._criteria import Criterion, Elements, element_scores, resolve_criterion
from skdeepopt.pruning._cut import KeptLayer
from skdeepopt.pruning._graph import ChannelGraph
from skdeepopt.pruning._groups import ChannelGroup, ChannelSlice
from skdeepopt.pruning._prunable import check_prunable
from skdeepopt.pruning._ranking import Survivors, highest, n_kept_of, one_each
from skdeepopt.pruning._surgery import OUT, side_size, sliced_tensors

__all__ = ["CHANNEL_SCOPES", "ChannelCut"]

CHANNEL_SCOPES = ("layer", "global", "multiply_adds", "bytes")

_RELATIVE = ("lamp",)
"""Criteria whose finished scores are shares of their group, and compare across groups as they
are (Lee 2021, arXiv:2010.07611, section 3)."""


class ChannelCut:
    """Removes the channels of convolutions and the neurons of linear layers that matter least.

    A channel goes from all layers that share it: those that emit it, the norms that it passes,
    and those that read it. Its score is the sum over the weights that go with it, of all these
    layers (Fang 2023); across groups of layers scores are compared after division by the mean of
    their group. Each group keeps at least one channel.

    Parameters
    ----------
    module : torch.nn.Module
        Shrinks in place; masks shrink with it.
    example : Tensor of shape (n_samples, ...)
        An input. Two samples are used.
    criterion : str or callable, default="magnitude"
        See :func:`resolve_criterion`. A callable sees the weights of convolutions and linear
        layers, and the scales of norms, which have one axis.
    scope : {"layer", "global", "multiply_adds", "bytes"}, default="global"
        What the ratio is a share of: each group's channels; all channels, ranked together; the
        multiply-adds of a sample, or the bytes of parameters and buffers, where channels go in
        the order of their scores until no more is left than asked. What a channel costs does not
        change its rank: by score per cost the first convolutions are left next to nothing.
    seed : int, default=0
        Of the criterion ``"random"``.

    Raises
    ------
    ValueError, TypeError
        An option is not among those above; the module has no channels to remove; channels cannot
        be followed through a layer, which is named; weights are not finite.

    Notes
    -----
    Channels that can only go together, such as one in each group of a grouped convolution, count
    as one.

    References
    ----------
    Fang, Ma, Song, Mi & Wang (2023), DepGraph, arXiv:2301.12900, section 3.3.
    Liu, Li, Shen, Huang, Yan & Zhang (2017), arXiv:1708.06519, section 3 (``"batch_norm"``).

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    >>> cut = ChannelCut(network, torch.zeros(1, 4))
    >>> cut.to(0.75)
    True
    >>> network[0], network[2]
    (Linear(in_features=4, out_features=2, bias=True), Linear(in_features=2, out_features=3, \
bias=True))
    """

    def __init__(
        self,
        module: nn.Module,
        example: torch.Tensor,
        criterion: str | Elements = "magnitude",
        *,
        scope: str = "global",
        seed: int = 0,
    ) -> None:
        self.module = module
        self.example = example[:2]
        self.criterion = resolve_criterion(criterion, owner="ChannelCut")
        self.scope = scope
        self.seed = seed
        self.ratio = 0.0
        check_choice(self, "scope", CHANNEL_SCOPES)
        self._graph = ChannelGraph(module, example, owner="ChannelCut")
        if not self._graph.groups:
            raise ValueError(
                "ChannelCut removes channels between two layers, and every channel of "
                f"{type(module).__name__} belongs to its input or its answer. Did you mean to "
                "prune weights?"
            )
        self._n_at_first = [group.n_channels for group in self._graph.groups]
        self._totals = {n: side_size(part, OUT) for n, part in weight_layers(module).items()}
        self._at_minimum = [False] * len(self._graph.groups)
        if scope in ("multiply_adds", "bytes"):
            self._cost_at_first = self._costs().total

    def to(self, ratio: float) -> bool:
        """Remove channels up to `ratio` in all; True where some went.

        Parameters
        ----------
        ratio : float
            Share removed of what there was at first, in [0, 1).

        Raises
        ------
        ValueError
            Not such a ratio; weights are not finite; the criterion does not answer as it should.
        """
        self.ratio = ratio
        if check_ratio(self, "ratio") == 0:
            return False
        check_prunable(self.module, owner="ChannelCut")
        scores = group_scores(self.module, self._graph.groups, self.criterion, self.seed)
        kept, is_minimum = self._survivors(scores)
        self._at_minimum = [a or b for a, b in zip(self._at_minimum, is_minimum, strict=True)]
        if all(bool(part.all()) for part in kept):
            return False
        self._graph.remove([~part for part in kept])
        return True

    def kept(self) -> list[KeptLayer]:
        """Channels left that each layer emits, after the last cut."""
        held = {
            part.name
            for group, is_held in zip(self._graph.groups, self._at_minimum, strict=True)
            for part in group.on(OUT)
            if is_held
        }
        return [
            KeptLayer(
                name=name,
                kind=type_before_parametrizations(layer).__name__,
                kept=side_size(layer, OUT),
                total=self._totals[name],
                unit="channels",
                at_minimum=name in held,
            )
            for name, layer in weight_layers(self.module).items()
        ]

    def _survivors(self, scores: list[torch.Tensor]) -> Survivors:
        if self.scope == "layer":
            counts = [n_kept_of(n, self.ratio) for n in self._n_at_first]
            kept = [highest(part, max(1, n)) for part, n in zip(scores, counts, strict=True)]
            return Survivors(kept, [n < 1 for n in counts])
        if self.scope == "global":
            n_kept = n_kept_of(sum(self._n_at_first), self.ratio)
            return one_each(scores, lambda ranked: highest(ranked, max(n_kept, _n_held(ranked))))
        return affordable(scores, self._costs(), (1 - self.ratio) * self._cost_at_first)

    def _costs(self) -> ChannelCosts:
        return ChannelCosts(self.module, self.example, self._graph.groups, self.scope)


def group_scores(
    module: nn.Module, groups: Sequence[ChannelGroup], criterion: Criterion, seed: int = 0
) -> list[torch.Tensor]:
    """Scores of the channels of each group, comparable across groups.

    Parameters
    ----------
    module : torch.nn.Module
    groups : sequence of ChannelGroup
    criterion : Criterion
    seed : int, default=0
        Of the criterion ``"random"``.

    Returns
    -------
    scores : list of Tensor of shape (n_channels,), float64
    """
    generator = torch.Generator().manual_seed(seed)
    scores = []
    for group in groups:
        finished = criterion.finish(_summed(module, group, criterion), generator).double()
        mean = finished.mean()
        is_relative = criterion.name in _RELATIVE or mean <= 0
        scores.append(finished if is_relative else finished / mean)
    return scores


def _summed(module: nn.Module, group: ChannelGroup, criterion: Criterion) -> torch.Tensor:
    """Sum over the weights of each channel: of the batch norms alone where those are asked for."""
    layers = {part: module.get_submodule(part.name) for part in group.slices if part.axis is None}
    norms = {part: layer for part, layer in layers.items() if isinstance(layer, _BatchNorm)}
    scales = {part: layer for part, layer in norms.items() if layer.affine}
    read = scales if criterion.reads_norm and scales else layers
    total = torch.zeros(group.n_channels + 1, dtype=torch.float64)
    for part, layer in read.items():
        if not isinstance(layer, nn.PReLU):
            _add(total, part, layer, criterion)
    return total[:-1]


def _add(total: torch.Tensor, part: ChannelSlice, layer: nn.Module, criterion: Criterion) -> None:
    """Add the scores of one layer's weights to the channels' `total`; its last is of no channel."""
    for name, axis in sliced_tensors(layer, part.side):
        if name == "weight":
            weight: torch.Tensor = getattr(layer, name)
            gradient = weight_gradient(layer) if isinstance(layer, Layer) else weight.grad
            scores = element_scores(criterion, weight, gradient, layer=part.name)
            along = scores.double().movedim(axis, 0).reshape(scores.shape[axis], -1).sum(1).cpu()
            total.index_add_(0, part.channel[: len(along)] % len(total), along)


def _n_held(ranked: torch.Tensor) -> int:
    """How many channels stay whatever the ratio."""
    return int((ranked == torch.inf).sum())
