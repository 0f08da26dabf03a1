"""Training sparse from the start: weak weights go, promising ones come in their place."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from skdeepopt._validation import check_integer, check_ratio
from skdeepopt.layers._idle_hook import IdleHook
from skdeepopt.layers._weighted import Layer
from skdeepopt.pruning._cut import check_end
from skdeepopt.pruning._masks import bake_masks, mask_of, masks_of, set_masks
from skdeepopt.pruning._prunable import check_prunable
from skdeepopt.pruning._ranking import highest, n_kept_of

__all__ = ["RigL", "erdos_renyi_kernel_counts"]


def erdos_renyi_kernel_counts(
    shapes: Sequence[Sequence[int]], n_kept: int, *, at_most: Sequence[int]
) -> list[int]:
    """Weights of each layer, in proportion to the sum of the sides of its weight, `n_kept` in all.

    So that the share kept falls as a layer grows. A layer whose part is more than it has keeps
    all, and the others share the rest.

    Parameters
    ----------
    shapes : sequence of shapes
        Of the weights.
    n_kept : int
        At least one a layer.
    at_most : sequence of int
        Weights that each layer has to keep.

    References
    ----------
    Evci, Gale, Menick, Castro & Elsen (2020), arXiv:1911.11134, section 3, part (1).

    Examples
    --------
    >>> erdos_renyi_kernel_counts([(4, 2), (100, 100)], 908, at_most=[8, 10000])
    [8, 900]
    """
    sides = [sum(shape) for shape in shapes]
    full: set[int] = set()
    while True:
        left = n_kept - sum(at_most[i] for i in full)
        scale = left / max(1, sum(side for i, side in enumerate(sides) if i not in full))
        parts = [at_most[i] if i in full else scale * side for i, side in enumerate(sides)]
        over = {i for i, part in enumerate(parts) if part > at_most[i]}
        if not over:
            return _whole(parts, n_kept, at_most)
        full |= over


def _whole(parts: Sequence[float], n_kept: int, at_most: Sequence[int]) -> list[int]:
    """Nearest whole numbers with the same sum, each at least 1."""
    counts = [min(max(1, int(part)), most) for part, most in zip(parts, at_most, strict=True)]
    while missing := n_kept - sum(counts):
        step = 1 if missing > 0 else -1
        able = [i for i, count in enumerate(counts) if 1 <= count + step <= at_most[i]]
        counts[max(able, key=lambda i: step * (parts[i] - counts[i]))] += step
    return counts


class RigL(IdleHook):
    """Training hook that keeps the network sparse, and moves its weights to where they help.

    Every so often each layer's smallest weights are dropped, and as many are grown where the
    gradient is largest, from zero. The number of weights stays. Masks that the module has before
    are never grown into.

    Parameters
    ----------
    module : torch.nn.Module
        Masked while it trains; afterwards the zeros are in its weights.
    ratio : float
        Share of the weights that is zero, in [0, 1).
    drop_fraction : float, default=0.3
        Share of the weights that is moved at first; falls to 0 along a cosine.
    update_every : int, default=100
        Steps between two moves.
    end : float, default=0.75
        Share of the training after which nothing moves.
    seed : int, default=0
        Of the first masks.

    References
    ----------
    Evci, Gale, Menick, Castro & Elsen (2020), arXiv:1911.11134, section 3.

    Examples
    --------
    >>> layer = nn.Linear(10, 10)
    >>> RigL(layer, 0.9).before_training(n_steps=1000)
    False
    >>> int((layer.weight != 0).sum())
    10
    """

    def __init__(
        self,
        module: nn.Module,
        ratio: float,
        *,
        drop_fraction: float = 0.3,
        update_every: int = 100,
        end: float = 0.75,
        seed: int = 0,
    ) -> None:
        self.module = module
        self.ratio = ratio
        self.drop_fraction = drop_fraction
        self.update_every = update_every
        self.end = end
        self.seed = seed
        check_ratio(self, "ratio")
        check_ratio(self, "drop_fraction")
        check_integer(self, "update_every")
        check_end(self)
        self._growable: dict[str, torch.Tensor] = {}
        self._step = 0
        self._last_step = 0.0

    def before_training(self, n_steps: int) -> bool:
        """Mask at random, in the proportions of :func:`erdos_renyi_kernel_counts`.

        Parameters
        ----------
        n_steps : int
            Of the training to come.
        """
        layers = check_prunable(self.module, owner="RigL")
        present = masks_of(self.module)
        self._growable = {
            name: present.get(name, torch.ones_like(layer.weight, dtype=torch.bool))
            for name, layer in layers.items()
        }
        self._step, self._last_step = 0, self.end * n_steps
        set_masks(self.module, self._first_masks(layers))
        self._watch()
        return False

    @torch.no_grad()
    def after_step(self, progress: float) -> bool:
        """Move weights where it is time to; False, for the Parameters stay.

        Parameters
        ----------
        progress : float
            Not read: steps are counted.
        """
        self._step += 1
        if self._is_due(self._step):
            fraction = self.drop_fraction * _half_cosine(self._step / self._last_step)
            for name, layer in check_prunable(self.module, owner="RigL").items():
                _move(layer, self._growable[name], fraction)
        self._watch()
        return False

    def after_training(self) -> None:
        """Write the zeros into the weights."""
        bake_masks(self.module)

    def _is_due(self, step: int) -> bool:
        return step % self.update_every == 0 and step < self._last_step

    def _watch(self) -> None:
        """Have the masks remember the gradients of the next step where they will be read."""
        for name in self._growable:
            mask = mask_of(self.module.get_submodule(name))  # type: ignore[arg-type]
            assert mask is not None
            mask.watch(self._is_due(self._step + 1))

    def _first_masks(self, layers: dict[str, Layer]) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        shapes = [layer.weight.shape for layer in layers.values()]
        n_growable = [int(mask.sum()) for mask in self._growable.values()]
        asked = n_kept_of(sum(shape.numel() for shape in shapes), self.ratio)
        n_kept = min(max(asked, len(shapes)), sum(n_growable))
        counts = erdos_renyi_kernel_counts(shapes, n_kept, at_most=n_growable)
        masks = {}
        for (name, growable), count in zip(self._growable.items(), counts, strict=True):
            drawn = torch.rand(growable.shape, generator=generator).to(growable.device)
            masks[name] = highest(drawn.masked_fill(~growable, -1).flatten(), count).view_as(drawn)
        return masks


def _move(layer: Layer, growable: torch.Tensor, fraction: float) -> None:
    mask = mask_of(layer)
    assert mask is not None
    if mask.dense_gradient is None:
        return  # The step did not run through this layer.
    alive = mask.mask
    n_alive = int(alive.sum())
    n_moved = min(int(fraction * n_alive), int(growable.sum()) - n_alive)
    size = layer.weight.abs().masked_fill(~alive, -1)
    stays = highest(size.flatten(), n_alive - n_moved).view_as(alive)
    pull = mask.dense_gradient.abs().masked_fill(stays | ~growable, -1)
    grown = highest(pull.flatten(), n_moved).view_as(alive)
    original = layer.parametrizations.weight.original  # type: ignore[union-attr]
    original.masked_fill_(grown & ~alive, 0)  # type: ignore[operator]
    mask.mask = stays | grown


def _half_cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2
