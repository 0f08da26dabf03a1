"""Whole residual blocks removed, so that the network is less deep."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from skdeepopt._validation import check_choice, check_ratio
from skdeepopt.layers._cost import layer_costs, total_bytes
from skdeepopt.layers._evaluation import in_evaluation, samples_for
from skdeepopt.layers._weighted import weight_gradient, weight_layers
from skdeepopt.pruning._criteria import Elements, element_scores, resolve_criterion
from skdeepopt.pruning._cut import KeptLayer
from skdeepopt.pruning._prunable import check_prunable
from skdeepopt.pruning._ranking import highest, n_kept_of

__all__ = ["BLOCK_SCOPES", "BlockCut", "residual_blocks"]

BLOCK_SCOPES = ("global", "multiply_adds", "bytes")


class BlockCut:
    """Replaces the residual blocks that matter least by ``nn.Identity``.

    A block can go where its input is passed around it: what is left is that input. Its score is
    the mean score of its weights, so that large blocks and small ones compare.

    Parameters
    ----------
    module : torch.nn.Module
        Loses blocks in place.
    example : Tensor of shape (n_samples, ...)
        An input. Two samples are used.
    criterion : str or callable, default="magnitude"
        See :func:`resolve_criterion`.
    scope : {"global", "multiply_adds", "bytes"}, default="global"
        What the ratio is a share of: the removable blocks; or the multiply-adds of a sample, or
        the bytes of parameters and buffers, where blocks go until no more is left than asked, or
        no block.
    seed : int, default=0
        Of the criterion ``"random"``.

    Raises
    ------
    ValueError, TypeError
        An option is not among those above; the module has no such block.

    References
    ----------
    Veit, Wilber & Belongie (2016), arXiv:1605.06431, section 4.1, removes blocks of a trained
    residual network.

    Examples
    --------
    >>> from skdeepopt.nets import ResidualCNN
    >>> network = ResidualCNN((3, 8, 8), 10, depth=2)
    >>> cut = BlockCut(network, torch.zeros(1, 3, 8, 8))
    >>> cut.to(0.5)
    True
    >>> [block.kept for block in cut.kept()].count(0)
    2
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
        self.example = example
        self.criterion = resolve_criterion(criterion, owner="BlockCut")
        self.scope = scope
        self.seed = seed
        self.ratio = 0.0
        check_choice(self, "scope", BLOCK_SCOPES)
        check_prunable(module, owner="BlockCut")
        blocks = residual_blocks(module, example)
        if not blocks:
            raise ValueError(
                "BlockCut.module is a network with residual blocks that keep the shape of their "
                f"input, and {type(module).__name__} has none. Did you mean to prune channels?"
            )
        self._kinds = {name: type(block).__name__ for name, block in blocks.items()}
        self._left = list(blocks)
        self._cost_at_first = self._cost()

    def to(self, ratio: float) -> bool:
        """Remove blocks up to `ratio` in all; True where some went.

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
        if check_ratio(self, "ratio") == 0 or not self._left:
            return False
        check_prunable(self.module, owner="BlockCut")
        scores = self._scores()
        if self.scope == "global":
            kept = highest(scores, n_kept_of(len(self._kinds), ratio))
            gone = [name for name, stays in zip(self._left, kept, strict=True) if not stays]
            for name in gone:
                self._remove(name)
            return bool(gone)
        return self._remove_down_to((1 - ratio) * self._cost_at_first, scores)

    def kept(self) -> list[KeptLayer]:
        """Whether each block is left, after the last cut."""
        return [
            KeptLayer(name, kind, int(name in self._left), 1, "blocks")
            for name, kind in self._kinds.items()
        ]

    def _remove_down_to(self, target: float, scores: torch.Tensor) -> bool:
        order = [self._left[i] for i in scores.argsort(stable=True).tolist()]
        n_before = len(order)
        while order and self._cost() > target:
            self._remove(order.pop(0))
        return len(order) < n_before

    def _cost(self) -> int:
        if self.scope == "bytes":
            return total_bytes(self.module)
        return sum(cost.multiply_adds for cost in layer_costs(self.module, self.example).values())

    def _remove(self, name: str) -> None:
        self.module.set_submodule(name, nn.Identity())
        self._left.remove(name)

    def _scores(self) -> torch.Tensor:
        means = torch.stack([self._mean(name) for name in self._left])
        return self.criterion.finish(means, torch.Generator().manual_seed(self.seed))

    def _mean(self, name: str) -> torch.Tensor:
        """Over the weights of a block, or over the scales of its norms where those are read."""
        block = self.module.get_submodule(name)
        scales = {
            f"{name}.{inner}": (part.weight, part.weight.grad)
            for inner, part in block.named_modules()
            if isinstance(part, _NormBase) and part.affine
        }
        weights = {
            f"{name}.{inner}": (layer.weight, weight_gradient(layer))
            for inner, layer in weight_layers(block).items()
        }
        read = scales if self.criterion.reads_norm and scales else weights
        scores = [
            element_scores(self.criterion, weight, gradient, layer=layer).double().flatten()
            for layer, (weight, gradient) in read.items()
        ]
        return torch.cat(scores).mean().cpu()


def residual_blocks(module: nn.Module, example: torch.Tensor) -> dict[str, nn.Module]:
    """Outermost submodules that pass their input around their layers, by qualified name.

    Such a block has convolutions or linear layers, keeps the shape of its input, and still tells
    two inputs apart when all its weights, and all blocks inside, answer zero: a chain of blocks
    is none itself. torch's own classes are no blocks, whatever is in them.

    Parameters
    ----------
    module : torch.nn.Module
        Run in evaluation mode, and left in the mode it was in.
    example : Tensor of shape (n_samples, ...)

    Examples
    --------
    >>> from skdeepopt.nets import ResidualCNN
    >>> list(residual_blocks(ResidualCNN((3, 8, 8), 10), torch.zeros(1, 3, 8, 8)))
    ['blocks.0']
    """
    shapes = _shapes_kept(module, example)
    found: dict[str, nn.Module] = {}
    for name, part in module.named_modules():
        is_inner = any(name.startswith(f"{outer}.") for outer in found)
        if part in shapes and name and not is_inner and _passes_input(part, shapes):
            found[name] = part
    return found


def _shapes_kept(module: nn.Module, example: torch.Tensor) -> dict[nn.Module, torch.Size]:
    """Input shape of each candidate that is run once on a tensor and keeps its shape."""
    shapes: dict[nn.Module, torch.Size] = {}
    refused: set[nn.Module] = set()

    def note(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        is_one = len(inputs) == 1 and isinstance(inputs[0], torch.Tensor)
        same = is_one and isinstance(output, torch.Tensor) and output.shape == inputs[0].shape
        if not same or part in shapes:
            refused.add(part)
        else:
            shapes[part] = output.shape

    candidates = [
        part
        for part in module.modules()
        if not type(part).__module__.startswith("torch.nn.") and weight_layers(part)
    ]
    handles = [part.register_forward_hook(note) for part in candidates]
    try:
        with in_evaluation(module):
            module(samples_for(module, example, 2))
    finally:
        for handle in handles:
            handle.remove()
    return {part: shape for part, shape in shapes.items() if part not in refused}


def _passes_input(block: nn.Module, shapes: Mapping[nn.Module, torch.Size]) -> bool:
    inner = [name for name, part in block.named_modules() if name and part in shapes]
    silent = copy.deepcopy(block)
    for state in (*silent.parameters(), *silent.buffers()):
        state.data.zero_()
    for name in inner:
        silent.get_submodule(name).register_forward_hook(_zeros)
    generator, tensor = torch.Generator().manual_seed(0), next(silent.parameters())
    # Not negative, as what comes out of a block that ends in a ReLU.
    inputs = [torch.rand(shapes[block], generator=generator).to(tensor) for _ in range(2)]
    with in_evaluation(silent):
        one, other = (silent(values.clone()) for values in inputs)
    return not torch.allclose(one, other)


def _zeros(_part: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(output)
