"""Single weights pruned, by masks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils.parametrize import type_before_parametrizations

from skdeepopt._validation import check_choice, check_ratio
from skdeepopt.layers._weighted import Layer, weight_gradient, weight_layers
from skdeepopt.pruning._criteria import Elements, element_scores, resolve_criterion
from skdeepopt.pruning._cut import KeptLayer
from skdeepopt.pruning._masks import masks_of, set_masks
from skdeepopt.pruning._patterns import parse_pattern, pattern_mask
from skdeepopt.pruning._prunable import check_prunable
from skdeepopt.pruning._ranking import Survivors, cheapest_removed, highest, n_kept_of, one_each

__all__ = ["SCOPES", "WeightCut"]

SCOPES = ("layer", "global", "multiply_adds", "bytes")


class WeightCut:
    """Masks the weights of convolutions and linear layers that matter least.

    ``total - round(ratio * total)`` weights are left, those that were masked before counted as
    removed; at least one a layer.

    Parameters
    ----------
    module : torch.nn.Module
        Masked in place; masks that it has are kept.
    criterion : str or callable, default="magnitude"
        See :func:`resolve_criterion`. ``"batch_norm"`` ranks channels only.
    scope : {"layer", "global", "multiply_adds", "bytes"}, default="global"
        What the ratio is a share of: each layer's weights; all weights, ranked together; the
        multiply-adds that weights other than zero cost, ranked together by score alone, since a
        score per cost leaves the first convolutions next to nothing; or the same as
        ``"global"``, for every weight takes as many bytes.
    pattern : str or None, default=None
        Such as ``"2:4"``. Any ratio above 0 then means this pattern, and the scope nothing.
    positions : dict of layer name to int, or None
        Multiply-adds per sample of one weight, needed by scope ``"multiply_adds"``: output
        positions of a convolution (input positions of a transposed one), 1 for a linear layer.
    seed : int, default=0
        Of the criterion ``"random"``.

    Raises
    ------
    ValueError, TypeError
        An option is not among those above, or the module's weights cannot be ranked.

    References
    ----------
    Han, Pool, Tran & Dally (2015), arXiv:1506.02626, section 3.
    Mishra et al. (2021), arXiv:2104.08378, section 3 (N:M patterns).

    Examples
    --------
    >>> layer = nn.Linear(10, 2)
    >>> cut = WeightCut(layer)
    >>> cut.to(0.75)
    False
    >>> int((layer.weight != 0).sum()), cut.kept()[0].kept
    (5, 5)
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: str | Elements = "magnitude",
        *,
        scope: str = "global",
        pattern: str | None = None,
        positions: Mapping[str, int] | None = None,
        seed: int = 0,
    ) -> None:
        self.module = module
        self.criterion = resolve_criterion(criterion, owner="WeightCut")
        self.scope = scope
        self.pattern = None if pattern is None else parse_pattern(pattern)
        self.positions = positions
        self.seed = seed
        self.ratio = 0.0
        layers = check_prunable(module, owner="WeightCut")
        self._alive = {
            name: torch.ones_like(layer.weight, dtype=torch.bool) for name, layer in layers.items()
        } | masks_of(module)
        self._at_minimum = dict.fromkeys(layers, False)
        self._check_options(layers)

    def to(self, ratio: float) -> bool:
        """Mask weights up to `ratio` in all; False, for the Parameters stay.

        Parameters
        ----------
        ratio : float
            Share removed, in [0, 1).

        Raises
        ------
        ValueError
            Not such a ratio; weights are not finite; the criterion does not answer as it should.
        """
        self.ratio = ratio
        if check_ratio(self, "ratio") == 0:
            return False
        layers = check_prunable(self.module, owner="WeightCut")
        self._alive |= masks_of(self.module)
        scores = self._scores(layers)
        kept, at_minimum = self._survivors(layers, scores)
        for name, mask in zip(layers, kept, strict=True):
            self._alive[name] = mask.view_as(scores[name]) & self._alive[name]
        self._at_minimum = dict(zip(layers, at_minimum, strict=True))
        set_masks(self.module, {n: mask for n, mask in self._alive.items() if not mask.all()})
        return False

    def kept(self) -> list[KeptLayer]:
        """Weights left of every layer, after the last cut."""
        return [
            KeptLayer(
                name=name,
                kind=type_before_parametrizations(layer).__name__,
                kept=int(self._alive[name].sum()),
                total=self._alive[name].numel(),
                unit="weights",
                at_minimum=self._at_minimum[name],
            )
            for name, layer in weight_layers(self.module).items()
        ]

    @torch.no_grad()
    def _scores(self, layers: Mapping[str, Layer]) -> dict[str, torch.Tensor]:
        """Of each weight, comparable as the criterion makes them; -inf where masked."""
        generator = torch.Generator().manual_seed(self.seed)
        scores = {}
        for name, layer in layers.items():
            gradient = weight_gradient(layer)
            elements = element_scores(self.criterion, layer.weight, gradient, layer=name)
            finished = self.criterion.finish(elements.flatten(), generator).view_as(elements)
            self._alive[name] = self._alive[name].to(finished.device)
            scores[name] = finished.masked_fill(~self._alive[name], -torch.inf)
        return scores

    def _survivors(
        self, layers: Mapping[str, Layer], scores: Mapping[str, torch.Tensor]
    ) -> Survivors:
        if self.pattern is not None:
            masks = [_row_pattern(layers[n], part, *self.pattern) for n, part in scores.items()]
            return Survivors(masks, [False] * len(masks))
        flat = [part.flatten() for part in scores.values()]
        if self.scope == "layer":
            counts = [n_kept_of(len(part), self.ratio) for part in flat]
            kept = [highest(part, max(1, n)) for part, n in zip(flat, counts, strict=True)]
            return Survivors(kept, [n < 1 for n in counts])
        if self.scope == "multiply_adds":
            return self._survivors_by_cost(flat)
        n_kept = max(n_kept_of(sum(map(len, flat)), self.ratio), len(flat))
        return one_each(flat, lambda ranked: highest(ranked, n_kept))

    def _survivors_by_cost(self, flat: list[torch.Tensor]) -> Survivors:
        assert self.positions is not None
        each = torch.tensor([self.positions[name] for name in self._alive])
        sizes = torch.tensor([len(part) for part in flat])
        costs = each.repeat_interleave(sizes).to(flat[0].device)
        target = self.ratio * int((each * sizes).sum())
        return one_each(flat, lambda ranked: cheapest_removed(ranked, costs, target))

    def _check_options(self, layers: Mapping[str, Layer]) -> None:
        check_choice(self, "scope", SCOPES)
        if self.criterion.reads_norm:
            raise ValueError(
                f"WeightCut.criterion ranks single weights, not channels as "
                f"{self.criterion.name!r} does. Did you mean 'magnitude'?"
            )
        missing = [name for name in layers if name not in (self.positions or {})]
        if self.scope == "multiply_adds" and missing:
            raise ValueError(
                f"WeightCut.positions has a number for every layer where the scope is "
                f"'multiply_adds', not none for {missing[0]!r}."
            )


def _row_pattern(layer: Layer, scores: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """Pattern along the inputs, which are the first axis of a transposed convolution."""
    if isinstance(layer, _ConvTransposeNd):
        return pattern_mask(scores.transpose(0, 1), n, m).transpose(0, 1)
    return pattern_mask(scores, n, m)
